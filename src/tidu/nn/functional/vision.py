"""Images: old names of `interpolate`, and channels of groups interleaved."""

import warnings

from ...base.frames import user_depth
from ...core.retries import asked
from ...ops import interpolate
from ...ops.convert import named

__all__ = [
    "channel_shuffle", "native_channel_shuffle", "upsample", "upsample_bilinear",
    "upsample_nearest",
]  # fmt: skip


@asked
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Deprecated name of `interpolate`."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=user_depth(),
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


@asked
def upsample_nearest(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` with mode nearest."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=user_depth(),
    )
    return interpolate(input, size, scale_factor, mode="nearest")


@asked
def upsample_bilinear(input, size=None, scale_factor=None):
    """Deprecated: `interpolate` with mode bilinear and aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=user_depth(),
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


@asked
def channel_shuffle(input, groups):
    """Channels (dimension 1) of the groups interleaved."""
    if input.dim() <= 2:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if input.size(1) % groups != 0:
        raise RuntimeError(
            "Number of channels must be divisible by groups. Got "
            f"{input.size(1)} channels and {groups} groups."
        )
    shuffled = input.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)
    return named(shuffled, "ChannelShuffleBackward0", input, groups=groups)


native_channel_shuffle = channel_shuffle
