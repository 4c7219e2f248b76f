"""Dropout: numbers or whole channels set to zero at random in training."""

import warnings

from ... import ops
from ...base.frames import user_depth
from ...core.retries import asked
from ...ops.flags import require_bool
from ...ops.random import bernoulli_like, kept_noise

__all__ = [
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
]  # fmt: skip

_ALPHA = 1.7580993408473766  # the negative saturation value of selu


def _check(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input, p, shape):
    """1 / 0 at random: 0 with probability p."""
    if shape == input.shape:
        # Drawn in the order in which the input lies in memory, as PyTorch does.
        return bernoulli_like(input, 1 - p)
    return ops.bernoulli(ops.empty(shape, dtype=input.dtype), 1 - p)


def _applied(input, noise, inplace):
    return input.mul_(noise) if inplace else input * noise


def _dropped(input, p, training, inplace, shape):
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        zeros = ops.zeros((), dtype=input.dtype)
        return _applied(input, zeros, inplace)
    if shape == input.shape:
        # Drawn in the order in which the input lies in memory, as PyTorch does.
        return _applied(input, kept_noise(input, 1 - p), inplace)
    return _applied(input, _kept(input, p, shape).div_(1 - p), inplace)


@asked
def dropout(input, p=0.5, training=True, inplace=False):
    """Zero each number with probability ``p``, and scale the others by 1 / (1 - p).

    >>> import tidu as torch
    >>> torch.nn.functional.dropout(torch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    _check(p)
    if training.__class__ is not bool:
        require_bool("dropout", 3, train=training)
    return _dropped(input, p, training, inplace, input.shape)


def _channel_shape(input):
    """One number for each case and channel."""
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return [input.size(0), input.size(1)] + [1] * (input.dim() - 2)


def _channels(input, p, training, inplace, name, spatial, warn_other):
    """Channel dropout of an input (N, C, *) or, where it is not batched, (C, *)."""
    _check(p)
    if warn_other and input.dim() not in (spatial + 1, spatial + 2):
        warnings.warn(
            f"{name}: Received a {input.dim()}-D input to {name}, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            f"warning, please use {name.replace('2d', '').replace('3d', '')} instead. Note that "
            f"{name} exists to provide channel-wise dropout on inputs with {spatial} spatial "
            "dimensions, a channel dimension, and an optional batch dimension (i.e. "
            f"{spatial + 1}D or {spatial + 2}D inputs).",
            stacklevel=user_depth(),
        )
    single = input.dim() == spatial + 1 and spatial != 2
    batch = input.unsqueeze(0) if single else input
    result = _dropped(batch, p, training, inplace, _channel_shape(batch))
    if not single:
        return result
    return input if inplace else result.squeeze(0)


@asked
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, L) or (C, L)."""
    _check(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _channels(input, p, training, inplace, "dropout1d", 1, False)


def _warn_of_axes(name, input, wanted, words):
    if input.dim() not in wanted:
        warnings.warn(
            f"{name}: Received a {input.dim()}-D input to {name}, which is deprecated and will "
            f"result in an error in a future release. To retain the behavior and silence this "
            f"warning, please use dropout instead. Note that {name} exists to provide channel-wise "
            f"dropout on inputs with {words}.",
            stacklevel=user_depth(),
        )


@asked
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, H, W)."""
    _warn_of_axes("dropout2d", input, (3, 4), "2 spatial dimensions, a channel dimension, and an "
                  "optional batch dimension (i.e. 3D or 4D inputs)")  # fmt: skip
    if input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=user_depth(),
        )
    return _channels(input, p, training, inplace, "dropout2d", 2, True)


@asked
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    return _channels(input, p, training, inplace, "dropout3d", 3, True)


def _alpha_dropped(input, p, training, inplace, shape):
    _check(p)
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        return _applied(input, ops.zeros((), dtype=input.dtype), inplace)
    noise = _kept(input, p, shape)
    a = 1.0 / ((_ALPHA * _ALPHA * p + 1) * (1 - p)) ** 0.5
    shift = (noise - 1) * (_ALPHA * a) + _ALPHA * a * p
    if inplace:
        return input.mul_(noise * a).add_(shift)
    return input * (noise * a) + shift


def feature_dropout(input, p, training, inplace=False):
    """`dropout` of whole channels (N, C, ...); it is among the functions of torch itself."""
    _check(p)
    shape = _channel_shape(input) if training and p else input.shape
    return _dropped(input, p, training, inplace, shape)


@asked
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps mean and variance of selu's outputs."""
    return _alpha_dropped(input, p, training, inplace, input.shape)


@asked
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`alpha_dropout` of whole channels."""
    shape = _channel_shape(input) if training and p else input.shape
    return _alpha_dropped(input, p, training, inplace, shape)
