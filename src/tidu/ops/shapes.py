"""torch.reshape, transpose, cat, stack, split ...: the same elements in another arrangement."""

import math

import numpy as np

from ..base.dtypes import dtype, tensor_type
from ..base.errors import hinted
from ..base.size import (
    Size,
    checked_count,
    checked_size,
    listed,
    mismatch,
    normalize_axes,
    normalize_axis,
    sizes_from,
)  # fmt: skip
from ..core.direct import directly
from ..core.handle import note_shared, shape_of, wrap
from ..core.looks import look
from ..core.modes import LOCAL, STATE
from ..core.retries import asked, asks, worded
from ..core.versions import owner
from ..primitives import base
from ..primitives import structural as s
from ..primitives.bits import bits_of
from ..transforms.trace import fits_memory, memory_of
from . import arrangements as arranged
from . import direct
from .convert import (
    composite,
    named,
    ndim_of,
    require_tensor,
    require_tensors,
    scalar_name,
    type_of,
)
from .flags import strict
from .formats import channels_last_order, format_name, is_channels_last


def _infer(sizes, count, original):
    """Replace the one -1 among `sizes`."""
    if -1 not in sizes:
        _refuse_negative(sizes)
        if not count:
            checked_count(sizes)
        if math.prod(sizes) != count:
            raise RuntimeError(_bad_shape(sizes, count))
        return sizes
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    _refuse_negative(sizes)
    known = -math.prod(sizes)
    if known == 0:
        if count:
            raise RuntimeError(_bad_shape(sizes, count))
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the "
            "unspecified dimension size -1 can be any value and is ambiguous"
        )
    if count % known:
        raise RuntimeError(_bad_shape(sizes, count))
    return tuple([count // known if n == -1 else n for n in sizes])


def _refuse_negative(sizes):
    for k, n in enumerate(sizes):
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n} at index {k} of shape {list(sizes)}")


def _bad_shape(sizes, count):
    return hinted(
        f"shape '{list(sizes)}' is invalid for input of size {count}",
        f"the lengths must multiply to {count}; one of them may be -1 and is then found for you.",
    )


@look(base.reshape, arranged.reshaped)
def reshape(input, *shape):
    """The elements in a new shape: a view where the memory allows, else a copy.

    >>> import tidu as torch
    >>> torch.arange(6).reshape(2, -1).shape
    torch.Size([2, 3])
    """
    sizes = sizes_from(shape, "reshape", "shape")
    have = tuple(shape_of(require_tensor("reshape", input)))
    sizes = _infer(sizes, math.prod(have), have)
    value = input._value
    if value.dtype is not None and value.__class__ is np.ndarray and not value.flags.c_contiguous:
        out = base.reshape(input, shape=sizes)
        if _shares(out, input):
            return named(out, "ViewBackward0")
        return named(out, "UnsafeViewBackward0", ("Clone", input))
    if value.dtype is None and not fits_memory(input, sizes):
        return named(base.reshape(s.clone(input, order="C"), shape=sizes), "UnsafeViewBackward0")
    return base.reshape(input, shape=sizes)


def _shares(out, input):
    value = out._value
    return value.base is not None and owner(value) is owner(input._value)


def view(input, *shape):
    """The same memory in another shape (or, given a dtype, as other elements)."""
    sizes = sizes_from(shape)
    have = tuple(shape_of(input))
    sizes = _infer(sizes, math.prod(have), have)
    if not fits_memory(input, sizes):
        raise RuntimeError(_NO_VIEW)
    return base.reshape(input, shape=sizes)


_NO_VIEW = hinted(
    "view size is not compatible with input tensor's size and stride (at least one dimension "
    "spans across two contiguous subspaces). Use .reshape(...) instead.",
    "reshape() copies where a view cannot be made; contiguous().view(...) does the same.",
)


@look(base.reshape, arranged.reshaped)
@strict(name="view")
def view_or_type(input, *shape, **words):
    """view(sizes...) or view(dtype): the same memory in another shape, or read as another type."""
    for word in words:
        if word not in ("dtype", "size") or shape or len(words) > 1:
            raise TypeError(f"view() got an unexpected keyword argument '{word}'")
        shape = (words[word],)
    if len(shape) == 1 and isinstance(shape[0], dtype):
        _check_bits(input)
        _check_other_type(input, shape[0])
        _check_memory(input)
        return wrap(input._array().view(shape[0].numpy))
    return view(input, *shape)


def _check_memory(input):
    """Refuse to read a value of a transform, or of a recording, as numbers of another type."""
    if input._value.dtype is not None:
        return
    if LOCAL.tracer is not None:
        LOCAL.tracer.refuse("it reads a tensor's memory as another type")
    raise NotImplementedError(hinted(
        "Tensor.view(dtype): inside of a transform (vmap, grad, jvp) a tensor has no memory of its "
        "own.", "call view(dtype) before the transform, and give it what that made.",
    ))  # fmt: skip


def _check_bits(input):
    """Refuse to read what is conjugated or negated when it is read as numbers of another type."""
    for bit, what, name in zip(bits_of(input), _BITS, ("conj", "neg"), strict=True):
        if bit:
            raise RuntimeError(hinted(
                f"torch.Tensor.view is not supported for {what} when converting to a different "
                "dtype.",
                f"resolve_{name}() computes the elements.",
            ))  # fmt: skip


_BITS = ("conjugate view tensors", "tensors with negative bit set")


def _check_other_type(input, other):
    ratio, rest = divmod(other.itemsize, type_of(input).itemsize)
    last = shape_of(input)[-1] if ndim_of(input) else 1
    if not rest and ratio > 1 and last % ratio:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {ratio} to view {scalar_name(type_of(input))} as "
            f"{scalar_name(other)} (different element sizes), but got {last}"
        )


@worded
def view_as(input, other):
    return view(input, tuple(shape_of(other)))


@worded
def reshape_as(input, other):
    return reshape(input, tuple(shape_of(other)))


@look(base.reshape, arranged.flattened)
def flatten(input, start_dim=0, end_dim=-1):
    """The axes from start_dim to end_dim made one."""
    shape = tuple(shape_of(require_tensor("flatten", input)))
    first, last = normalize_axis(start_dim, len(shape)), normalize_axis(end_dim, len(shape))
    if not shape:
        return reshape(input, (1,))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if first == last:
        return input
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(input, dim, sizes):
    """One axis split into several; one of `sizes` may be -1."""
    shape = tuple(shape_of(input))
    axis = normalize_axis(dim, len(shape))
    sizes = sizes_from((sizes,))
    try:
        sizes = _infer(sizes, shape[axis], shape)
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} "
            f"({shape[axis]}) in the input tensor"
        ) from None
    return view(input, (*shape[:axis], *sizes, *shape[axis + 1 :]))


@asked
def ravel(input):
    """A flat view where the elements lie in order, else a copy."""
    return reshape(contiguous(input), (-1,))


# --- order of the axes --------------------------------------------------------------------------


@look(base.transpose, arranged.permuted)
def permute(input, *dims):
    """The axes in a new order, as a view."""
    rank = ndim_of(require_tensor("permute", input))
    given = sizes_from(dims)
    if len(given) != rank:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {rank} is not equal "
            f"to len(dims) = {len(given)}"
        )
    axes = tuple([normalize_axis(d, rank) for d in given])
    if len(set(axes)) != rank:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return named(base.transpose(input, axes=axes), "PermuteBackward0", dims=tuple(given))


@look(base.transpose, arranged.transposed)
def transpose(input, dim0, dim1):
    """Two axes exchanged, as a view."""
    rank = ndim_of(require_tensor("transpose", input))
    a, b = normalize_axis(dim0, rank), normalize_axis(dim1, rank)
    order = list(range(rank))
    if rank:
        order[a], order[b] = b, a
    made = base.transpose(input, axes=tuple(order))
    return named(made, "TransposeBackward0", dim0=dim0, dim1=dim1)


swapaxes = swapdims = transpose


@look(base.transpose, arranged.turned)
def t(input):
    """The transpose of a matrix; vectors come back as they are."""
    rank = ndim_of(require_tensor("t", input))
    if rank > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")
    return named(base.transpose(input, axes=tuple(range(rank))[::-1]), "TBackward0")


@worded
def movedim(input, source, destination):
    """Axes moved to new places, the others keeping their order."""
    rank = ndim_of(input)
    pairs = [listed(source), listed(destination)]
    if len(pairs[0]) != len(pairs[1]):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(pairs[0])} dims) should contain the same number of dims as destination "
            f"({list(pairs[1])} dims)"
        )
    given, (source, destination) = (
        pairs,
        [[normalize_axis(d, rank) for d in dims] for dims in pairs],
    )
    for word, dims, told in zip(("source", "destination"), (source, destination), given):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{word}` ({list(told)})")
    order = [a for a in range(rank) if a not in source]
    for to, a in sorted(zip(destination, source, strict=True)):
        order.insert(to, a)
    return base.transpose(input, axes=tuple(order))


moveaxis = movedim


# --- axes of length one -------------------------------------------------------------------------


@look(base.reshape, arranged.unsqueezed)
def unsqueeze(input, dim):
    """A new axis of length one at `dim`."""
    shape = tuple(shape_of(require_tensor("unsqueeze", input)))
    axis = normalize_axis(dim, len(shape) + 1)
    made = base.reshape(input, shape=(*shape[:axis], 1, *shape[axis:]))
    return named(made, "UnsqueezeBackward0", dim=dim)


@look(base.reshape, arranged.squeezed)
def squeeze(input, dim=None, *more):
    """Without the axes of length one (all, or those named: squeeze(0, 2) or squeeze((0, 2)))."""
    shape, dim = tuple(shape_of(require_tensor("squeeze", input))), (dim, *more) if more else dim
    axes = normalize_axes(dim, len(shape))
    kept = tuple([n for a, n in enumerate(shape) if n != 1 or a not in axes])
    form = 0 if dim is None else 2 if isinstance(dim, (tuple, list)) else 1
    made = base.reshape(input, shape=kept)
    if form:
        return named(made, f"SqueezeBackward{form}", dim=dim)
    return named(made, "SqueezeBackward0")


@look(base.broadcast_to, arranged.expanded)
def expand(input, *sizes, implicit=False):
    """Repeated along axes of length one, without copying; -1 keeps a length."""
    if not sizes:
        raise TypeError('expand() missing 1 required positional arguments: "size"')
    sizes = sizes_from(sizes)
    shape = tuple(shape_of(input))
    extra = len(sizes) - len(shape)
    if extra < 0:
        raise RuntimeError(
            f"expand({tensor_type(type_of(input))}{{{list(shape)}}}, size={list(sizes)}): the "
            f"number of sizes provided ({len(sizes)}) must be greater or equal to the number of "
            f"dimensions in the tensor ({len(shape)})"
        )
    full = []
    for i, n in reversed(list(enumerate(sizes))):
        have = shape[i - extra] if i >= extra else None
        if n == -1:
            if have is None:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, "
                    f"non-existing dimension {i}"
                )
            n = have
        if have is not None and have not in (1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at "
                f"non-singleton dimension {i}.  Target sizes: {list(sizes)}.  Tensor sizes: "
                f"{list(shape)}"
            )
        full.append(n)
    return base.broadcast_to(input, shape=checked_count(tuple(reversed(full))))


@worded
def expand_as(input, other):
    return expand(input, tuple(shape_of(other)))


@worded
def broadcast_to(input, size):
    """The tensor repeated to `size`, without copying."""
    return expand(input, tuple(size))


def broadcast_shapes(*shapes):
    """The shape to which all these shapes broadcast."""
    from_shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    known = ()
    for i, shape in enumerate(from_shapes):
        if mismatch(known, shape):
            at = next(
                k for k in range(1, len(shape) + 1)
                if k > len(known) or (shape[-k] != known[-k] and 1 not in (shape[-k], known[-k]))
            )  # fmt: skip
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {shape[-at]} at -{at}! Mismatching "
                f"argument at index {i} had {shape}; but expected shape should be broadcastable to "
                f"{list(known)}"
            )
        known = np.broadcast_shapes(known, shape)
    return Size(known)


@worded
def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    shape = ()
    for t in require_tensors(tensors):
        if message := mismatch(shape, tuple(shape_of(t))):
            raise RuntimeError(message)
        shape = np.broadcast_shapes(shape, tuple(shape_of(t)))
    return tuple([expand(t, shape) for t in tensors])


@worded
def unfold(input, dimension, size, step):
    """Windows of `size` entries of an axis, `step` apart, along a new last axis; a view."""
    axis = normalize_axis(dimension, ndim_of(input))
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    length = shape_of(input)[axis] if ndim_of(input) else 1
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {length} but size is {size}"
        )
    if not ndim_of(input):
        return reshape(input, (1,))[:size]
    made = s.windows(input, axis=axis, size=size, step=step)
    return named(made, "UnfoldBackward0", dimension=dimension)


# --- copies -------------------------------------------------------------------------------------


@directly(direct.clone)
@worded
def clone(input, *, memory_format=None):
    """A copy of its own memory, through which gradients flow."""
    word = "" if memory_format is None else format_name(memory_format)
    if word == "torch.contiguous_format":
        return s.clone(require_tensor("clone", input), order="C")
    if word.startswith("torch.channels_last"):
        order = channels_last_order(word, ndim_of(require_tensor("clone", input)))
        moved = s.clone(base.transpose(input, axes=order), order="C")
        return base.transpose(moved, axes=tuple(np.argsort(order)))
    return s.clone(require_tensor("clone", input))


def detach(input):
    """The same memory, cut off from the graph: a constant to everything computed from it."""
    try:
        if input._value.dtype is None:
            out = s.detach(input)
            note_shared(input, out)
            return out
        out = wrap(input._array())
        if LOCAL.tracer is not None:
            note_shared(input, out)
        if STATE.listeners:
            for listener in STATE.listeners:
                listener.applied(s.detach, (input,), {}, out)
        return out
    except Exception:
        if not asks(input):
            raise
    return detach(input)


@worded
def alias(input):
    """The same tensor as a view of itself."""
    return s.alias(input)


@worded
def contiguous(input, memory_format=None):
    """The tensor itself if its elements lie in order, else a copy."""
    word = "" if memory_format is None else format_name(memory_format)
    if word.startswith("torch.channels_last"):
        return input if is_channels_last(input, word) else clone(input, memory_format=memory_format)
    value = memory_of(input)
    if value is not None and (value.__class__ is not np.ndarray or value.flags.c_contiguous):
        return input
    return s.clone(input, order="C")


@directly(direct.repeat)
@composite("RepeatBackward0")
def repeat(input, *sizes):
    """Tiled: sizes[i] copies along axis i (new axes in front where there are more sizes)."""
    if not sizes:
        raise TypeError('repeat() missing 1 required positional arguments: "repeats"')
    sizes = sizes_from(sizes)
    shape = tuple(shape_of(input))
    if len(sizes) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * (len(sizes) - len(shape)) + shape
    inter = tuple([n for pair in zip((1,) * len(sizes), shape, strict=True) for n in pair])
    spread = tuple([n for pair in zip(sizes, shape, strict=True) for n in pair])
    final = checked_size(tuple([r * n for r, n in zip(sizes, shape, strict=True)]))
    wide = base.broadcast_to(reshape(input, inter), shape=spread)
    return named(base.reshape(s.clone(wide, order="C"), shape=final), "RepeatBackward0")


@worded
def tile(input, *dims):
    """repeat, with ones put in front of too few `dims`."""
    dims = sizes_from(dims)
    return repeat(input, (1,) * (ndim_of(input) - len(dims)) + dims)
