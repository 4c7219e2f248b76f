"""Programs of one line, most of them with wrong input, and what comes of each.

`outcome(library, line)` gives values or an error for JSON. `tests/data/lines.json` holds PyTorch's,
which `test_lines.py` asks of this library and `tests/reference/test_lines_reference.py` of PyTorch.
"""

import math
import warnings
from pathlib import Path

LINES = [
    line for line in (Path(__file__).parent / "lines.txt").read_text().splitlines()
    if line and not line.startswith("#")
]  # fmt: skip


def outcome(library, line):
    """[type, shape, numbers] of each tensor, or the error and its first sentence."""
    names = {"t": library, "F": library.nn.functional}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            *statements, last = line.split("; ")
            exec("\n".join(statements), names)
            return told(library, eval(last, names))
        except Exception as error:
            return {"error": type(error).__name__, "message": first_sentence(str(error))}


def first_sentence(message):
    return message.split("\n")[0].split(". ")[0].rstrip(".")


def told(library, value):
    if isinstance(value, (tuple, list)):
        return [told(library, part) for part in value]
    if not isinstance(value, library.Tensor):
        return value
    plain = value.detach().to(library.complex128 if value.is_complex() else library.float64)
    flat = plain.reshape(-1)
    if value.is_complex():
        flat = library.view_as_real(flat).reshape(-1)
    kind = str(value.dtype).split(".")[-1]
    return {"type": kind, "shape": list(value.shape), "numbers": flat.tolist()}


def same(found, wanted):
    """Whether both are the same, to the precision of the type."""
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if not isinstance(wanted, dict) or "error" in wanted or "error" in found:
        return found == wanted
    near = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1e-6, "complex64": 1e-6}
    close = alike(near.get(wanted["type"], 1e-13))
    return (
        found["type"] == wanted["type"] and found["shape"] == wanted["shape"]
        and all(map(close, found["numbers"], wanted["numbers"]))
    )  # fmt: skip


def alike(tolerance):
    """Two numbers are equal, both NaN, or close; zeros have the same sign."""

    def compare(a, b):
        if a == b:
            return a != 0 or math.copysign(1, a) == math.copysign(1, b)
        return (a != a and b != b) or abs(a - b) <= tolerance * abs(b)

    return compare
