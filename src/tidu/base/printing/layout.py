"""PyTorch's text of a tensor: brackets, lines, summaries, and the properties after the values.

Read `tensor_text` first. It takes arrays and plain strings and flags; it knows nothing of tensors.
"""

from __future__ import annotations

import numpy as np

from .numbers import texts_of
from .options import OPTIONS

_NAMES_NOT_SHOWN = ("int64", "bool")
_COMPLEX_OF = {"float64": "complex128"}


def tensor_text(
    array,
    *,
    default_dtype: str = "float32",
    requires_grad: bool = False,
    grad_fn: str | None = None,
    parameter: bool = False,
    prefix: str = "tensor(",
    before: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
) -> str:
    """The `repr` of a tensor with the values of `array` (an ndarray or a NumPy scalar).

    default_dtype: the float type that is not named. grad_fn: the name of the node, shown in place
    of requires_grad. parameter: put "Parameter containing:" above. before, after: more properties,
    such as "device='cuda:0'" or "tangent=...", in front of and behind the ordinary ones.

    >>> tensor_text(np.array([1.5, -2.0]), requires_grad=True)
    'tensor([ 1.5000, -2.0000], dtype=torch.float64, requires_grad=True)'
    """
    array = np.asarray(array)
    indent = len(prefix)
    properties = [*before, *_dtype_and_size(array, default_dtype)]
    if grad_fn is not None:
        properties.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        properties.append("requires_grad=True")
    properties.extend(after)
    text = with_properties(prefix + values_text(array, indent), properties, indent)
    return f"Parameter containing:\n{text}" if parameter else text


def _dtype_and_size(array, default: str) -> list[str]:
    name = array.dtype.name
    if array.size:
        properties = [] if OPTIONS.edgeitems else [f"size={array.shape}"]
        usual = (default, _COMPLEX_OF.get(default, "complex64"), *_NAMES_NOT_SHOWN)
        return properties if name in usual else [*properties, f"dtype=torch.{name}"]
    properties = [] if array.ndim == 1 else [f"size={array.shape}"]
    if name != default:
        properties.append(f"dtype=torch.{name}")
    return properties


def with_properties(text: str, properties, indent: int) -> str:
    """Put `, name=value` after the values, on a new line where the line would grow too long."""
    pieces = [text]
    length = len(text) - text.rfind("\n") + 1
    for words in properties:
        if length + len(words) + 2 > OPTIONS.linewidth:
            pieces.append(f",\n{' ' * indent}{words}")
            length = indent + len(words)
        else:
            pieces.append(f", {words}")
            length += len(words) + 2
    pieces.append(")")
    return "".join(pieces)


def values_text(array: np.ndarray, indent: int = 0) -> str:
    """The values in brackets; lines after the first are indented by `indent`."""
    if not array.size:
        return "[]"
    summarise = array.size > OPTIONS.threshold
    shown = _edges(array) if summarise else array
    texts, width = _element_texts(shown)
    if not array.ndim:
        return texts[0]
    per_line = max(1, (OPTIONS.linewidth - indent - array.ndim + 1) // (width + 2))
    return _Layout(texts, per_line, array.shape, summarise).block(0, indent)


def _edges(array: np.ndarray) -> np.ndarray:
    """Only the elements that a summary shows."""
    n = OPTIONS.edgeitems
    for axis, length in enumerate(array.shape):
        if length > 2 * n:
            keep = np.r_[0:n, length - n : length]
            array = array.take(keep, axis=axis)
    return array


def _element_texts(array: np.ndarray) -> tuple[list[str], int]:
    kind = array.dtype.kind
    if kind == "W":
        array, kind = array.astype(np.complex64), "c"
    if kind == "c":
        return _complex_texts(array)
    if kind == "V":
        array, kind = array.astype(np.float32), "f"
    return texts_of(array.ravel().tolist(), kind)


def _complex_texts(array) -> tuple[list[str], int]:
    reals, width = texts_of(array.real.ravel().tolist(), "f")
    imaginaries, imaginary_width = texts_of(array.imag.ravel().tolist(), "f")
    texts = []
    for real, imaginary in zip(reals, imaginaries, strict=True):
        imaginary = imaginary.lstrip()
        sign = "" if imaginary[0] in "+-" else "+"
        texts.append(f"{real}{sign}{imaginary}j")
    return texts, width + imaginary_width + 1


class _Layout:
    """Takes the texts in order and sets them into nested brackets."""

    def __init__(self, texts, per_line: int, shape, summarise: bool):
        self.texts = iter(texts)
        self.per_line = per_line
        self.shape = shape
        self.edge = OPTIONS.edgeitems if summarise else None

    def block(self, axis: int, indent: int) -> str:
        if axis == len(self.shape) - 1:
            return self.row(axis, indent)
        parts = self.parts(axis, lambda: self.block(axis + 1, indent + 1), "...")
        between = "," + "\n" * (len(self.shape) - 1 - axis) + " " * (indent + 1)
        return f"[{between.join(parts)}]"

    def row(self, axis: int, indent: int) -> str:
        parts = self.parts(axis, self.texts.__next__, " ..." if self.edge else "...")
        lines = [
            ", ".join(parts[start : start + self.per_line])
            for start in range(0, len(parts), self.per_line)
        ]
        between = ",\n" + " " * (indent + 1)
        return f"[{between.join(lines)}]"

    def parts(self, axis: int, make, dots: str) -> list[str]:
        length = self.shape[axis]
        if self.edge is None or length <= 2 * self.edge:
            return [make() for _ in range(length)]
        first = [make() for _ in range(self.edge)]
        return [*first, dots, *[make() for _ in range(self.edge)]]
