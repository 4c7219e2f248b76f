"""Which inputs each element of a value depends on: sets of input numbers travel with the values.

The sets are the rows of a sparse matrix of truth values. What an operation mixes is told by its
kind: elementwise, moving elements, reducing groups, products; unknown ones mix all with all, so a
pattern may be too large but never too small. Read `process`.
"""

from functools import cache

import numpy as np

from ..base.lazy import lazy_module
from ..core.dispatch import below
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.levels import Around, Level
from ..primitives import (
    base,
    contraction,
    convolution,
    indexing,
    network,
    products,
    reductions,
    structural,
    views,
)
from ..primitives.define import Unary

__all__ = ["PatternLevel", "Patterned"]

sparse = lazy_module("scipy.sparse")


class Patterned(Around):
    """A tensor and the sparse matrix (elements x inputs) of what they depend on."""

    __slots__ = ("level", "pattern", "tensor")

    def __init__(self, tensor, pattern, level):
        self.tensor, self.pattern, self.level = tensor, pattern, level


class PatternLevel(Level):
    """One running search for a pattern with `count` inputs in all."""

    def __init__(self, count):
        self.count = count

    def lift(self, tensor, pattern):
        return wrap(Patterned(tensor, pattern, self))

    def split(self, handle):
        if isinstance(handle, TensorBase):
            value = handle._value
            if value.__class__ is Patterned and value.level is self:
                return value.tensor, value.pattern
        return handle, None

    def process(self, prim, args, params):
        pairs = [self.split(a) for a in args]
        values = [v for v, _ in pairs]
        patterns = [p for _, p in pairs]
        out = below(prim, values, params)
        if not self.alive or not prim.differentiable or _flat(prim):
            return out
        if prim.kind == "elementwise":
            patterns = [p if r is not None else None for p, r in _with_rules(prim, patterns)]
        if all(p is None for p in patterns):
            return out
        found = self._mixed(prim, values, patterns, out, params)
        if out.__class__ is tuple:
            return tuple([self.lift(o, p) for o, p in zip(out, found, strict=True)])
        return self.lift(out, found) if element_type(out).kind in "fcV" else out

    def _mixed(self, prim, values, patterns, out, params):
        rule = _RULES.get(prim)
        if rule is not None:
            return rule(self, prim, values, patterns, out, params)
        if prim.kind == "elementwise":
            return self._elementwise(values, patterns, out)
        if prim.kind == "linear" and sum(_size(v) for v, p in _tracked(values, patterns)) <= 4096:
            return self._probed(prim, values, patterns, out, params)
        return self._everything(patterns, out)

    def _elementwise(self, values, patterns, out):
        shape, total = tuple(shape_of(out)), None
        for v, p in _tracked(values, patterns):
            have = tuple(shape_of(v))
            if have != shape:
                p = p[np.broadcast_to(np.arange(_size(v)).reshape(have), shape).reshape(-1)]
            total = p if total is None or total is p else total + p
        return total

    def _everything(self, patterns, out):
        """Each element of the output on all inputs that any operand depends on."""
        row = None
        for p in patterns:
            if p is not None:
                any_of = sparse.csr_array(np.asarray(p.sum(0) > 0).reshape(1, -1))
                row = any_of if row is None else row + any_of
        if out.__class__ is tuple:
            return tuple([row[np.zeros(_size(o), np.int64)] for o in out])
        return row[np.zeros(_size(out), np.int64)]

    def _probed(self, prim, values, patterns, out, params):
        """A linear primitive tells what it mixes by what it makes of unit vectors."""
        plain = [np.array(_memory(v)) if isinstance(v, TensorBase) else v for v in values]
        total = None
        for k, p in enumerate(patterns):
            if p is None:
                continue
            mixing = _probe(prim, plain, patterns, k, params)
            found = [sparse.csr_array(m) @ p for m in mixing]
            total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
        return tuple(total) if out.__class__ is tuple else total[0]


def _probe(prim, plain, patterns, k, params, still=None):
    """(for each output) the truth matrix of elements of input k that reach it."""
    still = still or [
        np.zeros_like(v) if p is not None or (isinstance(v, np.ndarray) and v.dtype.kind in "fc"
        and (i < len(prim.inputs) or not prim.inputs)) else v
        for i, (v, p) in enumerate(zip(plain, patterns, strict=True))
    ]  # fmt: skip
    columns = []
    for i in range(plain[k].size):
        unit = np.zeros(plain[k].size, plain[k].dtype)
        unit[i] = 1
        out = prim.eval(*still[:k], unit.reshape(plain[k].shape), *still[k + 1 :], **params)
        columns.append([np.asarray(o).reshape(-1) != 0 for o in _several(out)])
    return [np.stack(column, 1) for column in zip(*columns, strict=True)]


def _several(out):
    return out if isinstance(out, tuple) else (out,)


def _with_rules(prim, patterns):
    rules = prim.rules or [True] * len(patterns)
    return zip(patterns, rules, strict=True)


@cache
def _flat(prim):
    """Whether the slope of a function of elements is zero everywhere: its rule reads nothing, and
    gives 0 for 1. (All rules of elements are asked for here, so that they are derived anyway.)"""
    if not isinstance(prim, Unary) or prim.place is not None or prim.rules[0] is None:
        return False
    return not prim.rules[0](np.ones(()), (None, None, None), {})


def _tracked(values, patterns):
    return [(v, p) for v, p in zip(values, patterns, strict=True) if p is not None]


def _size(v):
    return int(np.prod(tuple(shape_of(v)), dtype=np.int64))


def _memory(handle):
    value = handle._value
    while value.dtype is None:
        value = value.tensor._value
    return value


# --- moves: evaluated on the numbers of the elements ----------------------------------------------


def _moved(level, prim, values, patterns, out, params):
    """Each element of the output is one of the input's, or a constant (0)."""
    stacked, numbered, start = [], [], 1
    for i, (v, p) in enumerate(zip(values, patterns, strict=True)):
        moves = i < len(prim.inputs) or not prim.inputs
        if p is None:
            plain = _memory(v) if isinstance(v, TensorBase) else v
            still = moves and getattr(plain, "dtype", np.dtype(int)).kind in "fc"
            numbered.append(np.zeros(plain.shape, np.int64) if still else plain)
            continue
        numbered.append(np.arange(start, start + _size(v)).reshape(tuple(shape_of(v))))
        stacked.append(p)
        start += _size(v)
    table = sparse.vstack([sparse.csr_array((1, level.count), dtype=bool), *stacked], "csr")
    found = prim.eval(*numbered, **params)
    picked = [table[np.asarray(o).reshape(-1)] for o in _several(found)]
    return tuple(picked) if out.__class__ is tuple else picked[0]


def _same(level, prim, values, patterns, out, params):
    return patterns[0]


# --- reductions: a group of elements for each element of the output -------------------------------


def _groups(shape, axes):
    """The number of the group each element belongs to, and how many groups there are."""
    kept = [1 if a in axes else n for a, n in enumerate(shape)]
    count = int(np.prod(kept, dtype=np.int64))
    numbers = np.arange(count).reshape(kept)
    return np.broadcast_to(numbers, shape).reshape(-1), count


def _joined(pattern, group, count):
    """The union of the rows of each group."""
    ones = np.ones(group.size, bool)
    gather = sparse.csr_array((ones, (group, np.arange(group.size))), (count, group.size))
    return gather @ pattern


def _reduced(level, prim, values, patterns, out, params):
    return _joined(patterns[0], *_groups(tuple(shape_of(values[0])), params["axes"]))


def _along_axis(level, prim, values, patterns, out, params):
    """Rows of which each element depends on all: softmax, running sums."""
    shape = tuple(shape_of(out))
    group, count = _groups(shape, (params["axis"] % len(shape),))
    return _joined(level._elementwise(values, patterns, out), group, count)[group]


def _mse(level, prim, values, patterns, out, params):
    return level._everything(patterns, out)


# --- products -------------------------------------------------------------------------------------


def _product(level, prim, values, patterns, out, params):
    """Each element of a matrix product on a row of the first and a column of the second."""
    x, y = [tuple(shape_of(v)) for v in values]
    shape, total = tuple(shape_of(out)), None
    if patterns[0] is not None:
        group, count = _groups(x, (len(x) - 1,))
        rows = np.arange(count).reshape(*x[:-1], 1)
        total = _joined(patterns[0], group, count)[np.broadcast_to(rows, shape).reshape(-1)]
    if patterns[1] is not None:
        group, count = _groups(y, (len(y) - 2,))
        columns = np.arange(count).reshape(*y[:-2], 1, y[-1])
        part = _joined(patterns[1], group, count)[np.broadcast_to(columns, shape).reshape(-1)]
        total = part if total is None else total + part
    return total


def _layer(level, prim, values, patterns, out, params):
    """x·Wᵀ + b."""
    shape, x = tuple(shape_of(out)), tuple(shape_of(values[0]))
    total = None
    if patterns[0] is not None:
        group, count = _groups(x, (len(x) - 1,))
        rows = np.arange(count).reshape(*x[:-1], 1)
        total = _joined(patterns[0], group, count)[np.broadcast_to(rows, shape).reshape(-1)]
    column = np.broadcast_to(np.arange(shape[-1]), shape).reshape(-1)
    if patterns[1] is not None:
        group, count = _groups(tuple(shape_of(values[1])), (1,))
        part = _joined(patterns[1], group, count)[column]
        total = part if total is None else total + part
    if len(patterns) == 3 and patterns[2] is not None:
        total = patterns[2][column] if total is None else total + patterns[2][column]
    return total


def _added_rows(level, prim, values, patterns, out, params):
    """put_add and scatter_add: what is added to a place, and what was there."""
    size, numbers = _size(out), np.arange(_size(out)).reshape(tuple(shape_of(out)))
    plain = [_memory(v) if isinstance(v, TensorBase) else v for v in values]
    if prim is indexing.put_add:
        places = numbers[indexing._full_index(plain[1:], params["dims"], numbers.ndim)]
        source, kept = patterns[0], None
        places = np.broadcast_to(places, tuple(shape_of(values[0]))).reshape(-1)
        chosen = np.arange(places.size)
    else:
        kept, source, index = patterns[0], patterns[2], plain[1]
        places = indexing.flat_places(index, numbers.shape, params["axis"]).reshape(-1)
        part = np.arange(_size(values[2])).reshape(tuple(shape_of(values[2])))
        chosen = part[tuple([slice(0, n) for n in index.shape])].reshape(-1)
    if source is None:
        return kept
    ones = np.ones(places.size, bool)
    moved = sparse.csr_array((ones, (places, np.arange(places.size))), (size, places.size))
    total = moved @ source[chosen]
    return total if kept is None else total + kept


def _convolved(level, prim, values, patterns, out, params):
    """Windows of the image; a filter that depends on inputs too mixes everything."""
    if any(p is not None for p in patterns[1:]) or _size(values[0]) > 4096:
        return level._everything(patterns, out)
    plain = [np.array(_memory(v)) if isinstance(v, TensorBase) else v for v in values[:2]]
    plain[1] = np.ones_like(plain[1])
    (mixing,) = _probe(prim, plain, [patterns[0], None], 0, params, still=plain)
    return sparse.csr_array(mixing) @ patterns[0]


_RULES = {}
for _prim in (
    base.reshape, base.transpose, base.broadcast_to, structural.slice_, structural.embed,
    structural.concatenate, structural.flip, structural.roll, structural.diagonal,
    structural.from_diagonal, structural.as_strided, structural.windows, indexing.take,
    indexing.put, indexing.gather, indexing.scatter, structural.split, structural.unbind,
    views.view_scatter,
):  # fmt: skip
    _RULES[_prim] = _moved
for _prim in (base.cast, base.conj, structural.clone, structural.alias):
    _RULES[_prim] = _same
for _prim in (
    base.reduce_sum, reductions.mean, reductions.largest, reductions.smallest, reductions.amax,
    reductions.amin, reductions.median, reductions.nanmedian, reductions.norm2,
    reductions.variance, products.product,
):  # fmt: skip
    _RULES[_prim] = _reduced
for _prim in (network.softmax, network.log_softmax, reductions.cumsum, products.other_products):
    _RULES[_prim] = _along_axis
_RULES[network.mse] = _mse
_RULES[convolution.convolution] = _RULES[convolution.transposed_convolution] = _convolved
_RULES[contraction.matmul] = _product
_RULES[contraction.linear_map] = _RULES[contraction.linear_product] = _layer
_RULES[indexing.put_add] = _RULES[indexing.scatter_add] = _added_rows
