"""The `_copy`, `_scatter` and `unsafe_` forms of views: the same elements in memory of their own.

`_copied` makes the first kind from a view, `_scattered` the second: the input with the part that
the view shows replaced.
"""

import numpy as np

from ..base.dtypes import dtype
from ..base.errors import hinted
from ..base.size import normalize_axis
from ..core.handle import TensorBase, element_type, shape_of
from ..core.node import Node
from ..primitives.arithmetic import select
from ..primitives.views import view_scatter
from ..transforms.mutation import base_layout
from . import complex_parts, diagonals, indexing, joining, restriding, shapes
from .convert import convert, finish, in_order, named, require_tensor, type_of
from .creation import full_like
from .numbers import fitted
from .padding import pad as padded
from .rarities import slice_
from .spelling import chunk, split, squeeze, unbind, unsqueeze


def _copied(view, name):
    def copy(input, *args, out=None, **kwargs):
        copied = in_order(shapes.clone(view(input, *args, **kwargs)))
        return finish(_shown(copied, node, input, args, kwargs, view), out)

    node = "".join(map(str.capitalize, name[:-5].split("_"))) + "Backward0_copy"
    copy.__name__ = copy.__qualname__ = name
    copy.__doc__ = f"torch.{name}: as torch.{name[:-5]}, in memory of its own."
    return copy


def _shown(copied, name, input, args, kwargs, view):
    """The copy of a view, whose node shows the arguments of the view."""
    if copied._node.__class__ is Node:
        named(copied, name, input)
        function = getattr(view, "__wrapped__", view)
        copied._node.given = function, (input.detach(), *args), kwargs, ()
    return copied


alias_copy = _copied(shapes.alias, "alias_copy")
as_strided_copy = _copied(restriding.as_strided, "as_strided_copy")
detach_copy = _copied(shapes.detach, "detach_copy")
diagonal_copy = _copied(diagonals.diagonal, "diagonal_copy")
expand_copy = _copied(shapes.expand, "expand_copy")
permute_copy = _copied(shapes.permute, "permute_copy")
select_copy = _copied(indexing.select_axis, "select_copy")
slice_copy = _copied(slice_, "slice_copy")
squeeze_copy = _copied(squeeze, "squeeze_copy")
t_copy = _copied(shapes.t, "t_copy")
transpose_copy = _copied(shapes.transpose, "transpose_copy")
unfold_copy = _copied(shapes.unfold, "unfold_copy")
unsqueeze_copy = _copied(unsqueeze, "unsqueeze_copy")
view_as_complex_copy = _copied(complex_parts.view_as_complex, "view_as_complex_copy")
view_as_real_copy = _copied(complex_parts.view_as_real, "view_as_real_copy")


def view_copy(input, *args, out=None, **kwargs):
    """torch.view_copy: as Tensor.view (a size or a dtype), in memory of its own."""
    view = shapes.view_or_type if args and isinstance(args[0], dtype) else shapes.reshape
    copied = in_order(shapes.clone(view(input, *args, **kwargs)))
    return finish(_shown(copied, "ViewBackward0_copy", input, args, kwargs, shapes.view), out)


def _apart(parts):
    return tuple([shapes.clone(part) for part in parts])


def _stored(parts, out):
    parts = tuple([in_order(part) for part in _apart(parts)])
    if out is None:
        return parts
    for part, target in zip(parts, out, strict=True):
        finish(part, target)
    return None


def split_copy(input, split_size, dim=0, *, out=None):
    """torch.split in memory of its own."""
    return _stored(split(input, split_size, dim), out)


def split_with_sizes_copy(input, split_sizes, dim=0, *, out=None):
    """torch.split_with_sizes in memory of its own."""
    return _stored(joining.split_with_sizes(input, split_sizes, dim), out)


def unbind_copy(input, dim=0, *, out=None):
    """torch.unbind in memory of its own."""
    return _stored(unbind(input, dim), out)


def unsafe_split(input, split_size, dim=0):
    """torch.split as tensors that autograd does not take for views."""
    return _apart(split(input, split_size, dim))


unsafe_split_with_sizes = unsafe_split


def unsafe_chunk(input, chunks, dim=0):
    """torch.chunk as tensors that autograd does not take for views."""
    return _apart(chunk(input, chunks, dim))


# --- one part replaced ----------------------------------------------------------------------------


def _scattered(input, src, view, name, **told):
    """A copy of `input` in which what `view` shows is `src`."""
    require_tensor(name, input)
    require_tensor(name, src, "src", 2)
    base = shapes.clone(input)
    part = view(base)
    if tuple(shape_of(part)) != tuple(shape_of(src)):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(shape_of(src))}, slice size = {list(shape_of(part))}"
        )
    src = convert(src, type_of(input))
    if part._view is None:  # the view is the whole
        return shapes.clone(src)
    result = view_scatter(base, src, steps=part._view.steps, layout=base_layout(base))
    label = "".join([word.capitalize() for word in name.split("_")]) + "Backward0"
    return named(result, label, input, src, **told)


def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1, *, out=None):
    """A copy of `input` with the diagonal replaced by `src`."""
    view = lambda x: diagonals.diagonal(x, offset, dim1, dim2)
    told = {"offset": offset, "dim1": dim1, "dim2": dim2}
    return finish(_scattered(input, src, view, "diagonal_scatter", **told), out)


def select_scatter(input, src, dim, index, *, out=None):
    """A copy of `input` with the entry `index` of `dim` replaced by `src`."""
    view = lambda x: indexing.select_axis(x, dim, index)
    return finish(_scattered(input, src, view, "select_scatter", dim=dim, index=index), out)


def slice_scatter(input, src, dim=0, start=None, end=None, step=1, *, out=None):
    """A copy of `input` with the entries start:end:step of `dim` replaced by `src`."""
    axis = dim + len(shape_of(input)) if dim < 0 else dim
    index = (slice(None),) * axis + (slice(start, end, step),)
    told = {"dim": dim, "start": start, "end": end, "step": step}
    return finish(_scattered(input, src, lambda x: x[index], "slice_scatter", **told), out)


def narrow_copy(input, dim, start, length, *, out=None):
    """torch.narrow_copy: as torch.narrow, in memory of its own."""
    shape = tuple(shape_of(input))
    if dim >= max(len(shape), 1):
        raise RuntimeError(
            hinted(
                "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.",
                f"the tensor has {len(shape)} dimensions, {dim} is none of them.",
            )
        )
    size = shape[normalize_axis(dim, len(shape))] if shape else 0
    if length < 0:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    part = in_order(shapes.clone(joining.narrow(input, dim, start, length)))
    return finish(named(
        part, "NarrowCopyBackward0", input, dim=dim, start=start, length=length,
        self_sym_sizes=shape), out)  # fmt: skip


def as_strided_scatter(input, src, size, stride, storage_offset=None, *, out=None):
    """A copy of `input` with what as_strided shows replaced by `src`."""
    return finish(_scattered(
        input, src, lambda x: restriding.as_strided(x, size, stride, storage_offset),
        "as_strided_scatter", size=tuple(size), stride=tuple(stride), storage_offset=storage_offset,
    ), out)  # fmt: skip


def fill(input, value):
    """A tensor like `input`, each element `value`, a number or a 0-dim tensor."""
    require_tensor("fill", input)
    if isinstance(value, TensorBase):
        if shape_of(value) != ():
            raise RuntimeError(
                "fill only supports 0-dimension value tensor but got tensor with "
                f"{len(shape_of(value))} dimensions."
            )
        source = shapes.expand(value.to(input.dtype), tuple(shape_of(input)))
    else:
        element = fitted(value, element_type(input))
        source = full_like(input, element)
    form = int(isinstance(value, TensorBase))
    return named(select(np.False_, input, source), f"FillBackward{form}")


def constant_pad_nd(input, pad, value=0):
    """`input` with `value` around it: (before, after) of the last axis, then of the one before."""
    if element_type(input).kind in "iu" and isinstance(value, int) and max(pad, default=0) > 0:
        value = fitted(value, element_type(input))  # whole numbers may count from the end
    return padded(input, pad, "constant", value)
