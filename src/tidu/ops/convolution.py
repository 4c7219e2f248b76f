"""torch.conv1d, conv2d, conv3d, conv_transpose*, and unfold / fold, with PyTorch's checks."""

import operator
from functools import lru_cache
from math import prod

from ..base.errors import hinted
from ..base.frames import warn_once
from ..base.size import checked_count
from ..core.handle import TensorBase, shape_of
from ..core.retries import asked
from ..primitives import base
from ..primitives.convolution import convolution, transposed_convolution
from ..primitives.sliding import window_sum, window_values
from ..primitives.structural import embed
from .convert import named, scalar_name, type_of
from .formats import keeps_format, keeps_images, keeps_lines_of_both

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
           "conv_transpose3d", "fold", "unfold"]  # fmt: skip


# --- arguments ----------------------------------------------------------------------------------


def _require(name, **tensors):
    for place, (argument, value) in enumerate(tensors.items()):
        if not isinstance(value, TensorBase):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {place + 1}) must be Tensor, not "
                f"{type(value).__name__}"
            )


def _lengths(value, dims, name):
    """An int or a sequence as a tuple with one length for each spatial axis."""
    values = (value,) if not isinstance(value, (tuple, list)) else tuple(value)
    try:
        values = tuple([operator.index(v) for v in values])
    except TypeError:
        raise TypeError(
            f"conv{dims}d() received an invalid combination of arguments - {name} must be an int "
            f"or a tuple of ints, not {value!r}"
        ) from None
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match "
            f"the convolution dimensions, but got {name}={list(values)}"
        )
    return values


def _same_types(input, weight, bias):
    dtype = type_of(input)
    if dtype is not type_of(weight):
        raise RuntimeError(
            hinted(
                f"expected scalar type {scalar_name(dtype)} but found "
                f"{scalar_name(type_of(weight))}",
                f"input is {dtype} and weight is {type_of(weight)}; convert one of them with "
                ".to().",
            )
        )
    if bias is not None and type_of(bias) is not dtype:
        raise RuntimeError(
            hinted(
                f"Input type ({_c_name(dtype)}) and bias type ({_c_name(type_of(bias))}) should be "
                "the same",
                "convert the bias with .to(input.dtype).",
            )
        )
    if dtype.category == 0:
        raise NotImplementedError("\"slow_conv2d_cpu\" not implemented for 'Bool'")


def _c_name(dtype):
    """PyTorch's C++ word for a type, lower case where C++ has it so."""
    name = scalar_name(dtype)
    plain = name in ("Float", "Double", "Long", "Int", "Short", "Char")
    return name.lower() if plain else f"c10::{name}"


def _batched(name, input, dims):
    """(input with a batch axis, whether it had one)."""
    rank = len(shape_of(input))
    if rank == dims + 2:
        return input, True
    if rank == dims + 1:
        return base.reshape(input, shape=(1, *shape_of(input))), False
    raise RuntimeError(
        hinted(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got "
            "input "
            f"of size: {list(shape_of(input))}",
            "the axes are (channels, length...) or (batch, channels, length...); reshape or "
            "unsqueeze.",
        )
    )


def _unbatched(out, was_batched):
    if was_batched:
        return out
    return named(base.reshape(out, shape=tuple(shape_of(out))[1:]), "SqueezeBackward1")


def _check_lengths(stride, padding, dilation, groups):
    checked_count([p + 1 for p in padding])
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")


def _check_weight(shape, dims, stride, groups):
    shape = list(shape)
    if len(shape) != dims + 2:
        k = len(shape) - 2
        raise RuntimeError(
            hinted(
                f"expected stride to be a single integer value or a list of {k} values to match "
                "the "
                f"convolution dimensions, but got stride={list(stride)}",
                f"the weight has {len(shape)} axes, but a {dims}-dimensional convolution needs "
                f"{dims + 2}.",
            )
        )
    if shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {shape} instead"
        )
    if shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{shape}] instead"
        )
    if 0 in shape[2:]:
        sizes = " ".join(
            [
                f"{word}: {k}"
                for word, k in zip(
                    ("kernel_depth", "kernel_height", "kernel_width")[3 - dims :],
                    shape[2:],
                    strict=True,
                )
            ]
        )
        raise RuntimeError(f"kernel size should be greater than zero, but got {sizes}")


def _wrong_channels(given, weight, input, expected):
    return hinted(
        f"Given {given}, weight of size {list(weight)}, expected input"
        f"{list(input)} to have {expected} channels, but got {input[1]} channels instead",
        "the channels are axis 1 of a batch, in front of the spatial axes; images stored as "
        "(batch, height, width, channels) need permute(0, 3, 1, 2).",
    )


def _check_bias(given, weight, bias, channels):
    if bias is not None and bias != (channels,):
        raise RuntimeError(
            f"Given {given}weight of size {list(weight)}, expected bias to be 1-dimensional with "
            f"{channels} elements, but got bias of size {list(bias)} instead"
        )


def _by(lengths):
    return " x ".join([str(n) for n in lengths])


# --- convolution --------------------------------------------------------------------------------


def _convolve(name, dims, input, weight, bias, stride, padding, dilation, groups):
    _require(name, input=input, weight=weight)
    x, was_batched = _batched(name, input, dims)
    if isinstance(padding, str):
        x, padding = _named_padding(x, weight, padding, stride, dilation, dims, groups)
    stride, padding, dilation, size = _plan(
        dims, tuple(shape_of(x)), tuple(shape_of(weight)),
        bias if bias is None else tuple(shape_of(bias)),
        _hashable(stride), _hashable(padding), _hashable(dilation), groups,
    )  # fmt: skip
    _same_types(x, weight, bias)
    operands = (x, weight) if bias is None else (x, weight, bias)
    out = convolution(*operands, stride=stride, padding=padding, dilation=dilation, groups=groups,
                      size=size)  # fmt: skip
    return _unbatched(out, was_batched)


def _hashable(lengths):
    return tuple(lengths) if isinstance(lengths, list) else lengths


@lru_cache(1024)
def _plan(dims, x_shape, w_shape, bias_shape, stride, padding, dilation, groups):
    """(stride, padding, dilation, lengths of the result), all checked."""
    stride = _lengths(stride, dims, "stride")
    _check_weight(w_shape, dims, stride, max(groups, 1))
    dilation = _lengths(dilation, dims, "dilation")
    padding = _lengths(padding, dims, "padding")
    _check_lengths(stride, padding, dilation, groups)
    if x_shape[1] != w_shape[1] * groups:
        raise RuntimeError(
            _wrong_channels(f"groups={groups}", w_shape, x_shape, w_shape[1] * groups)
        )
    _check_bias("", w_shape, bias_shape, w_shape[0])
    around = [n + 2 * p for n, p in zip(x_shape[2:], padding, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w_shape[2:], strict=True)]
    if any(n < k for n, k in zip(around, reach, strict=True)):
        raise RuntimeError(
            hinted(
                f"Calculated padded input size per channel: ({_by(around)}). Kernel size: "
                f"({_by(reach)}). Kernel size can't be greater than actual input size",
                "use a smaller kernel, more padding, or fewer strides and poolings before this "
                "layer.",
            )
        )
    size = tuple([(n - k) // s + 1 for n, k, s in zip(around, reach, stride, strict=True)])
    return stride, padding, dilation, size


def _named_padding(x, weight, padding, stride, dilation, dims, groups):
    """(input, padding) for 'same' and 'valid'; an odd total pads one more at the end."""
    stride = _lengths(stride, dims, "stride")
    _check_weight(tuple(shape_of(weight)), dims, stride, max(groups, 1))
    dilation = _lengths(dilation, dims, "dilation")
    if padding == "valid":
        return x, 0
    if padding != "same":
        raise RuntimeError(
            hinted(f"Invalid padding string: '{padding}'", "the words are 'same' and 'valid'.")
        )
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(dilation, tuple(shape_of(weight))[2:], strict=True)]
    if any(t % 2 for t in total):
        warn_once(
            "Using padding='same' with even kernel lengths and odd dilation may require a "
            "zero-padded copy of the input be created"
        )
        shape = tuple(shape_of(x))
        lead = (slice(None),) * 2
        index = (*lead, *[slice(0, n) for n in shape[2:]])
        longer = (*shape[:2], *[n + t % 2 for n, t in zip(shape[2:], total, strict=True)])
        x = named(embed(x, index=index, shape=longer), "ConstantPadNdBackward0")
    return x, tuple([t // 2 for t in total])


@keeps_lines_of_both
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation along one axis: (N, C, L) with (K, C / groups, R) gives (N, K, L').

    `padding` is a length, 'same' or 'valid'; an input without batch axis is taken too.

    >>> import tidu as torch
    >>> torch.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 3))
    tensor([[[3., 3.]]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@keeps_images
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of images: (N, C, H, W) with (K, C / groups, R, S) gives (N, K, H', W').

    `padding` is a length, one for each axis, 'same' or 'valid'. Raises RuntimeError when the
    channels do not match or the kernel is larger than the padded image.

    >>> import tidu as torch
    >>> torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@keeps_format
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of volumes: (N, C, D, H, W) with (K, C / groups, Q, R, S).

    >>> import tidu as torch
    >>> torch.conv3d(torch.ones(1, 1, 3, 3, 3), torch.ones(2, 1, 2, 2, 2)).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


# --- transposed convolution ---------------------------------------------------------------------


def _convolve_back(name, dims, input, weight, bias, stride, padding, output_padding, groups,
                   dilation):  # fmt: skip
    _require(name, input=input, weight=weight)
    x, was_batched = _batched(name, input, dims)
    stride = _lengths(stride, dims, "stride")
    x_shape, w_shape = tuple(shape_of(x)), tuple(shape_of(weight))
    _check_weight(w_shape, dims, stride, max(groups, 1))
    padding = _lengths(padding, dims, "padding")
    extra = _lengths(output_padding, dims, "output_padding")
    dilation = _lengths(dilation, dims, "dilation")
    if any(e < 0 for e in extra):
        raise RuntimeError("negative output_padding is not supported")
    _check_lengths(stride, padding, dilation, groups)
    _same_types(x, weight, bias)
    if x_shape[1] != w_shape[0]:
        raise RuntimeError(_wrong_channels(f"transposed={groups}", w_shape, x_shape, w_shape[0]))
    bias_shape = bias if bias is None else tuple(shape_of(bias))
    _check_bias(f"transposed={groups}, ", w_shape, bias_shape, w_shape[1] * groups)
    _check_output_padding(extra, stride, dilation)
    sizes = x_shape[2:]
    size = tuple([
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(
            sizes, stride, padding, dilation, w_shape[2:], extra, strict=True)
    ])  # fmt: skip
    if any(n < 1 for n in size):
        raise RuntimeError(
            f"Given input size per channel: ({_by(sizes)}). Calculated output size per channel: "
            f"({_by(size)}). Output size is too small"
        )
    operands = (x, weight) if bias is None else (x, weight, bias)
    out = transposed_convolution(*operands, stride=stride, padding=padding, dilation=dilation,
                                 groups=groups, size=size)  # fmt: skip
    return _unbatched(out, was_batched)


def _check_output_padding(extra, stride, dilation):
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation, strict=True)):
        words = ("depth", "height", "width")[3 - len(extra) :] if len(extra) > 1 else ("width",)
        named_lengths = (("output_padding", extra), ("stride", stride), ("dilation", dilation))
        parts = [
            f"{name}_{word}: {n}"
            for name, lengths in named_lengths
            for word, n in zip(words, lengths, strict=True)
        ]
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            + " ".join(parts)
        )


@keeps_lines_of_both
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):  # fmt: skip
    """The transpose of conv1d as a linear map: (N, C, L) with (C, K / groups, R).

    >>> import tidu as torch
    >>> torch.conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 3))
    tensor([[[1., 2., 2., 1.]]])
    """
    return _convolve_back("conv_transpose1d", 1, input, weight, bias, stride, padding,
                          output_padding, groups, dilation)  # fmt: skip


@keeps_images
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):  # fmt: skip
    """The transpose of conv2d: (N, C, H, W) with (C, K / groups, R, S) gives (N, K, H', W').

    H' = (H - 1)·stride - 2·padding + dilation·(R - 1) + output_padding + 1.

    >>> import tidu as torch
    >>> torch.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), stride=2).shape
    torch.Size([1, 1, 4, 4])
    """
    return _convolve_back("conv_transpose2d", 2, input, weight, bias, stride, padding,
                          output_padding, groups, dilation)  # fmt: skip


@keeps_images
def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):  # fmt: skip
    """The transpose of conv3d: (N, C, D, H, W) with (C, K / groups, Q, R, S).

    >>> import tidu as torch
    >>> torch.conv_transpose3d(torch.ones(1, 2, 1, 1, 1), torch.ones(2, 3, 2, 2, 2)).shape
    torch.Size([1, 3, 2, 2, 2])
    """
    return _convolve_back("conv_transpose3d", 3, input, weight, bias, stride, padding,
                          output_padding, groups, dilation)  # fmt: skip


# --- windows as columns -------------------------------------------------------------------------


def _pair(value):
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return tuple([int(v) for v in values]) * (2 if len(values) == 1 else 1)


def _window_lengths(kernel_size, dilation, padding, stride):
    lengths = [_pair(v) for v in (kernel_size, dilation, padding, stride)]
    words = ("kernel size", "dilation", "padding", "stride")
    for word, pair in zip(words, lengths, strict=True):
        name = word.replace(" size", "")
        if word != "padding" and min(pair) <= 0:
            raise RuntimeError(
                f"{word} should be greater than zero, but got {name}_height: {pair[0]} "
                f"{name}_width: {pair[1]}"
            )
        if word == "padding" and min(pair) < 0:
            raise RuntimeError(
                f"padding should be non-negative, but got pad_height: {pair[0]} pad_width: "
                f"{pair[1]}"
            )
    return lengths


def _counts(sizes, kernel, dilation, padding, stride):
    return tuple(
        [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, d, p, s in zip(sizes, kernel, dilation, padding, stride, strict=True)
        ]
    )


@asked
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of an image as columns: (N, C, H, W) to (N, C·R·S, windows).

    >>> import tidu as torch
    >>> torch.nn.functional.unfold(torch.ones(1, 2, 4, 4), 3).shape
    torch.Size([1, 18, 4])
    """
    _require("im2col", input=input)
    kernel, dilation, padding, stride = _window_lengths(kernel_size, dilation, padding, stride)
    shape = tuple(shape_of(input))
    if 0 < len(shape) < 3:
        raise IndexError(
            hinted(
                f"Dimension out of range (expected to be in range of [{-len(shape)}, "
                f"{len(shape) - 1}], but got {len(shape)})",
                "unfold takes an image (C, H, W) or a batch of them (N, C, H, W).",
            )
        )
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    size = _counts(shape[-2:], kernel, dilation, padding, stride)
    if min(size) < 1:
        raise RuntimeError(
            f"Given input with spatial size {shape[-2:]}, kernel_size={kernel}, dilation="
            f"{dilation}, padding={padding}, calculated shape of the array of sliding blocks as "
            f"{size}, but its components must be at least one."
        )
    parts = window_values(input, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
                          size=size)  # fmt: skip
    columns = (*shape[:-3], shape[-3] * prod(kernel), prod(size))
    return named(base.reshape(parts, shape=columns), "Im2ColBackward0", input, kernel=kernel,
                 dilation=dilation, padding=padding, stride=stride)  # fmt: skip


@asked
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns added up where their windows were: (N, C·R·S, windows) to (N, C, H, W).

    >>> import tidu as torch
    >>> torch.nn.functional.fold(torch.ones(1, 4, 4), (3, 3), 2)
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    _require("col2im", input=input)
    output_size = _pair(output_size)
    kernel, dilation, padding, stride = _window_lengths(kernel_size, dilation, padding, stride)
    shape = tuple(shape_of(input))
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(shape)}"
        )
    if shape[-2] % prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={shape[-2]} and kernel_size={kernel}."
        )
    size = _counts(output_size, kernel, dilation, padding, stride)
    if prod(size) != shape[-1]:
        raise RuntimeError(
            f"Given output_size={output_size}, kernel_size={kernel}, dilation={dilation}, padding="
            f"{padding}, stride={stride}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {size[0]} * {size[1]} = {prod(size)}, but got "
            f"input.size(2)={shape[-1]}."
        )
    lead = (*shape[:-2], shape[-2] // prod(kernel))
    parts = base.reshape(input, shape=(*lead, *kernel, *size))
    out = window_sum(parts, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
                     size=size, shape=(*lead, *output_size))  # fmt: skip
    return named(out, "Col2ImBackward0", input, kernel=kernel, dilation=dilation, padding=padding,
                 stride=stride)  # fmt: skip
