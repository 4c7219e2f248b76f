"""pad in all its modes, pixel_shuffle and pixel_unshuffle."""

import numpy as np

from ..base.errors import hinted
from ..base.size import checked_count
from ..core.handle import element_type, shape_of, wrap
from ..core.retries import worded
from ..primitives import base
from ..primitives.resampling import along_axes
from ..primitives.structural import embed, slice_
from ..primitives.views import view_scatter
from .convert import named, require_tensor
from .formats import keeps_format
from .numbers import fitted
from .shapes import clone

__all__ = ["pad", "pixel_shuffle", "pixel_unshuffle"]

_UNSUPPORTED = """ input tensor.
Supported combinations for non-constant padding:
  - 2D or 3D input: padding size = 2 (pads last dimension)
  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)
  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"""
_NAMES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad"}


@worded
@keeps_format
def pad(input, pad, mode="constant", value=None):
    """`input` made longer: `pad` is (before, after) of the last axis, then of the one before, ...

    mode 'constant' fills with `value` (0) and takes negative lengths, which cut; 'reflect' mirrors
    without repeating the edge, 'replicate' repeats the edge, 'circular' wraps around.

    >>> import tidu as torch
    >>> torch.nn.functional.pad(torch.tensor([1., 2.]), (1, 2), value=9)
    tensor([9., 1., 2., 9., 9.])
    >>> torch.nn.functional.pad(torch.tensor([[1., 2., 3.]]), (2, 0), mode="reflect")
    tensor([[3., 2., 1., 2., 3.]])
    """
    x = require_tensor("pad", input)
    widths = tuple([int(p) for p in pad])
    shape = tuple(shape_of(x))
    if len(widths) % 2:
        raise RuntimeError(
            hinted(
                "Padding length must be divisible by 2",
                f"pad needs (before, after) for each padded axis, but got {len(widths)} numbers.",
            )
        )
    if len(widths) > 2 * len(shape):
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(widths)} and input of dimension {len(shape)}"
        )
    checked_count([max(n + a + b, 0) for n, (a, b) in zip(shape, _pairs(widths, len(shape)))])
    if mode == "constant":
        return _constant(x, shape, widths, float(value) if isinstance(value, int) else value or 0)
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    dims = len(widths) // 2
    if dims not in (1, 2, 3) or len(shape) not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"Padding size {len(widths)} is not supported for {len(shape)}D{_UNSUPPORTED}"
        )
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return _repeated(x, shape, widths, mode, dims)


def _pairs(widths, count):
    """(before, after) for each of the last `count` axes, in their order."""
    pairs = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    return [(0, 0)] * (count - len(pairs)) + pairs


def _constant(x, shape, widths, value):
    pairs = _pairs(widths, len(shape))
    cut = tuple(
        [
            slice(max(0, -before), max(0, n - max(0, -after)))
            for n, (before, after) in zip(shape, pairs, strict=True)
        ]
    )
    if any(n + before + after < 0 for n, (before, after) in zip(shape, pairs, strict=True)):
        _refuse_cut(shape, pairs)
    if min(widths, default=0) < 0:
        x = slice_(x, index=cut)
    inner = tuple(shape_of(x))
    starts = [max(0, before) for before, _ in pairs]
    index = tuple([slice(s, s + n) for s, n in zip(starts, inner, strict=True)])
    full = tuple(
        [s + n + max(0, after) for s, n, (_, after) in zip(starts, inner, pairs, strict=True)]
    )
    if element_type(x).kind in "iu" and full != inner:
        value = fitted(value, element_type(x))
    if value == 0:
        out = embed(x, index=index, shape=full)
    else:
        filled = wrap(np.full(full, value).astype(element_type(x)))
        out = view_scatter(filled, x, steps=((slice_, {"index": index}),), layout=None)
    return named(out, "ConstantPadNdBackward0", pad=widths)


def _refuse_cut(shape, pairs):
    for axis, (n, (before, after)) in enumerate(zip(shape, pairs, strict=True)):
        if n + before < 0 or n + after < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        if n + before + after < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {before} and {after} resulted in a "
                f"negative output size, which is invalid. Check dimension {axis} of your input."
            )


def _repeated(x, shape, widths, mode, dims):
    space = shape[-dims:]
    pairs = _pairs(widths, dims)
    sizes = tuple([n + before + after for n, (before, after) in zip(space, pairs, strict=True)])
    for i, (n, (before, after)) in enumerate(zip(space, pairs, strict=True)):
        _check_repeated(mode, shape, dims, i, n, before, after)
    specs = [
        (mode, n, before) if before or after else None
        for n, (before, after) in zip(space, pairs, strict=True)
    ]
    out = along_axes(x, sizes, specs)
    if out is x:
        out = x.clone()
    if mode == "circular":
        return named(out, "CopySlices", *_circular_steps(x, pairs))
    return named(out, f"{_NAMES[mode]}{dims}DBackward0", x, pad=widths) if mode in _NAMES else out


def _circular_steps(x, pairs):
    """What PyTorch's last write goes back to: it writes the middle, then each side from there."""
    step, widths = x, [width for pair in pairs for width in pair if width > 0]
    for _ in pairs:
        step = ("Slice", step)
    step = (None, step)
    for _ in widths:
        written = ("CopySlices", *step)
        step = (written, ("Slice", written))
    return step


def _check_repeated(mode, shape, dims, i, n, before, after):
    if mode == "circular":
        if before > n or after > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if n + before + after < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension.")
        return
    if 0 in shape[-dims - 1 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size "
            f"and other non-zero dimensions for input, but got: {list(shape)}"
        )
    if mode == "reflect" and (before >= n or after >= n):
        argument = 4 + 2 * (dims - 1 - i)
        raise RuntimeError(
            hinted(
                f"Argument #{argument}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension "
                f"{len(shape) - dims + i} "
                f"of input {list(shape)}",
                "reflection does not repeat the edge, so at most length - 1 can be mirrored.",
            )
        )
    if n + before + after < 1:
        raise RuntimeError(
            f"input ({'W' if dims == 1 else 'HW'[i] if dims == 2 else 'DHW'[i]}: {n}) is too "
            f"small. Calculated output: {n + before + after}"
        )


# --- channels to pixels and back ------------------------------------------------------------------


@keeps_format
def pixel_shuffle(input, upscale_factor):
    """(..., C·r², H, W) to (..., C, H·r, W·r): channels become finer pixels.

    >>> import tidu as torch
    >>> torch.pixel_shuffle(torch.arange(4.).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    shape, r = tuple(shape_of(require_tensor("pixel_shuffle", input))), upscale_factor
    _check_shuffle("pixel_shuffle", "upscale_factor", shape, r)
    *lead, channels, height, width = shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    c, k = channels // (r * r), len(lead)
    x = base.reshape(input, shape=(*lead, c, r, r, height, width))
    x = base.transpose(x, axes=(*range(k), k, k + 3, k + 1, k + 4, k + 2))
    out = base.reshape(x, shape=(*lead, c, height * r, width * r))
    out = clone(out) if r == 1 else out
    return named(out, "PixelShuffleBackward0", input, factor=r)


@keeps_format
def pixel_unshuffle(input, downscale_factor):
    """(..., C, H·r, W·r) to (..., C·r², H, W): the reverse of pixel_shuffle.

    >>> import tidu as torch
    >>> torch.pixel_unshuffle(torch.ones(1, 1, 4, 6), 2).shape
    torch.Size([1, 4, 2, 3])
    """
    shape, r = tuple(shape_of(require_tensor("pixel_unshuffle", input))), downscale_factor
    _check_shuffle("pixel_unshuffle", "downscale_factor", shape, r)
    *lead, channels, height, width = shape
    for word, n, place in (("height", height, -2), ("width", width, -1)):
        if n % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {word} to be divisible by downscale_factor, but "
                f"input.size({place})={n} is not divisible by {r}"
            )
    k = len(lead)
    x = base.reshape(input, shape=(*lead, channels, height // r, r, width // r, r))
    x = base.transpose(x, axes=(*range(k), k, k + 2, k + 4, k + 1, k + 3))
    out = base.reshape(x, shape=(*lead, channels * r * r, height // r, width // r))
    out = clone(out) if r == 1 else out
    return named(out, "PixelUnshuffleBackward0", input, factor=r)


def _check_shuffle(name, argument, shape, factor):
    if len(shape) < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {len(shape)} "
            "dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {factor}")
