"""torch.diagflat, index_reduce, nanquantile, empty_permuted ...: rarely used forms of the usual.

Loaded when one of them is first used.
"""

import math

import numpy as np

from ..base.dtypes import float64, int64, uint64
from ..base.errors import require_memory
from ..base.frames import warn_once
from ..base.size import listed, normalize_axis
from ..core.direct import directly
from ..core.handle import TensorBase, concrete, element_type, shape_of
from ..core.retries import worded
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives.base import reduce_sum, reshape
from ..primitives.indexing import gather
from .blending import lerp
from .convert import convert, finish, named, ndim_of, require_tensor, scalar_name, type_of
from .convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from .creation import empty
from .diagonals import diag
from .flags import strict
from .indexing import getitem
from .joining import cat, stack
from .ordering import (
    along,
    kept,
    plain_nanquantile,
    require_interpolation,
    show_quantile,
    slopes_by_fraction,
)
from .shapes import expand, permute
from .spelling import scatter_reduce, sort

_CONVOLUTIONS = {
    False: (conv1d, conv2d, conv3d), True: (conv_transpose1d, conv_transpose2d, conv_transpose3d),
}  # fmt: skip


def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """The convolution, transposed or not, with as many axes as `weight` has after its first two.

    >>> import tidu as torch
    >>> x, w = torch.ones(1, 1, 4), torch.ones(1, 1, 3)
    >>> torch.convolution(x, w, None, (1,), (0,), (1,), False, (0,), 1)
    tensor([[[3., 3.]]])
    """
    rank, shape = ndim_of(require_tensor("convolution", weight, "weight")), list(shape_of(input))
    if ndim_of(input) != rank or not 3 <= rank <= 5:
        raise RuntimeError(
            f"Expected {rank}-dimensional input for {rank}-dimensional weight "
            f"{list(shape_of(weight))}, but got {len(shape)}-dimensional input of size {shape} "
            "instead"
        )
    given = {"stride": stride, "padding": padding, "dilation": dilation}
    for place, (name, value) in enumerate(given.items()):
        if not isinstance(value, (tuple, list)):
            raise TypeError(
                f"convolution(): argument '{name}' (position {place + 4}) must be tuple of ints, "
                f"not {type(value).__name__}"
            )
    if transposed:
        given["output_padding"] = output_padding
    return _CONVOLUTIONS[bool(transposed)][rank - 3](input, weight, bias, **given, groups=groups)


@worded
def conv_tbc(input, weight, bias, pad=0):
    """conv1d of (time, batch, channels) with a weight (width, channels, results), and its bias."""
    if ndim_of(require_tensor("conv_tbc", input)) != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if ndim_of(require_tensor("conv_tbc", weight, "weight", 2)) != 3:
        raise RuntimeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
        )
    if ndim_of(require_tensor("conv_tbc", bias, "bias", 3)) != 1:
        raise RuntimeError("Bias must be 1-D")
    if shape_of(input)[2] != shape_of(weight)[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if shape_of(weight)[2] != shape_of(bias)[0]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    found = conv1d(permute(input, (1, 2, 0)), permute(weight, (2, 1, 0)), bias, padding=pad)
    found = permute(found, (2, 0, 1)).contiguous()
    return named(found, "ConvTbcBackward0", input, weight, bias, pad=pad)


def slice_(input, dim=0, start=None, end=None, step=1):
    """The view input[..., start:end:step, ...] along `dim`: `torch.ops.aten.slice`."""
    if not ndim_of(input):
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    axis = normalize_axis(dim, ndim_of(input))
    return getitem(input, (slice(None),) * axis + (slice(start, end, step),))


def diagflat(input, offset=0):
    """A square matrix with the elements of `input` on its diagonal."""
    return diag(reshape(input, shape=(math.prod(shape_of(input)),)), offset)


_REDUCTIONS = {"prod": "prod", "mean": "mean", "amax": "amax", "amin": "amin"}


@strict
def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None):
    """`input` with the entries of `source` combined into the places `index` of `dim`."""
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    warn_once("index_reduce() is in beta and the API may change at any time.")
    require_tensor("index_reduce", source, "source", 4)
    if type_of(input) is not type_of(source):
        raise RuntimeError(
            "index_reduce(): self and source expected to have the same dtype, but got (self) "
            f"{type_of(input)} and (source) {type_of(source)}"
        )
    if not ndim_of(input):
        flat = [reshape(t, shape=(math.prod(shape_of(t)),)) for t in (input, index, source)]
        whole = index_reduce(flat[0], 0, *flat[1:], reduce, include_self=include_self)
        return finish(reshape(whole, shape=()), out)
    axis = normalize_axis(dim, ndim_of(input))
    shape = [1] * ndim_of(input)
    shape[axis] = math.prod(shape_of(index))
    places = expand(reshape(index, shape=tuple(shape)), tuple(shape_of(source)))
    result = scatter_reduce(input, axis, places, source, reduce, include_self=include_self)
    return finish(result, out)


@directly(plain_nanquantile)
@strict
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-th quantiles along `dim` of the elements that are not NaN."""
    rank = ndim_of(require_tensor("nanquantile", input))
    if type_of(input).category != 2 or type_of(input).itemsize < 4:
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if 0 in shape_of(input):
        raise RuntimeError("quantile() input tensor must be non-empty")
    x, axis = along(input, dim)
    ordered = sort(x, axis).values
    there = convert(c.logical_not(c.isnan(x)), type_of(x))
    last = reduce_sum(there, axes=(axis,), keepdims=True) - 1
    fractions = q if isinstance(q, TensorBase) else np.asarray(q, element_type(input))
    if isinstance(fractions, TensorBase):
        fractions = concrete(fractions)
    if np.any((fractions < 0) | (fractions > 1)):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    parts = [_at(ordered, last, float(f), axis, interpolation) for f in fractions.reshape(-1)]
    if interpolation == "linear" and isinstance(q, TensorBase) and q._node is not None:
        parts = slopes_by_fraction(q, parts, ordered, axis)
    if keepdim:
        parts = [kept(part, dim, axis, rank) for part in parts]
    result = stack(parts, 0) if fractions.ndim else parts[0]
    show_quantile(result, input, dim, axis, interpolation, fractions.ndim)
    return finish(result, out)


_PICKED = {"lower": p.floor, "higher": p.ceil, "nearest": p.round_}


def _at(ordered, last, fraction, axis, interpolation):
    """The quantile of each row, whose last place that counts is `last` (-1: none)."""
    place = p.maximum(last, p.zeros_like(last)) * fraction
    require_interpolation(interpolation)
    if interpolation in _PICKED:
        value = gather(ordered, _PICKED[interpolation](place).long(), axis=axis)
    else:
        low = p.floor(place)
        below = gather(ordered, low.long(), axis=axis)
        above = gather(ordered, p.ceil(place).long(), axis=axis)
        value = lerp(below, above, place - low if interpolation == "linear" else 0.5)
    shape = tuple(shape_of(value))
    return reshape(value, shape=(*shape[:axis], *shape[axis + 1 :]))


def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None,
                   requires_grad=False, pin_memory=False):  # fmt: skip
    """Unset elements whose axes lie in memory in the order `physical_layout`."""
    size, order = tuple(size), [int(a) for a in physical_layout]
    if len(order) != len(size):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    for k, a in enumerate(order):
        if not 0 <= a < len(size):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got "
                f"{a} at index {k}).  NB: negative dims not currently supported; file an issue if "
                "you want it."
            )
        if a in order[:k]:
            raise RuntimeError("Duplicate dim not allowed")
    memory = empty(tuple([size[a] for a in order]), dtype=dtype, device=device)
    result = permute(memory, tuple(np.argsort(order).tolist())).detach()
    return result.requires_grad_(True) if requires_grad else result


def resize_as_(input, the_template, *, memory_format=None):
    """`input` resized to the shape of the template."""
    return input.resize_(tuple(shape_of(the_template)))


def vander(x, N=None, increasing=False):
    """torch.vander: powers of the elements of a vector, falling from left to right."""
    if ndim_of(x) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = shape_of(x)[0] if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    require_memory((shape_of(x)[0], count), element_type(x))
    columns = [x**k for k in range(count)]
    if not count:
        return empty(shape_of(x)[0], 0, dtype=type_of(x))
    return stack(columns if increasing else columns[::-1], 1)


def hash_tensor(input, dim=(), *, keepdim=False, mode=0, out=None):
    """The exclusive or of the elements' 64 bits (as int64 or float64), of all or along axes.

    >>> import tidu as torch
    >>> torch.hash_tensor(torch.tensor([1, 2, 7]))
    tensor(4, dtype=torch.uint64)
    """
    if type_of(require_tensor("hash_tensor", input)).category == 3:
        kind = scalar_name(type_of(input))
        raise NotImplementedError(f"\"xor_sum_cpu\" not implemented for '{kind}'")
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if not (axes := listed(dim)) and not input.numel():
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify "
            "the reduction dim with the 'dim' argument."
        )
    rank, wide = ndim_of(input), convert(input, float64 if type_of(input).category == 2 else int64)
    bits = wide.detach().view(int64)
    axes = sorted([normalize_axis(a, rank) for a in axes]) or list(range(rank))
    rest = [a for a in range(rank) if a not in axes]
    lead = [shape_of(input)[a] for a in rest]
    bits = permute(bits, (*rest, *axes)).reshape(*lead, -1)
    while (length := shape_of(bits)[-1]) > 1:
        half = length // 2
        folded = bits[..., :half] ^ bits[..., half : 2 * half]
        bits = cat([folded, bits[..., 2 * half :]], -1)
    found = bits.sum(-1)  # of one element, or of none
    if keepdim:
        found = found.reshape([1 if a in axes else n for a, n in enumerate(shape_of(input))])
    return finish(convert(found, uint64), out)


def _to_copy(input, *, dtype=None, layout=None, device=None, pin_memory=None, non_blocking=False,
             memory_format=None):  # fmt: skip
    """A copy in another type, whatever the type was."""
    return input.to(dtype=dtype or input.dtype, device=device, copy=True)


def _pin_memory(input, device=None):
    """The tensor: memory is not pinned on a CPU."""
    return input.pin_memory()


def alias(input):
    """A view of the whole tensor."""
    return input.view_as(input)


def index(input, indices):
    """input[indices], of which None takes the whole axis."""
    return getitem(input, tuple([slice(None) if i is None else i for i in indices]))
