"""Cutting a tensor along an axis into several views at once; the cotangents are joined in one go.

As single slices each part would scatter its cotangent into zeros as large as the whole.
"""

import itertools

import numpy as np

from ..core.handle import element_type
from ..core.primitive import Primitive
from .base import move_batch, reshape
from .structural import concatenate, slice_

__all__ = ["rows", "spans", "split", "unbind"]


def spans(axis, lengths):
    """The index of each part of a split."""
    lead, stops = (slice(None),) * axis, list(itertools.accumulate(lengths))
    return [(*lead, slice(stop - n, stop)) for stop, n in zip(stops, lengths, strict=True)]


def rows(axis, count):
    """The index of each part along an axis that goes."""
    lead = (slice(None),) * axis
    return [(*lead, i, ...) for i in range(count)]


def _split(x, *, axis, lengths):
    return tuple([x[index] for index in spans(axis, lengths)])


def _unbind(x, *, axis, count):
    return tuple([x[index] for index in rows(axis, count)])


def _filled(g, shape_at):
    """The cotangents of all parts: zeros where none arrived."""
    kind = element_type(next(part for part in g if part is not None))
    return [np.zeros(shape_at(i), kind) if part is None else part for i, part in enumerate(g)]


def _split_back(g, x_shape, axis, lengths):
    shape = tuple(x_shape)
    parts = _filled(g, lambda i: (*shape[:axis], lengths[i], *shape[axis + 1 :]))
    return (concatenate(*parts, axis=axis),)


def _unbind_back(g, x_shape, axis, count):
    shape = tuple(x_shape)
    one = (*shape[:axis], 1, *shape[axis + 1 :])
    parts = [reshape(part, shape=one) for part in _filled(g, lambda i: one)]
    return (concatenate(*parts, axis=axis),)


def _batch(prim, tensors, axes, params):
    x = move_batch(tensors[0], axes[0])
    return prim(x, **{**params, "axis": params["axis"] + 1}), 0


def _slices(indices_of):
    return lambda params: [(slice_, {"index": index}) for index in indices_of(**params)]


split = Primitive(
    "split", _split, ("x",), pullback=_split_back, is_view=True, batch=_batch,
    parts=_slices(spans), jvp=lambda t, primals, out, params: split(t[0], **params),
    tex="split(x, lengths, axis)",
)  # fmt: skip
unbind = Primitive(
    "unbind", _unbind, ("x",), pullback=_unbind_back, is_view=True, batch=_batch,
    parts=_slices(rows), jvp=lambda t, primals, out, params: unbind(t[0], **params),
    tex="unbind(x, axis)",
)  # fmt: skip

split.kind = unbind.kind = "linear"
