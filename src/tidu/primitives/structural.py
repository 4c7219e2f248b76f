"""Slices, joins, reversals and other moves of elements; all linear, so the transpose says all."""

import itertools

import numpy as np

from ..core.blocks import SHARED, copy, join, put
from ..core.handle import element_type, shape_of
from ..core.primitive import Derived, Primitive
from ..core.versions import owner
from .base import address, are_images, as_pairs, bytes_of, from_pairs, fronted, reshape, strided
from .define import linear
from .transposed import Transposed, pair

__all__ = ["alias", "as_complex", "as_real", "as_strided", "barrier", "clone", "concatenate",
           "detach", "diagonal", "embed", "flip", "from_diagonal", "in_order", "laid_out",
           "layout_of", "places_of", "roll", "rows", "slice_", "spans", "split",
           "unbind", "windows", "zeros_of"]  # fmt: skip


# --- identities ---------------------------------------------------------------------------------


class Same(Derived, Primitive):
    """What gives its input, under a name of its own: in other memory, or another handle."""

    __slots__ = ()
    way = "identities: all rules are those of x"

    @property
    def told(self):
        return "x"


def same(name, kernel, *, moves=True, is_view=False, tex="x"):
    """`kernel` gives its first argument, or a copy. `moves`: whether its derivative is known."""
    prim = Same(
        name, kernel, ("x",), vjp={"x": lambda g: g} if moves else None, is_view=is_view, tex=tex,
        jvp=(lambda t, primals, out, params: prim(t[0], **params)) if moves else None,
        batch=lambda prim, tensors, axes, params: (prim(*tensors, **params), axes[0]),
        shape=lambda prim, args, params: (tuple(shape_of(args[0])), element_type(args[0])),
    )  # fmt: skip
    prim.kind = "linear" if moves else "general"
    return prim


# --- basic indexing: a view ---------------------------------------------------------------------


def _slice(x, *, index):
    return x[index]


def _embed(g, *, index, shape):
    if g.size >= SHARED and (rows := _rows(index, shape[0])) is not None:
        out = np.empty(shape, g.dtype)
        out[: rows.start] = 0
        put(out[rows], g)
        out[rows.stop :] = 0
        return out
    out = np.zeros(shape, g.dtype)
    out[index] = g
    return out


def _rows(index, count):
    """The slice from one row to another, if that is all that is asked for; else None."""
    first, rest = index[0] if index else None, index[1:]
    if first.__class__ is not slice or first.step not in (None, 1) or rest not in ((), (...,)):
        return None
    start, stop, _ = first.indices(count)
    return slice(start, max(start, stop))


slice_, embed = pair(
    "slice", _slice, "slice_backward", _embed, is_view=True,
    batched=lambda index: {"index": (slice(None), *index)},
    tex=("x[index]", "embed(g, index, shape)"),
)  # fmt: skip


# --- copies and joins ---------------------------------------------------------------------------


def _clone(x, *, order="K"):
    """The order of the axes in memory survives, unless elements are repeated or "C" is asked."""
    if x.__class__ is not np.ndarray or x.flags.c_contiguous:
        return copy(x)
    return copy(x) if order == "C" or 0 in x.strides else x.copy(order)


clone = same("clone", _clone)


def _concatenate(*tensors, axis):
    first = tensors[0]
    # Images keep their channels last; everything else lies in order.
    if all(t.flags.c_contiguous for t in tensors) or all(map(are_images, tensors)):
        return join(tensors, axis)
    shape = list(first.shape)
    shape[axis] = sum([t.shape[axis] for t in tensors])
    return np.concatenate(tensors, axis, out=np.empty(shape, first.dtype))


def _split_back(g, shapes, axis, needs):
    parts, start = [], 0
    for shape, needed in zip(shapes, needs, strict=True):
        stop = start + shape[axis]
        index = (slice(None),) * axis + (slice(start, stop),)
        parts.append(slice_(g, index=index) if needed else None)
        start = stop
    return parts


def _join_tangents(tangents, primals, out, params):
    from_zero = [zeros_of(p) if t is None else t for t, p in zip(tangents, primals, strict=True)]
    return concatenate(*from_zero, **params)


def zeros_of(primal):
    """Zeros as wide as a tensor or array, of its type; constant under every transform."""
    return np.zeros(tuple(shape_of(primal)), element_type(primal))


def _batch_concatenate(prim, tensors, axes, params):
    return concatenate(*fronted(tensors, axes)[1], axis=params["axis"] + 1), 0


def _joined(prim, tensors, params):
    shape, axis = list(shape_of(tensors[0])), params["axis"]
    shape[axis] = sum([shape_of(t)[axis] for t in tensors])
    return tuple(shape), np.result_type(*[element_type(t) for t in tensors])


concatenate = Primitive(
    "cat", _concatenate, (), pullback=_split_back, jvp=_join_tangents, batch=_batch_concatenate,
    shape=_joined, tex="cat(*rest)",
)  # fmt: skip
concatenate.kind = "linear"


# --- cuts: views of parts along an axis, the transposes of joins ----------------------------------


class Cut(Transposed):
    """What gives the parts of `concatenate`: views, several at once. As single slices each part
    would scatter its cotangent into zeros as large as the whole; here these are joined in one go.
    """

    __slots__ = ()


def cut(name, kernel, indices, rule, tex):
    """`indices(**params)` are those of the parts; `rule` says of which lengths they are."""
    made = Cut(
        name, kernel, ("x",), pullback=rule, is_view=True, batch=_batch_cut, tex=tex,
        jvp=lambda t, primals, out, params: made(t[0], **params),
        parts=lambda params: [(slice_, {"index": index}) for index in indices(**params)],
    )  # fmt: skip
    made.of, made.kind = concatenate, "linear"
    return made


def _batch_cut(prim, tensors, axes, params):
    return prim(*fronted(tensors, axes)[1], **{**params, "axis": params["axis"] + 1}), 0


def _cut_back(g, shape, axis, lengths):
    """The cotangents of all parts joined; zeros where none arrived."""
    kind = element_type(next(part for part in g if part is not None))
    parts = []
    for part, n in zip(g, lengths, strict=True):
        whole = (*shape[:axis], n, *shape[axis + 1 :])
        if part is None:
            parts.append(np.zeros(whole, kind))
        else:
            parts.append(part if len(shape_of(part)) == len(shape) else reshape(part, shape=whole))
    return (concatenate(*parts, axis=axis),)


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


split = cut(
    "split", _split, spans, tex="split(x, lengths, axis)",
    rule=lambda g, x_shape, axis, lengths: _cut_back(g, tuple(x_shape), axis, lengths),
)  # fmt: skip
unbind = cut(
    "unbind", _unbind, rows, tex="unbind(x, axis)",
    rule=lambda g, x_shape, axis, count: _cut_back(g, tuple(x_shape), axis, (1,) * count),
)  # fmt: skip


# --- order --------------------------------------------------------------------------------------


def _flip(x, *, axes):
    return np.flip(x, axes).copy("K")


def _batch_flip(prim, tensors, axes, params):
    (b,) = axes
    return flip(tensors[0], axes=tuple([a + (a >= b) for a in params["axes"]])), b


flip = linear(
    "flip", _flip, lambda g, axes: flip(g, axes=axes), batch=_batch_flip, tex="flip(x, axes)"
)


def _roll(x, *, shifts, axes):
    return np.ascontiguousarray(np.roll(x, shifts, axes))


def _batch_roll(prim, tensors, axes, params):
    (b,) = axes
    moved = tuple([a + (a >= b) for a in params["axes"]])
    return roll(tensors[0], shifts=params["shifts"], axes=moved), b


roll = linear(
    "roll", _roll, batch=_batch_roll,
    transpose=lambda g, shifts, axes: roll(g, shifts=tuple([-s for s in shifts]), axes=axes),
    tex="roll(x, shifts, axes)",
)  # fmt: skip


# --- diagonals of the last two axes -------------------------------------------------------------


def _diagonal(x, *, offset):
    view = np.diagonal(x, offset, -2, -1)
    if x.flags.writeable:
        view.flags.writeable = True
    return view


def _from_diagonal(g, *, offset, shape):
    out = np.zeros(shape, g.dtype)
    rows = np.arange(g.shape[-1]) + max(-offset, 0)
    out[..., rows, rows + offset] = g
    return out


diagonal, from_diagonal = pair(
    "diagonal", _diagonal, "diagonal_backward", _from_diagonal, batched=dict, is_view=True,
    tex=("diagonal(x, offset)", "diagonal_back(g, offset)"),
)  # fmt: skip


# --- as_strided: any view of the same memory ----------------------------------------------------


def layout_of(x):
    """The strides of an array in elements, None if its elements lie in order."""
    return None if x.flags.c_contiguous else tuple([s // x.itemsize for s in x.strides])


def laid_out(x, layout):
    """A copy of `x` with the strides `layout`."""
    if layout is None:
        return np.array(x, order="C")
    memory, first = _room(x.shape, layout, x.dtype)
    out = _placed(memory, first, x.shape, layout)
    out[...] = x
    return out


def _room(shape, layout, dtype):
    """Zeroed memory in which an array of these strides fits, and where its first element is."""
    ends = [(n - 1) * step for n, step in zip(shape, layout, strict=True)] if 0 not in shape else []
    first = -sum([end for end in ends if end < 0])
    return np.zeros(first + sum([end for end in ends if end > 0]) + 1, dtype), first


def _placed(memory, first, shape, layout):
    steps = tuple([s * memory.itemsize for s in layout])
    return np.ndarray(shape, memory.dtype, memory, first * memory.itemsize, steps)


def in_order(shape):
    steps = [1]
    for n in reversed(shape[1:]):
        steps.append(steps[-1] * max(n, 1))
    return tuple(steps[::-1]) if shape else ()


def _lies_as(x, layout):
    steps = zip(x.shape, x.strides, layout, strict=True)
    return all(n < 2 or have == step * x.itemsize for n, have, step in steps)


def _as_strided(x, *, size, stride, start, layout):
    """Strides and start in elements, counted from the first element of `x`, whose strides are
    `layout`. A value with other strides stands for one with these: what lies outside it is 0."""
    layout = in_order(x.shape) if layout is None else layout
    if not _lies_as(x, layout):
        return _as_strided_elsewhere(x, size, stride, start, layout)
    steps = tuple([s * x.itemsize for s in stride])
    root = owner(x)
    offset = address(x) - address(root) + start * x.itemsize
    return np.ndarray(size, x.dtype, bytes_of(root), offset, steps)


def _as_strided_elsewhere(x, size, stride, start, layout):
    memory, first = _room(x.shape, layout, x.dtype)
    np.add.at(memory, places_of(x.shape, layout, first), x)
    _share_out(memory, x.shape, layout, first)
    places = places_of(size, stride, first + start)
    inside = (places >= 0) & (places < memory.size)
    return np.where(inside, memory[np.where(inside, places, 0)], memory.dtype.type(0))


def _share_out(memory, shape, layout, first):
    """Where several elements of an input lie in one place, each has an equal share of it."""
    if layout != in_order(shape):
        count = np.bincount(places_of(shape, layout, first).reshape(-1), minlength=memory.size)
        if count.max(initial=0) > 1:
            memory /= np.maximum(count, 1).astype(memory.dtype)


def places_of(size, stride, start):
    """For each element of an array with these strides, its place in the memory."""
    flat = np.full(size, start, np.int64)
    for axis, (n, step) in enumerate(zip(size, stride, strict=True)):
        lead = (None,) * axis + (slice(None),) + (None,) * (len(size) - axis - 1)
        flat = flat + (np.arange(n) * step)[lead]
    return flat


def _as_strided_back(g, *, shape, size, stride, start, layout):
    layout = in_order(shape) if layout is None else layout
    memory, first = _room(shape, layout, g.dtype)
    places = places_of(size, stride, first + start)
    inside = (places >= 0) & (places < memory.size)
    np.add.at(memory, places[inside], np.asarray(g)[inside])
    _share_out(memory, shape, layout, first)
    return _placed(memory, first, shape, layout)


as_strided, as_strided_back = pair(
    "as_strided", _as_strided, "as_strided_backward", _as_strided_back, is_view=True,
    shape=lambda prim, args, params: (tuple(params["size"]), element_type(args[0])),
    tex=("as_strided(x, size, stride, start)", "as_strided_back(g, size, stride, start)"),
)  # fmt: skip


# --- complex numbers and pairs of real ones: the same memory --------------------------------------


as_real, as_complex = pair(
    "view_as_real", as_pairs, "view_as_complex", from_pairs, batched=dict,
    is_view=True, back_is_view=True,
    shape=lambda prim, args, params: (
        (*shape_of(args[0]), 2), as_pairs(np.zeros(0, element_type(args[0]))).dtype),
    back_shape=lambda prim, args, params: (
        tuple(shape_of(args[0])[:-1]), from_pairs(np.zeros((0, 2), element_type(args[0]))).dtype),
    tex=("as_real(x)", "as_complex(x)"),
)  # fmt: skip


# --- the same elements under another handle -----------------------------------------------------

alias = same("alias", lambda x: x[...], is_view=True)
detach = same("detach", lambda x: x, moves=False, tex="detach(x)")

# What is computed from it is not the same as what is computed from `x`, to passes over graphs.
barrier = same("barrier", lambda x: x)


# --- windows along an axis ----------------------------------------------------------------------


def _windows(x, *, axis, size, step):
    count = (x.shape[axis] - size) // step + 1
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
    stride = x.strides[axis]
    return strided(x, shape, (*x.strides[:axis], stride * step, *x.strides[axis + 1 :], stride))


def _windows_back(g, *, axis, size, step, shape):
    out = np.zeros(shape, g.dtype)
    lead = (slice(None),) * axis
    span = (g.shape[axis] - 1) * step + 1
    for k in range(size):
        out[(*lead, slice(k, k + span, step))] += g[..., k]
    return out


def _windows_shape(prim, args, params):
    axis, shape = params["axis"], list(shape_of(args[0]))
    shape[axis] = (shape[axis] - params["size"]) // params["step"] + 1
    return (*shape, params["size"]), element_type(args[0])


windows, windows_back = pair(
    "unfold", _windows, "unfold_backward", _windows_back, shape=_windows_shape, is_view=True,
    batched=lambda axis, size, step: {"axis": axis + 1, "size": size, "step": step},
    tex=("windows(x, axis, size, step)", "windows_back(g, axis, size, step)"),
)  # fmt: skip
