"""Quantiles of plain rows for the fast path (`core/direct.py`), and how all quantiles are mixed."""

import math

import numpy as np

from ..core.direct import array
from .direct import FLOATS, by_rank

__all__ = ["INTERPOLATIONS", "MIXED", "PICKED", "mixed", "nanquantile", "place_of", "quantile"]


def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """As the general function computes them, of rows in order."""
    x, fractions = _given(input, q, dim, keepdim)
    if interpolation not in INTERPOLATIONS:
        return None
    rows, steps, kind = _sorted(x), x.shape[-1] - 1, x.dtype.type
    parts = [_between(rows, place_of(f, steps, kind), interpolation) for f in fractions]
    last = rows[..., -1]
    if (last != last).any():
        return None
    return _together(parts, q)


def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Of one row; NaN stand at its end."""
    x, fractions = _given(input, q, dim, keepdim)
    if x.ndim != 1 or interpolation not in INTERPOLATIONS:
        return None
    row = _sorted(x)
    last = row.dtype.type(max(np.count_nonzero(row == row) - 1, 0))
    parts = [_between(row, last * f, interpolation) for f in fractions]
    return np.asarray(_together(parts, q))


def _given(input, q, dim, keepdim):
    """(an array whose rows are asked for, the fractions); an error for what others know."""
    x = array(input)
    if x.dtype not in FLOATS or not x.size or not x.ndim or keepdim is not False:
        raise TypeError
    if dim is None:
        x = x.reshape(-1)
    elif dim.__class__ is not int or dim not in (-1, x.ndim - 1):
        raise TypeError
    if q.__class__ is float or q.__class__ is int:
        fractions = [float(x.dtype.type(q))]
    else:
        given = array(q)
        if given.dtype is not x.dtype or given.ndim > 1 or not given.size:
            raise TypeError
        fractions = given.reshape(-1).tolist()
    for fraction in fractions:
        if not 0 <= fraction <= 1:
            raise ValueError
    return x, fractions


def _sorted(x):
    return by_rank(x, x.ndim - 1, False, "sort")[0]


def _between(rows, place, interpolation):
    if interpolation in PICKED:
        return rows[..., PICKED[interpolation](place)].copy()
    low = math.floor(place)
    below, above = rows[..., low], rows[..., math.ceil(place)]
    return mixed(below, above, place - low if interpolation == "linear" else 0.5)


def place_of(fraction, steps, kind):
    """Where a fraction of so many steps is, which PyTorch computes in the elements' type."""
    return float(kind(fraction) * steps)


def mixed(below, above, weight):
    """Between the two, counted from the nearer."""
    step = above - below
    return below + step * weight if weight < 0.5 else above - step * (1 - weight)


PICKED = {"lower": math.floor, "higher": math.ceil, "nearest": round}
MIXED = ("linear", "midpoint")
INTERPOLATIONS = {*PICKED, *MIXED}


def _together(parts, q):
    if q.__class__ is float or q.__class__ is int or not q._value.ndim:
        return parts[0]
    return np.array(parts)
