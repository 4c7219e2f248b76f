"""Values in a sentence: 3, "1 (every element)", [0, 4, 8, 12], "2×3 numbers, norm 1.4"."""

import numpy as np

from ...program.signs import added, number_text
from ..recording.values import number_json

__all__ = ["phrase", "sum_phrase"]

SHORT = 6


def phrase(shot, language):
    """A snapshot in few words."""
    if shot is None:
        return {"en": "none", "zh": "无"}[language]
    shape = "×".join(map(str, shot.shape))
    if shot.array is None:
        norm = (shot.summary or {}).get("norm", "?")
        return {"en": f"{shape} numbers, norm {norm}", "zh": f"{shape} 个数,范数 {norm}"}[language]
    flat = shot.array.ravel()
    if flat.size == 1 or (flat.size > 1 and (flat == flat[0]).all()):
        text = number_text(number_json(flat[0]))
        if flat.size == 1:
            return text
        return {"en": f"{text} (every element)", "zh": f"{text}(每个元素)"}[language]
    if flat.size <= SHORT:
        return _nested(shot.array)
    norm = number_text(float(np.linalg.norm(np.abs(flat.astype(np.float64, copy=False)))), 4) \
        if flat.dtype.kind != "c" else "?"  # fmt: skip
    return {"en": f"{shape} numbers, norm {norm}", "zh": f"{shape} 个数,范数 {norm}"}[language]


def _nested(array):
    """[[1, 0], [0, 1]]."""
    if array.ndim == 0:
        return number_text(number_json(array[()]))
    return "[" + ", ".join([_nested(part) for part in array]) + "]"


def sum_phrase(before, gradient, after, language):
    """`1 + 2 = 3`; from nothing, `none → 1`."""
    new = phrase(gradient, language)
    if before is None:
        return f"{phrase(None, language)} → {phrase(after or gradient, language)}"
    total = added([_bare(phrase(before, language)), _bare(new)])
    return f"{total} = {phrase(after, language)}"


def _bare(text):
    return text.partition(" (")[0].partition("(")[0]
