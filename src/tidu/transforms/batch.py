"""Batching: a program for one example runs on many at once (vmap). Read `process`."""

import numpy as np
from numpy import ndarray

from ..base.errors import hinted
from ..core.dispatch import below
from ..core.handle import TensorBase, concrete, extra_of, shape_of, wrap
from ..core.levels import Level
from ..core.modes import LOCAL, STATE
from ..core.native import SUM_FROM
from ..primitives.base import move_batch, move_batches, reshape, spread_batch
from ..primitives.define import pad_rank
from ..primitives.structural import concatenate, slice_
from .units import Units, on_units

__all__ = ["BatchLevel", "Batched", "batched_as", "drawn", "drawn_from"]


_new = object.__new__


class Batched:
    __slots__ = ("axis", "element_type", "level", "shape", "tensor")
    dtype = None

    def __init__(self, tensor, axis, level):
        self.tensor, self.axis, self.level = tensor, axis, level
        value = tensor._value
        shape = value.shape
        self.shape = shape[1:] if axis == 0 else shape[:axis] + shape[axis + 1 :]
        dtype = value.dtype
        self.element_type = value.element_type if dtype is None else dtype

    def concrete(self, use):
        raise RuntimeError(hinted(_READ[use], _READ_HINT if self.level.alive else _ESCAPED_HINT))


_BATCHES = (Batched, Units)
_READ = {
    "item": "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over "
    "calling .item() on a Tensor, please try to rewrite what you're doing with other operations. "
    "If error is occurring somewhere inside PyTorch internals, please file a bug report.",
    "bool": "vmap: It looks like you're attempting to use a Tensor in some data-dependent control "
    "flow. We don't support that yet, please file an issue at "
    "https://github.com/pytorch/pytorch/issues .",
    "mask": "vmap: We do not support batching operators that can support dynamic shape. Attempting "
    "to batch over indexing with a boolean mask.",
    "nonzero": "vmap: We do not support batching operators that can output dynamic shape. "
    "Attempted to vmap over aten::nonzero. Please file an issue at "
    "https://github.com/pytorch/pytorch/issues if you need this feature.",
    "numpy": "Cannot access data pointer of Tensor that doesn't have storage",
}
_READ_HINT = (
    "inside vmap a tensor stands for a whole batch: use torch.where instead of `if`, and sums "
    "over masks instead of selection."
)


_ESCAPED_HINT = (
    "it stood for one example inside of the function; return it from the function and use what "
    "vmap gives."
)
_ESCAPED = hinted(
    "Either your tensor may have escaped from inside a function being vmapped and this is a user "
    "error (see https://pytorch.org/functorch/stable/ux_limitations.html), or there is an internal "
    "functorch error in `gen_vmap_plumbing` Please file an issue if it looks like the latter",
    _ESCAPED_HINT,
)


def batched_as(result, model):
    """A new tensor as a batch of equal ones, under each vmap whose batch `model` stands for, so
    that examples may be written into it."""
    levels, value = [], model._value
    while value is not None and value.dtype is None:
        if isinstance(value.level, BatchLevel) and value.level.alive:
            levels.insert(0, value.level)
        inside = getattr(value, "tensor", None)
        value = inside._value if inside is not None else None
    if not levels:
        return result
    array = result._value
    out = wrap(np.array(np.broadcast_to(array, (*[lv.size for lv in levels], *array.shape))))
    for level in levels:
        out = level.lift(out, 0)
    return out


class BatchLevel(Level):
    """One running `vmap` over `size` examples; `randomness` is 'error', 'same' or 'different'."""

    def __init__(self, size, randomness="error"):
        self.size, self.randomness = size, randomness

    def __enter__(self):
        super().__enter__()
        self.outer_batches, LOCAL.batches = LOCAL.batches, (*LOCAL.batches, self)
        return self

    def __exit__(self, *exc):
        LOCAL.batches = self.outer_batches
        return super().__exit__(*exc)

    def lift(self, tensor, axis):
        # wrap(Batched(tensor, axis, self)), written out: each operation inside pays for it.
        batched, handle = _new(Batched), _new(TensorBase.handle_class)
        batched.tensor, batched.axis, batched.level = tensor, axis, self
        value = tensor._value
        shape, dtype = value.shape, value.dtype
        batched.shape = shape[1:] if axis == 0 else shape[:axis] + shape[axis + 1 :]
        batched.element_type = value.element_type if dtype is None else dtype
        handle._value = batched
        handle._node = handle._grad = handle._view = handle._extra = None
        if STATE.special and LOCAL.inference:
            extra_of(handle).inference = True
        return handle

    def split(self, handle):
        """(tensor of the level below, batch axis or None)."""
        if isinstance(handle, TensorBase):
            value = handle._value
            if value.__class__ in _BATCHES and value.level is self:
                return value.tensor, value.axis
        return handle, None

    def fronted(self, handle):
        """The tensor below with the batch axis first, repeated if it had none."""
        tensor, axis = self.split(handle)
        return spread_batch(tensor, self.size) if axis is None else move_batch(tensor, axis)

    def process(self, prim, args, params):
        tensors, axes, batched, units = [], [], False, False
        for a in args:
            axis = None
            if isinstance(a, TensorBase):
                value = a._value
                if value.__class__ is Batched and value.level is self:
                    a, axis, batched = value.tensor, value.axis, True
                elif value.__class__ is Units and value.level is self:
                    a, axis, batched, units = value, 0, True, True
            tensors.append(a)
            axes.append(axis)
        if units and self.alive:
            found = on_units(prim, tensors, [a is not None for a in axes], params)
            if found is not None:
                return wrap(found) if found.__class__ is Units else self.lift(*found)
            tensors = [t.tensor if t.__class__ is Units else t for t in tensors]
        if not self.alive:
            raise RuntimeError(_ESCAPED)
        if not batched:
            return below(prim, tensors, params)
        if prim.kind == "elementwise" and not STATE.special:
            out = _at_once(prim, tensors, axes, params)
            if out is not None:
                return self.lift(out, 0)
        if prim.batch is None:
            out, axis = self.one_by_one(prim, tensors, axes, params), 0
        else:
            out, axis = prim.batch(prim, tensors, axes, params)
        if out.__class__ is tuple:
            places = axis if axis.__class__ is tuple else (axis,) * len(out)
            return tuple(
                [o if a is None else self.lift(o, a) for o, a in zip(out, places, strict=True)]
            )
        return self.lift(out, axis)

    def one_by_one(self, prim, tensors, axes, params):
        """For a primitive without a batch rule: each example by itself, then joined."""
        fronted = move_batches(tensors, axes)
        results = []
        for i in range(self.size):
            row = [
                t if a is None else slice_(t, index=(i, ...))
                for t, a in zip(fronted, axes, strict=True)
            ]
            results.append(prim(*row, **params))
        if results[0].__class__ is tuple:
            return tuple([join(list(column)) for column in zip(*results, strict=True)])
        return join(results)


def _at_once(prim, tensors, axes, params):
    """What an elementwise primitive gives for batches in memory which all lie first, of equal
    ranks, and numbers; None where more is to be done. It is `prim.batch` without its detours."""
    values, rank = [], None
    for tensor, axis in zip(tensors, axes, strict=True):
        if axis is None:
            if isinstance(tensor, TensorBase):
                return None
            values.append(tensor)
            continue
        value = tensor._value
        if axis or value.__class__ is not ndarray or tensor._node is not None:
            return None
        if value.size >= SUM_FROM or (rank is not None and rank != value.ndim):
            return None
        rank = value.ndim
        values.append(value)
    out = prim.eval(*values, **params)
    return None if out.__class__ is tuple else wrap(out)


def join(tensors):
    """The tensors along a new leading axis."""
    rows = [reshape(t, shape=(1, *shape_of(t))) for t in tensors]
    return concatenate(*rows, axis=0)


# --- random numbers -----------------------------------------------------------------------------


def drawn(draw, shape):
    """draw(shape) as a tensor: for each example by itself where a running vmap asks for it."""
    levels = [level for level in LOCAL.batches if _differs(level)]
    shape = (*[level.size for level in levels], *shape)
    tensor = wrap(draw(shape)) if LOCAL.tracer is None else LOCAL.tracer.drawn(draw, shape)
    for level in levels:
        tensor = level.lift(tensor, 0)
    return tensor


def drawn_from(draw, *tensors):
    """draw(*arrays) as a tensor, for the values of `tensors` (and numbers), as `drawn`."""
    return _drawn_below(draw, tensors, LOCAL.batches)


def _drawn_below(draw, tensors, levels):
    if not levels:
        if LOCAL.tracer is not None:
            return LOCAL.tracer.drawn(draw, None, tensors)
        return wrap(draw(*[concrete(t) if isinstance(t, TensorBase) else t for t in tensors]))
    *outer, level = levels
    if not _differs(level):
        if any(level.split(t)[1] is not None for t in tensors):
            raise RuntimeError(_SAME)
        return _drawn_below(draw, tensors, outer)
    rank = max(len(shape_of(t)) for t in tensors)
    fronted = [
        pad_rank(level.fronted(t), rank) if isinstance(t, TensorBase) else t for t in tensors
    ]
    return level.lift(_drawn_below(draw, fronted, outer), 0)


def _differs(level):
    if level.randomness == "error":
        raise RuntimeError(_RANDOM)
    return level.randomness == "different"


_RANDOM = hinted(
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap",
    "torch.vmap(f, randomness='different') draws anew for each example.",
)
_SAME = (
    "Vmap does not currently support same randomness with a batched tensor input. Please file an "
    "issue with functorch"
)
