"""A write through a view, as a function of the base: what in-place code means to a derivative."""

import numpy as np

from ..core.handle import TensorBase, element_type, lying, shape_of
from ..core.primitive import Primitive
from .arithmetic import imag, masked, neg, real, select
from .base import conj, fronted, reshape
from .bits import BIT_STEPS, conj_view, neg_view, signs_of, stored, unresolved_step
from .indexing import take
from .structural import (
    as_complex,
    as_real,
    as_strided,
    laid_out,
    windows,
    zeros_of,
)  # fmt: skip

__all__ = ["follow", "view_scatter"]


def follow(tensor, steps):
    """The view of `tensor` to which `steps` [(primitive, params)] lead."""
    for prim, params in steps:
        if prim in BIT_STEPS and isinstance(tensor, TensorBase):
            tensor = conj_view(tensor) if prim is conj else neg_view(tensor)
        else:
            tensor = prim(tensor, **params)
    return tensor


def _write(base, part, *, steps, layout):
    # With the strides of the base that was written, so that each step is a view here too.
    view = out = laid_out(base, layout)
    for prim, params in steps:
        view = unresolved_step(view, prim, params)
    lying(view)[...] = stored(view, part)
    return out


def _batch(prim, tensors, axes, params):
    """Where each element of the base comes from is known, so one selection does the write."""
    size, (base, part) = fronted(tensors, axes)
    conjugate, negative = signs_of(params["steps"])
    part = conj(part) if conjugate else part
    part = neg(part) if negative else part
    if any(step in _OF_REAL for step, _ in params["steps"]):
        return _batch_of_real(base, part, size, params), 0
    shape = tuple(shape_of(base))[1:]
    return _merged(base, part, size, shape, _places(shape, **params).reshape(-1)), 0


def _batch_of_real(base, part, size, params):
    """`_batch` where steps lead from complex numbers to real ones, or back: all as real ones."""
    shape, whole = tuple(shape_of(base))[1:], element_type(base).kind == "c"
    places = _places(shape, scale=1 + whole, **params)
    if element_type(part).kind == "c":
        part, places = as_real(part), np.stack([places, places + 1], -1)
    if whole:
        base, shape = as_real(base), (*shape, 2)
    out = _merged(base, part, size, shape, places.reshape(-1))
    return as_complex(out) if whole else out


def _merged(base, part, size, shape, places):
    """`base` with the elements at these places of each of the batch replaced by those of `part`."""
    if places.size == 0:
        return base
    count = int(np.prod(shape))
    source = np.zeros(count, np.int64)
    written = np.zeros(count, bool)
    source[places], written[places] = np.arange(places.size), True
    flat = take(reshape(part, shape=(size, places.size)), source, dims=(1,))
    merged = select(written, flat, reshape(base, shape=(size, count)))
    return reshape(merged, shape=(size, *shape))


def _places(shape, *, steps, layout, scale=1):
    """For each element of the part, its place in a base of this shape; `scale`: an element of the
    base is that many numbers, and places are counted in these."""
    places = laid_out(scale * np.arange(int(np.prod(shape))).reshape(shape), layout)
    for step, params in steps:
        places = _OF_PLACES.get(step, step)(places, **params)
    return places


_OF_REAL = {
    real: lambda places: places,
    imag: lambda places: places + 1,
    as_real: lambda places: np.stack([places, places + 1], -1),
    as_complex: lambda places: places[..., 0],
}
_OF_PLACES = {**dict.fromkeys(BIT_STEPS, lambda places: places), **_OF_REAL}


def _received(g, *, steps, layout):
    """What reaches the part: of elements written to one place, the last one stays there."""
    out = follow(g, steps)
    if not any(prim in OVERLAPPING for prim, _ in steps):
        return out
    places = _places(tuple(shape_of(g)), steps=steps, layout=layout)
    last = np.zeros(places.max(initial=-1) + 1, np.int64)
    last[places.reshape(-1)] = np.arange(places.size)
    stays = last[places] == np.arange(places.size).reshape(places.shape)
    return out if stays.all() else masked(out, stays)


OVERLAPPING = (as_strided, windows)  # views whose elements may lie in one place


def _erased(g, shape, **params):
    kind = element_type(g)  # the part may be the real half of a complex base, so zeros are real
    zeros = np.zeros(tuple(shape), kind if kind.kind != "c" else np.float32)
    return view_scatter(g, zeros, **params)


view_scatter = Primitive(
    "copy_slices", _write, ("base", "part"), batch=_batch,
    vjp={
        "base": lambda g, part_shape, steps, layout: _erased(
            g, part_shape, steps=steps, layout=layout),
        "part": lambda g, steps, layout: _received(g, steps=steps, layout=layout),
    },
    jvp=lambda t, primals, out, params: view_scatter(
        zeros_of(primals[0]) if t[0] is None else t[0],
        zeros_of(primals[1]) if t[1] is None else t[1], **params),
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
    tex="view_scatter(base, part)",
)  # fmt: skip
view_scatter.torch_name = "CopySlices"

view_scatter.kind = "linear"
