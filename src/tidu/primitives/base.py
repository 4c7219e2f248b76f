"""The shape primitives which every other rule leans on: reshape, transpose, broadcast, sum, cast.

`sum_to` undoes broadcasting; `move_batch` brings a batch axis to the front.
"""

import numpy as np

from ..base.dtypes import HALVES, complex32, complex64, complex128, float8_e4m3fn, float8_e8m0fnu
from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from ..core.versions import owner
from .sums import MANY, total

__all__ = ["HALVES", "at_front", "batch_size", "broadcast_to", "cast", "conj", "fronted", "inverse",
           "move_batch", "move_batches", "one_like",
           "reduce_sum", "reshape", "spread_batch", "sum_to", "transpose"]  # fmt: skip


def move_batch(tensor, axis):
    """`tensor` with its batch axis first."""
    if axis == 0:
        return tensor
    order = list(range(len(shape_of(tensor))))
    order.remove(axis)
    return transpose(tensor, axes=(axis, *order))


def move_batches(tensors, axes):
    """The tensors, those that have a batch axis with it first."""
    return [t if a is None else move_batch(t, a) for t, a in zip(tensors, axes, strict=True)]


def spread_batch(tensor, size):
    """An unbatched tensor repeated (as a view) along a new leading batch axis."""
    return broadcast_to(tensor, shape=(size, *shape_of(tensor)))


def batch_size(tensors, axes):
    """How many examples a batch holds."""
    return next(shape_of(t)[a] for t, a in zip(tensors, axes, strict=True) if a is not None)


def at_front(tensor, axis, size):
    """`tensor` with the batch axis in front, repeated if it has none; numbers stay numbers."""
    if axis is not None:
        return move_batch(tensor, axis)
    array = hasattr(tensor, "_value") or hasattr(tensor, "dtype")
    return spread_batch(tensor, size) if array else tensor


def fronted(tensors, axes):
    """(the batch's size, all tensors with the batch axis in front)."""
    size = batch_size(tensors, axes)
    return size, [at_front(t, a, size) for t, a in zip(tensors, axes, strict=True)]


def one_like(a):
    """One element that stands for a tensor when only the type of a result is asked."""
    return np.ones((), element_type(a)) if hasattr(a, "_value") or hasattr(a, "dtype") else a


def sum_to(g, shape):
    """The cotangent of an input which was broadcast from `shape`."""
    have = tuple(shape_of(g))
    if have == shape:
        return g
    extra = len(have) - len(shape)
    if extra > 0:
        g = reduce_sum(g, axes=tuple(range(extra)), keepdims=False)
    axes = tuple([i for i, n in enumerate(shape) if n == 1 and have[i + extra] != 1])
    return reduce_sum(g, axes=axes, keepdims=True) if axes else g


# --- reshape: a view where the strides allow it -------------------------------------------------


def _reshape(x, *, shape):
    return x.reshape(shape)


def _batch_reshape(prim, tensors, axes, params):
    x = move_batch(tensors[0], axes[0])
    return reshape(x, shape=(shape_of(x)[0], *params["shape"])), 0


reshape = Primitive(
    "view", _reshape, ("x",), is_view=True, batch=_batch_reshape,
    vjp={"x": lambda g, x_shape: reshape(g, shape=tuple(x_shape))},
    jvp=lambda t, primals, out, params: reshape(t[0], **params),
    shape=lambda prim, args, params: (params["shape"], element_type(args[0])),
    tex="reshape(x, shape)",
)  # fmt: skip


# --- transpose: any permutation of the axes -----------------------------------------------------


def _transpose(x, *, axes):
    return x.transpose(axes)


def inverse(axes):
    """The permutation that undoes another."""
    found = [0] * len(axes)
    for i, a in enumerate(axes):
        found[a] = i
    return tuple(found)


def _batch_transpose(prim, tensors, axes, params):
    (b,) = axes
    order = (b, *[a + (a >= b) for a in params["axes"]])
    return transpose(tensors[0], axes=order), 0


transpose = Primitive(
    "permute", _transpose, ("x",), is_view=True, batch=_batch_transpose,
    vjp={"x": lambda g, axes: transpose(g, axes=inverse(axes))},
    jvp=lambda t, primals, out, params: transpose(t[0], **params),
    shape=lambda prim, args, params: (
        tuple([shape_of(args[0])[a] for a in params["axes"]]), element_type(args[0])),
    tex=lambda axes: "x.T" if axes == (1, 0) else "permute(x, axes)",
)  # fmt: skip


# --- broadcast_to: repeat along new or length-one axes, as a view -------------------------------


def _broadcast_to(x, *, shape):
    # np.broadcast_to returns a read-only view; PyTorch's expand may be written (and overlaps).
    x = np.asarray(x)
    extra = len(shape) - x.ndim
    if extra < 0:
        raise ValueError(f"cannot expand {x.shape} to {shape}")
    strides = [0] * extra
    for n, m, stride in zip(x.shape, shape[extra:], x.strides, strict=True):
        if n != m and n != 1:
            raise ValueError(f"cannot expand {x.shape} to {shape}")
        strides.append(stride if n == m else 0)
    if x.flags.c_contiguous:  # the answer stays inside of x: no need to look for the owner
        return np.ndarray(shape, x.dtype, x, 0, tuple(strides))
    return strided(x, shape, tuple(strides))


def strided(x, shape, strides):
    """A view of `x` (from its first element) whose base is the owner of the memory."""
    if x.base is None and x.flags.c_contiguous:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    root = owner(x)
    if root.base is not None and not root.flags.forc:  # memory that is no array's, with gaps maybe
        return np.lib.stride_tricks.as_strided(x, shape, strides)
    offset = address(x) - address(root) if x is not root else 0
    return np.ndarray(shape, x.dtype, bytes_of(root), offset, strides)


def bytes_of(root):
    """The memory of an array that owns it, whatever the order of its axes there."""
    if not root.flags.forc:
        root = root.transpose(sorted(range(root.ndim), key=lambda axis: -root.strides[axis]))
    return root.reshape(-1, order="A").view(np.uint8)


def dense(array):
    """Whether an array's elements fill a stretch of memory, each place once."""
    if array.flags.forc or array.size == 0:
        return True
    step = array.itemsize
    for stride, n in sorted([(s, n) for s, n in zip(array.strides, array.shape, strict=True)]):
        if n > 1:
            if stride != step:
                return False
            step *= n
    return True


def address(array):
    return array.__array_interface__["data"][0]


def _batch_broadcast(prim, tensors, axes, params):
    x = move_batch(tensors[0], axes[0])
    have, shape = tuple(shape_of(x)), params["shape"]
    missing = len(shape) - (len(have) - 1)
    if missing:
        x = reshape(x, shape=(have[0], *(1,) * missing, *have[1:]))
    return broadcast_to(x, shape=(have[0], *shape)), 0


broadcast_to = Primitive(
    "expand", _broadcast_to, ("x",), is_view=True, batch=_batch_broadcast,
    vjp={"x": lambda g, x_shape: sum_to(g, tuple(x_shape))},
    jvp=lambda t, primals, out, params: broadcast_to(t[0], **params),
    shape=lambda prim, args, params: (params["shape"], element_type(args[0])),
    tex="expand(x, shape)",
)  # fmt: skip


# --- sum over axes ------------------------------------------------------------------------------


def _sum(x, *, axes, keepdims):
    dtype = x.dtype
    if x.shape and x.size <= MANY and dtype.char in "fd":  # as `total`, without its questions
        return in_order(np.add.reduce(x, axes, None, None, keepdims))
    if dtype in HALVES:
        return in_order(total(x, axes, keepdims, np.float32).astype(dtype))
    if dtype.kind == "u":
        return in_order(np.add.reduce(x, axis=axes, keepdims=keepdims, dtype=np.int64))
    return in_order(total(x, axes, keepdims))


def _spread(g, shape, axes, keepdims):
    """The cotangent of a sum: `g` repeated along the summed axes."""
    shape = tuple(shape)
    if not shape:
        return g
    if not keepdims and axes and len(axes) < len(shape):
        g = reshape(g, shape=tuple([1 if i in axes else n for i, n in enumerate(shape)]))
    return broadcast_to(g, shape=shape)


def in_order(out):
    """The result of a reduction, which lies in order whatever its input's layout was."""
    if out.__class__ is not np.ndarray or out.flags.c_contiguous:
        return out
    return np.ascontiguousarray(out)


def are_images(x):
    """Whether an array is images, or volumes, that have their channels last in memory."""
    return x.ndim in (4, 5) and np.moveaxis(x, 1, -1).flags.c_contiguous


def reduced_shape(shape, axes, keepdims):
    if keepdims:
        return tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in axes])


def batch_reduction(prim, tensors, axes, params):
    """Any reduction along `axes`: count around the batch axis, no data moved."""
    (b,) = axes
    shifted = tuple([a + (a >= b) for a in params["axes"]])
    out = prim(tensors[0], **{**params, "axes": shifted})
    return out, b if params["keepdims"] else b - sum(1 for a in shifted if a < b)


def shape_reduction(prim, args, params):
    x = args[0]
    return reduced_shape(shape_of(x), params["axes"], params["keepdims"]), element_type(x)


reduce_sum = Primitive(
    "sum", _sum, ("x",), batch=batch_reduction, shape=shape_reduction,
    vjp={"x": lambda g, x_shape, axes, keepdims: _spread(g, x_shape, axes, keepdims)},
    jvp=lambda t, primals, out, params: reduce_sum(t[0], **params),
    tex="sum(x, axes)",
)  # fmt: skip


# --- change of type -----------------------------------------------------------------------------


def _cast(x, *, to, origin=None):
    if x.dtype.kind == "W":  # complex32, which NumPy takes for no complex type
        x = x.astype(np.complex64)
    if to.kind == "W":
        return x.astype(np.complex64).astype(to)
    if x.dtype.kind == "c" and to.kind != "c":
        x = x.real
    if 0 in x.strides and x.ndim > 1:
        x = _dense(x)
    if to.kind in "iu" and x.dtype.kind in "fV":
        return _to_integer(x, to)
    return _to_byte(x, to) if to.itemsize == 1 and to.kind in "fV" else x.astype(to)


def _dense(x):
    """A copy of an expanded array, whose repeated axes keep their places in memory (`astype` would
    have them run fastest)."""
    out = np.nditer((x, None), ("zerosize_ok",), op_dtypes=(x.dtype, x.dtype)).operands[1]
    out[...] = x
    return out


def _to_byte(x, to):
    if to is float8_e4m3fn.numpy:  # as PyTorch converts: too large becomes the largest number
        return np.clip(x.astype(np.float32), -448.0, 448.0).astype(to)
    if to is float8_e8m0fnu.numpy:  # powers of two only
        return np.abs(x.astype(np.float32)).astype(to)
    return x.astype(to)


def _to_integer(x, to):
    # As the CPU converts: to int32 or int64, where NaN and what is out of range become the least
    # number, and from there by dropping bits.
    between = _BETWEEN.get(to)
    return x.astype(to) if between is None else x.astype(between).astype(to)


_BETWEEN = {np.dtype(to): np.dtype(between) for to, between in (
    ("int8", "int32"), ("int16", "int32"), ("uint16", "int32"), ("uint8", "int64"),
    ("uint32", "int64"))}  # fmt: skip


def _same_axis(prim, tensors, axes, params):
    return prim(*tensors, **params), axes[0]


cast = Primitive(
    "to_copy", _cast, ("x",), batch=_same_axis,
    vjp={"x": lambda g, origin: cast(g, to=origin, origin=element_type(g))},
    jvp=lambda t, primals, out, params: cast(t[0], **params),
    shape=lambda prim, args, params: (shape_of(args[0]), params["to"]),
    tex="x",
)  # fmt: skip


# --- complex conjugate --------------------------------------------------------------------------


def as_pairs(x):
    """Complex numbers as pairs of real ones along a new last axis: the same memory."""
    x = np.asarray(x)
    return x[..., None].view(np.float16 if x.dtype.kind == "W" else x.real.dtype)


def from_pairs(x):
    """The reverse of `as_pairs`."""
    kind = {2: complex32, 4: complex64, 8: complex128}[x.itemsize].numpy
    if x.size and x.strides[-1] != x.itemsize:
        x = np.ascontiguousarray(x)
    return x.view(kind)[..., 0]


def _conj(x):
    if x.dtype.kind == "W":
        return x.astype(np.complex64).conj().astype(x.dtype)
    return np.conjugate(x) if x.dtype.kind == "c" else x


conj = Primitive(
    "conj", _conj, ("x",), batch=_same_axis,
    vjp={"x": lambda g: conj(g)},
    jvp=lambda t, primals, out, params: conj(t[0]),
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
    tex="conj(x)",
)  # fmt: skip

for _linear in (reshape, transpose, broadcast_to, reduce_sum, cast, conj):
    _linear.kind = "linear"
