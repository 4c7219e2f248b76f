"""torch.flip, roll, rot90 ...: axes read backwards or from another start."""

from numpy import ndarray

from ..base.dtypes import KEPT, refuse_kept
from ..base.errors import hinted
from ..base.size import listed, normalize_axes, normalize_axis, sizes_from
from ..core.handle import element_type, shape_of
from ..core.retries import worded
from ..primitives import structural as s
from .convert import composite, in_order, named, ndim_of
from .numbers import require_width
from .shapes import clone, reshape, transpose


@worded
def flip(input, *dims, **words):
    """The order along `dims` reversed (a copy)."""
    dims = words.get("dims", dims)
    if not isinstance(dims, (tuple, list)) or not dims and "dims" not in words:
        raise TypeError('flip() missing 1 required positional arguments: "dims"')
    dims = tuple(sizes_from(dims))
    axes = normalize_axes(dims, ndim_of(input))
    if KEPT and element_type(input) in KEPT and _innermost(input) in axes:
        refuse_kept(element_type(input), "flip_cpu")
    return named(s.flip(input, axes=axes), "FlipBackward0", dims=dims)


def _innermost(input):
    """The axis along which neighbours in memory lie; None for a single element."""
    sizes, array = shape_of(input), input._value
    strides = array.strides if isinstance(array, ndarray) else range(len(sizes))[::-1]
    long = [axis for axis, size in enumerate(sizes) if size > 1]
    return min(long, key=strides.__getitem__, default=None)


@worded
def fliplr(input):
    """The second axis turned round."""
    if ndim_of(input) < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@worded
def flipud(input):
    """The first axis turned round."""
    if ndim_of(input) < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@composite("RollBackward0")
def roll(input, shifts, dims=None):
    """Elements moved along `dims`, those pushed out coming in at the other end."""
    shifts = listed(shifts)
    for shift in shifts:
        require_width(shift)
    if not shifts:
        raise RuntimeError("`shifts` required")
    dims = () if dims is None else listed(dims)
    if not dims and len(shifts) == 1:
        flat = s.roll(reshape(input, (-1,)), shifts=shifts, axes=(0,))
        return named(reshape(flat, tuple(shape_of(input))), "RollBackward0")
    if len(dims) != len(shifts):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    if not ndim_of(input):
        if input._value.dtype is None:  # of examples of a batch PyTorch does not refuse it
            return roll(input, shifts)
        raise IndexError(
            hinted(
                f"Dimension specified as {dims[0]} but tensor has no dimensions",
                "leave dims out: a single element stays where it is.",
            )
        )
    if 0 in shape_of(input):  # nothing moves, wherever
        return clone(input)
    axes = tuple([normalize_axis(d, ndim_of(input)) for d in dims])
    return s.roll(input, shifts=shifts, axes=axes)


@composite("Rot90Backward0")
def rot90(input, k=1, dims=(0, 1)):
    """Turned by k quarter turns in the plane of `dims`."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    rank, (a, b) = ndim_of(input), dims
    if rank < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {rank}")
    if a == b or abs(a - b) == rank:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"
        )
    for place, d in enumerate((a, b)):
        if not -rank <= d < rank:
            raise RuntimeError(f"Rotation dim{place} out of range, dim{place} = {d}")
    k %= 4
    if k == 0:
        return in_order(clone(input))
    if k == 2:
        return flip(input, a, b)
    turned = transpose(input, a, b)
    return flip(turned, a) if k == 1 else flip(turned, b)
