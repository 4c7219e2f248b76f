"""Linear operations on few elements as tables: which elements each element of the result sums up.

Views, joins, cuts, gathers, pads, pools: what they do to small arrays is found by letting them
do it, once with every element's own number, and confirmed on random ones.
"""

import math

import numpy as np

__all__ = ["Free", "tables_of"]

LARGEST = 1024  # elements in and out
DENSE = 256  # elements in, where single elements are sent through one after another
ENTRIES = 8192


class Free:
    """The place of an operand that the table is about."""

    __slots__ = ("shape",)

    def __init__(self, shape):
        self.shape = tuple(shape)


def tables_of(prim, args, params, limit=LARGEST):
    """For each output {"shape", "from", "by"?}, or None if the operation is not linear or large.

    `from` has for each element of the output the number of an element of the operands, which are
    counted through (-1: it is zero), or a list of numbers, with their weights in `by`.
    """
    sizes = [math.prod(a.shape) for a in args if isinstance(a, Free)]
    count = sum(sizes)
    if not 0 < count <= min(limit, LARGEST):
        return None
    call = _caller(prim, args, params, sizes)
    try:
        zero = call(np.zeros(count))
        if any(o.size > min(limit, LARGEST) or o.any() or o.dtype.kind == "c" for o in zero):
            return None
        # Numbers that float32 holds exactly, for operands kept as they are may be of that type.
        drawn = np.random.default_rng(1).standard_normal(count).astype(np.float32).astype(float)
        wanted = call(drawn)
        found = _moves(call, drawn, wanted)
        return found or (_sums(call, drawn, wanted) if count <= DENSE else None)
    except Exception:
        return None  # an operation that cannot be run on numbers like these has no table


def _caller(prim, args, params, sizes):
    ends = np.cumsum([0, *sizes])

    def call(flat):
        ins, k = [], 0
        for a in args:
            if isinstance(a, Free):
                ins.append(flat[ends[k] : ends[k + 1]].reshape(a.shape).copy())
                k += 1
            else:
                ins.append(a)
        with np.errstate(all="ignore"):
            out = prim.eval(*ins, **params)
        return [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]

    return call


def _moves(call, drawn, wanted):
    """Tables of an operation that only moves elements."""
    tables = []
    for out, value in zip(call(np.arange(1.0, len(drawn) + 1)), wanted, strict=True):
        flat = out.ravel()
        if out.dtype.kind != "f" or (flat != np.floor(flat)).any():
            return None
        index = flat.astype(int) - 1
        if index.size and not (-1 <= index.min() and index.max() < len(drawn)):
            return None
        if not np.array_equal(np.where(index < 0, 0.0, drawn[index]), value.ravel()):
            return None
        if len(drawn) and (index < 0).all():
            return None  # more likely it looks for values that are not there
        tables.append({"shape": list(out.shape), "from": index.tolist()})
    return tables


def _sums(call, drawn, wanted):
    """Tables of an operation that adds elements with weights."""
    columns = [call(unit) for unit in np.eye(len(drawn))]
    tables = []
    for k, value in enumerate(wanted):
        matrix = np.stack([column[k].ravel() for column in columns], 1)
        if value.dtype.kind != "f" or np.count_nonzero(matrix) > ENTRIES:
            return None
        close = (1e-9, 1e-12) if value.dtype == np.float64 else (1e-4, 1e-5)
        if not np.allclose(matrix @ drawn, value.ravel(), *close):
            return None
        rows = [np.flatnonzero(row) for row in matrix]
        entry = {"shape": list(value.shape), "from": [row.tolist() for row in rows]}
        if (matrix[matrix != 0] != 1).any():
            entry["by"] = [line[row].tolist() for line, row in zip(matrix, rows, strict=True)]
        tables.append(entry)
    return tables
