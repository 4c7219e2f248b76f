"""Explanation: one recording and its views."""

import os
import sys
import webbrowser
from functools import cached_property

from ..base.lazy import lazy_module
from .document.document import document_of
from .views.exports import ending_of, exported
from .views.notebook import latex_of, markdown_of, notebook_html
from .views.page import page_of
from .views.terminal import print_table, table_text

__all__ = ["Explanation"]

json = lazy_module("json")


class Explanation:
    """What happened in a forward and backward pass, to be printed, shown or saved.

    A context while it records; afterwards `print()`, `html()`, `save()`, `json()`.
    """

    def __init__(self, recording, recorder=None, title=""):
        self.recording, self.title = recording, title
        self._recorder = recorder

    def __enter__(self):
        if self._recorder is None:
            raise RuntimeError("this explanation is complete; tidu.explain() makes a new one")
        self._recorder.__enter__()
        return self

    def __exit__(self, kind, error, traceback):
        recorder, self._recorder = self._recorder, None
        recorder.__exit__(kind, error, traceback)
        self.__dict__.pop("document", None)
        return False

    @cached_property
    def document(self):
        """The JSON document as a dictionary; docs/explain_schema.md describes it."""
        return document_of(self.recording, self.title)

    def json(self, path=None):
        """The document as JSON text, written to `path` if there is one."""
        text = json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))
        if path is not None:
            write(path, text)
        return text

    def html(self, language=None):
        """One self-contained page; `language` is "en" or "zh", by default the reader's own."""
        return page_of(self.document, language)

    def latex(self, call=1):
        """The formulas of one backward call, with numbers, as LaTeX."""
        return latex_of(self.document, call - 1 if call > 0 else call)

    def markdown(self, language="en"):
        """All backward calls in words and tables, as Markdown."""
        return markdown_of(self.document, language)

    def save(self, path, language=None):
        """Write a file; its ending says what.

        .html is the page, .json the document, .md words and tables, .tex the formulas of the last
        backward call, .svg, .dot and .mmd (Mermaid) its graph with values and gradients.
        """
        ending = ending_of(path)
        if ending == ".json":
            self.json(path)
        elif ending == ".html":
            write(path, self.html(language))
        else:
            write(path, exported(self.document, ending, language=language or "en"))
        return path

    def show(self, path="explain.html"):
        """Write the page and open it in the browser."""
        self.save(path)
        webbrowser.open("file://" + os.path.abspath(path))

    def print(self, file=None, call=None, language="en"):
        """The table of steps in the terminal: of one backward call, or of all (up to five)."""
        print_table(self.document, sys.stdout if file is None else file, call, language)

    def gradient_of(self, name):
        """The gradient that reached the tensor called `name` in the last pass, as an array."""
        for call in reversed(self.recording.passes):
            for arrival in call.arrivals:
                if name in arrival.leaf.names:
                    return arrival.gradient.array
            for step in call.steps:
                if name in step.record.names and not isinstance(step.gradient, list):
                    return step.gradient.array
        raise KeyError(f"no gradient reached a tensor called {name!r}")

    def _repr_html_(self):
        return notebook_html(self.document)

    def _repr_latex_(self):
        return latex_of(self.document)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __str__(self):
        return table_text(self.document)

    def __repr__(self):
        count = sum(1 for r in self.recording.records if r.kind == "op")
        return f"Explanation({count} operations, {len(self.recording.passes)} backward calls)"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
