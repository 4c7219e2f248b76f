"""max_pool*, avg_pool*, lp_pool*, with PyTorch's checks."""

from math import prod

from ..base.errors import hinted
from ..core.handle import TensorBase, shape_of
from ..core.node import Node
from ..core.retries import asked
from ..primitives.pooling import max_pool, max_positions, mean_pool
from .arithmetic import abs, pow, relu, sign
from .convert import Later, Replay, finish, held, named, scalar_name, type_of
from .flags import strict
from .formats import keeps_format, keeps_images, keeps_lines
from .shapes import squeeze, unsqueeze

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "called", "check_input", "lengths_of", "lp_pool1d",
    "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "refuse_type", "wrong_rank",
]  # fmt: skip

_WORDS = {1: "one int", 2: "two ints", 3: "three ints"}
_AXES = {1: "W", 2: "HW", 3: "THW"}


# --- arguments ----------------------------------------------------------------------------------


def lengths_of(name, argument, value, dims):
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(values) == 1:
        return (int(values[0]),) * dims
    if len(values) != dims:
        omitted = "be omitted, a single int," if argument == "stride" else "be a single int,"
        raise RuntimeError(f"{name}: {argument} must either {omitted} or a tuple of {_WORDS[dims]}")
    return tuple([int(v) for v in values])


def _output_length(n, k, s, p, d, ceil_mode):
    """PyTorch's rule: with ceil_mode the last window must start inside the input or its padding."""
    reach = n + 2 * p - d * (k - 1) - 1
    out = (-(-reach // s) if ceil_mode else reach // s) + 1
    if ceil_mode and (out - 1) * s >= n + p:
        out -= 1
    return out


def _windows(name, dims, shape, kernel_size, stride, padding, dilation, ceil_mode):
    """The parameters of the primitives, checked."""
    kernel = lengths_of(name, "kernel_size", kernel_size, dims)
    stride = (
        kernel if stride is None or stride in ([], ()) else lengths_of(name, "stride", stride, dims)
    )
    padding = lengths_of(name, "padding", padding, dims)
    dilation = lengths_of(name, "dilation", dilation, dims)
    if name == "max_pool1d":
        _check_line(kernel[0], stride[0], padding[0], dilation[0])
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    if min(stride) < 0 or min(kernel) <= 0:
        raise RuntimeError(
            "kernel size should be greater than zero, but got "
            + " ".join([f"k{a}: {k}" for a, k in zip(_AXES[dims], kernel, strict=True)])
        )
    if min(dilation) <= 0:
        raise RuntimeError(
            "dilation should be greater than zero, but got "
            + " ".join([f"dilation{a}: {d}" for a, d in zip(_AXES[dims], dilation, strict=True)])
        )
    _check_padding(name, kernel, padding, dilation)
    space = shape[len(shape) - dims :]
    size = tuple(
        [
            _output_length(*lengths, ceil_mode)
            for lengths in zip(space, kernel, stride, padding, dilation, strict=True)
        ]
    )
    if min(size) < 1:
        raise RuntimeError(_too_small(name, shape, size, dims, kernel))
    return dict(kernel=kernel, stride=stride, padding=padding, dilation=dilation, size=size)


def _check_line(kernel_size, stride, padding, dilation):
    """max_pool1d has sentences of its own."""
    lengths = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
    for word, length in lengths.items():
        if length <= 0:
            raise RuntimeError(f"max_pool1d() {word} must be greater than zero, but got {length}")
    if padding < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")


def _check_padding(name, kernel, padding, dilation):
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            if name == "max_pool1d":
                raise RuntimeError(
                    "max_pool1d() padding should be at most half of kernel size, but got "
                    f"padding={p} and kernel_size={k}"
                )
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )


def _too_small(name, shape, size, dims, kernel):
    if name == "max_pool1d":
        return f"max_pool1d() Invalid computed output size: {size[0]}"
    if name == "avg_pool3d" and any(n < k for n, k in zip(shape[-3:], kernel, strict=True)):
        image, window = [
            " ".join([f"{a}: {n}" for a, n in zip(axes, lengths, strict=True)])
            for axes, lengths in (("THW", shape[-3:]), (("kT", "kH", "kW"), kernel))
        ]
        return f"input image ({image}) smaller than kernel size ({window})"
    channels = shape[-dims - 1]
    before, after = shape[-dims:], size
    if dims == 1:
        before, after = (1, *before), (1, *after)
    return hinted(
        f"Given input size: ({'x'.join(map(str, (channels, *before)))}). Calculated output size: "
        f"({'x'.join(map(str, (channels, *after)))}). Output size is too small",
        "the input has fewer rows or columns than the window; use a smaller kernel_size, or fewer "
        "poolings before this one.",
    )


def check_input(name, input, dims):
    if not isinstance(input, TensorBase):
        raise TypeError(
            f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    shape = tuple(shape_of(input))
    if len(shape) not in (dims + 1, dims + 2):
        short = name == "avg_pool2d" and 0 < len(shape) < 3
        raise (IndexError if short else RuntimeError)(
            hinted(
                wrong_rank(name, shape, dims),
                "the axes are (channels, length...) or (batch, channels, length...).",
            )
        )
    if 0 in shape[-dims - 1 :]:
        prefix = "max_pool1d: " if name == "max_pool1d" else ""
        raise RuntimeError(
            f"{prefix}Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got:{list(shape)}"
        )
    return shape


def wrong_rank(name, shape, dims):
    rank = len(shape)
    if name == "avg_pool2d" and 0 < rank < 3:
        return (
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got -3)"
        )
    if name == "max_unpool2d":
        return (
            "Input to max_unpooling2d should be a 3d or 4d Tensor, but got a tensor with "
            f"{rank} dimensions."
        )
    if name == "max_pool1d":
        return (
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(shape)}"
        )
    if dims == 1:
        return (
            f"Expected 2 to 3 dimensions, but got {rank}-dimensional tensor for argument #1 "
            f"'self' (while checking arguments for {name})"
        )
    return f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input"


def refuse_type(name, input, categories):
    dtype = type_of(input)
    if dtype.category not in categories:
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(dtype)}'")


def called(out, name, dims, input, plane=None, **told):
    """The result of pooling, its node as PyTorch's: lines are pooled there as planes one high, by
    `plane`. `told` are the settings, with () for a stride that was not given."""
    node = out._node
    if node.__class__ is Node:
        if dims == 1:
            node.name = "SqueezeBackward1"
            node.shown = Replay(_as_plane, [plane, held(input)], {}, None)
        else:
            for word in ("kernel_size", "stride", "padding", "dilation"):
                if word in told and told[word] != ():
                    told[word] = lengths_of(name, word, told[word], dims)
            named(out, f"{name.format(dims)}Backward0", input, self=input, **told)
    return out


def _as_plane(pool, input):
    return squeeze(pool(unsqueeze(input, -2)), -2)


def _on_planes(pool, kernel_size, stride, padding, *options):
    """The pooling of planes one high that pools lines."""
    kernel, padding = (1, *_one(kernel_size)), (0, *_one(padding))
    stride = kernel if stride in (None, (), []) else (1, *_one(stride))
    return lambda x: pool(x, kernel, stride, padding, *options)


def _one(length):
    return tuple(length) if isinstance(length, (tuple, list)) else (length,)


def _given(stride):
    return () if stride is None or stride == [] else stride


# --- maxima -------------------------------------------------------------------------------------


def _max_pool(dims, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    name = f"max_pool{dims}d"
    shape = check_input(name, input, dims)
    refuse_type("max_pool1d_impl" if dims == 1 else name, input, (2,) if dims == 1 else (1, 2))
    params = _windows(name, dims, shape, kernel_size, stride, padding, dilation, ceil_mode)
    out = max_pool(input, **params)
    if out._node is not None:
        dilated = (1, *_one(dilation)), ceil_mode
        plane = _on_planes(max_pool2d, kernel_size, stride, padding, *dilated)
        called(
            out, "MaxPool{}DWithIndices", dims, input, plane, kernel_size=kernel_size,
            stride=_given(stride), padding=padding, dilation=dilation, ceil_mode=ceil_mode,
            result1=Later(lambda x: max_positions(x, **params), input),
        )  # fmt: skip
    return (out, max_positions(input, **params)) if return_indices else out


@strict
@keeps_lines
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):  # fmt: skip
    """The maximum of each window of (N, C, L); the stride is the window's length if not given.

    >>> import tidu as torch
    >>> torch.max_pool1d(torch.tensor([[1., 3., 2., 4.]]), 2)
    tensor([[3., 4.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@strict
@keeps_format
def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):  # fmt: skip
    """The maximum of each window of (N, C, H, W) or (C, H, W).

    With `return_indices` also its flat place in the H x W plane, for max_unpool2d.

    >>> import tidu as torch
    >>> torch.max_pool2d(torch.arange(16.).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@strict
@keeps_format
def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
               return_indices=False):  # fmt: skip
    """The maximum of each window of (N, C, D, H, W) or (C, D, H, W).

    >>> import tidu as torch
    >>> torch.max_pool3d(torch.ones(1, 2, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


# --- means --------------------------------------------------------------------------------------


def _avg_pool(dims, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
              divisor_override):  # fmt: skip
    name = f"avg_pool{dims}d"
    shape = check_input(name, input, dims)
    refuse_type(name, input, (1, 2))
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    params = _windows(name, dims, shape, kernel_size, stride, padding, 1, ceil_mode)
    del params["dilation"]
    divisor = divisor_override
    if divisor is None:
        divisor = _divisor(shape[-dims:], count_include_pad, **params)
    out = mean_pool(input, **params, divisor=divisor)
    options = ceil_mode, count_include_pad, divisor_override
    if out._node is None:
        return out
    plane = _on_planes(avg_pool2d, kernel_size, stride, padding, *options)
    return called(
        out, "AvgPool{}D", dims, input, plane, kernel_size=kernel_size, stride=_given(stride),
        padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )  # fmt: skip


def _divisor(space, count_include_pad, kernel, stride, padding, size):
    """How many elements each window counts: one number if all count the same."""
    counts = []
    for n, k, s, p, out in zip(space, kernel, stride, padding, size, strict=True):
        starts = [i * s - p for i in range(out)]
        ends = [min(start + k, n + p) for start in starts]
        if not count_include_pad:
            ends = [min(end, n) for end in ends]
            starts = [max(start, 0) for start in starts]
        counts.append(tuple([end - start for start, end in zip(starts, ends, strict=True)]))
    if all(c == (k,) * len(c) for c, k in zip(counts, kernel, strict=True)):
        return prod(kernel)
    return tuple(counts)


@strict
@keeps_lines
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of (N, C, L).

    >>> import tidu as torch
    >>> torch.nn.functional.avg_pool1d(torch.tensor([[1., 3., 2., 4.]]), 2)
    tensor([[2., 3.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@strict
@keeps_format
def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None, *, out=None):  # fmt: skip
    """The mean of each window of (N, C, H, W); zeros of the padding count unless told otherwise.

    >>> import tidu as torch
    >>> torch.nn.functional.avg_pool2d(torch.ones(1, 2, 2), 2, padding=1)
    tensor([[[0.2500, 0.2500],
             [0.2500, 0.2500]]])
    """
    result = _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                       divisor_override)  # fmt: skip
    return finish(result, out)


@strict
@keeps_images
def avg_pool3d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None, *, out=None):  # fmt: skip
    """The mean of each window of (N, C, D, H, W).

    >>> import tidu as torch
    >>> torch.nn.functional.avg_pool3d(torch.ones(1, 2, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    result = _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                       divisor_override)  # fmt: skip
    return finish(result, out)


# --- power means --------------------------------------------------------------------------------


def _lp_pool(dims, input, norm_type, kernel_size, stride, ceil_mode):
    pool = (avg_pool1d, avg_pool2d, avg_pool3d)[dims - 1]
    out = pool(pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    count = prod(lengths_of(f"lp_pool{dims}d", "kernel_size", kernel_size, dims))
    return pow(sign(out) * relu(abs(out)) * count, 1.0 / norm_type)


@asked
def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, L): (sum of x^p)^(1/p).

    >>> import tidu as torch
    >>> torch.nn.functional.lp_pool1d(torch.tensor([[3., 4.]]), 2, 2)
    tensor([[5.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@asked
def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, H, W)."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@asked
def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, D, H, W)."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
