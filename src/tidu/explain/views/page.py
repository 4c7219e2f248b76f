"""The page: template, style, scripts, libraries and document joined into one HTML file.

The libraries are dagre (layout) and KaTeX (formulas, written as MathML, which needs no fonts). The
page's own policy forbids every request, so it works without a network and tells nobody anything.
"""

import html
from base64 import b64encode
from functools import cache

from ...base.lazy import lazy_module
from ..formulas.notation import ASSETS, for_page
from .terminal import table_text

__all__ = ["page_of"]

json, gzip = lazy_module("json"), lazy_module("gzip")

LARGE = 300_000  # characters of a document

LIBRARIES = ("dagre.min.js", "katex.min.js")
SCRIPTS = (
    "words.js", "model.js", "formula.js", "replay.js", "complex.js", "linalg.js", "state.js",
    "heat.js", "groups.js", "graph.js", "card.js", "source.js", "stepper.js", "tabs.js",
    "methods.js", "training.js", "framed.js", "main.js",
)  # fmt: skip


@cache
def asset(name):
    return (ASSETS / name).read_text(encoding="utf-8")


def page_of(document, language=None):
    """The whole page as text; `language` is "en", "zh" or None for the reader's own."""
    if language not in (None, "en", "zh"):
        raise ValueError(f"language must be 'en' or 'zh', got {language!r}")
    parts = {
        "language": language or "",
        "title": html.escape(document["title"] or "tidu explain"),
        "style": asset("style.css"),
        "notation": in_script(json.dumps(for_page())),
        "document": element_of(json.dumps(document, ensure_ascii=False, separators=(",", ":"))),
        "libraries": "\n".join([licence(name) + asset(name) for name in LIBRARIES]),
        "script": "\n".join([asset(name) for name in SCRIPTS]),
        "fallback": f"<pre>{html.escape(table_text(document))}</pre>",
    }
    text = asset("page.html")
    pieces = text.split("@")
    # Names stand between two signs; what is put in is never read again.
    return "".join([parts[p] if k % 2 else p for k, p in enumerate(pieces)])


def element_of(text):
    """The document's element: JSON, or above some size base64 of gzip, which opens sooner."""
    if len(text) < LARGE:
        return f'<script type="application/json" id="document">{in_script(text)}</script>'
    packed = b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
    return f'<script type="text/plain" id="packed">{packed}</script>'


def in_script(text):
    """JSON that cannot end the script element it stands in."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def licence(name):
    text = asset(name.replace(".min.js", ".LICENSE.txt")).replace("*/", "").replace("/*", "")
    return f"/*! {name}\n{text.strip()}\n*/\n"
