"""The text of each number of a list, as one tensor shows them: one notation and width for all."""

from __future__ import annotations

from math import isfinite

from .options import OPTIONS


def texts_of(values: list, kind: str) -> tuple[list[str], int]:
    """The padded texts of `values` and their width; `kind` is a NumPy kind: "b", "i", "u" or "f".

    >>> texts_of([1.0, -2.5], "f")
    ([' 1.0000', '-2.5000'], 7)
    """
    if kind == "f":
        texts, width = _float_texts(values)
    else:
        texts = [str(value) for value in values]
        width = max(map(len, texts), default=1)
    return [text.rjust(width) for text in texts], width


def _float_texts(values) -> tuple[list[str], int]:
    # Zeros, nans and infinities follow the notation of the others, and do not widen it.
    telling = [value for value in values if value and isfinite(value)]
    whole, scientific = _notation(telling)
    if telling and OPTIONS.sci_mode is not None:
        scientific = OPTIONS.sci_mode
    write = _writer(whole, scientific)
    width = max([len(write(value)) for value in telling], default=1)
    return [write(value) for value in values], width


def _notation(telling) -> tuple[bool, bool]:
    """Whether all values are whole, and whether scientific notation is called for."""
    if not telling:
        return True, False
    sizes = [abs(value) for value in telling]
    smallest, largest = min(sizes), max(sizes)
    whole = all(value.is_integer() for value in telling)
    scientific = largest / smallest > 1000.0 or largest > 1.0e8 or (not whole and smallest < 1.0e-4)
    return whole, scientific


def _writer(whole: bool, scientific: bool):
    if scientific:
        return f"{{:.{OPTIONS.precision}e}}".format
    if whole:
        return _whole_text
    return f"{{:.{OPTIONS.precision}f}}".format


def _whole_text(value: float) -> str:
    return f"{value:.0f}." if isfinite(value) else f"{value:.0f}"
