"""A document in other forms, told by a file's ending: LaTeX, Markdown, SVG, DOT, Mermaid."""

import os

from .notebook import drawing, latex_of, markdown_of
from .picture import dot_of, mermaid_of, svg_of

__all__ = ["ENDINGS", "ending_of", "exported"]

ENDINGS = (".html", ".json", ".md", ".tex", ".svg", ".dot", ".mmd")


def ending_of(path):
    """The ending of a path, which says what is written; a page where there is none."""
    ending = os.path.splitext(os.fspath(path))[1].lower() or ".html"
    ending = {".htm": ".html", ".gv": ".dot", ".mermaid": ".mmd"}.get(ending, ending)
    if ending not in ENDINGS:
        raise ValueError(f"{os.fspath(path)!r} should end in one of {', '.join(ENDINGS)}")
    return ending


def exported(document, ending, call=-1, language="en"):
    """The text of a document, or of the picture of one of its backward calls."""
    if ending == ".md":
        return markdown_of(document, language)
    if not document["passes"]:
        raise ValueError("no backward pass was recorded: there is nothing to write")
    if ending == ".tex":
        return latex_of(document, call)
    write = {".svg": svg_of, ".dot": dot_of, ".mmd": mermaid_of}[ending]
    return write(*drawing(document, document["passes"][call]))
