"""Batch, layer, group, instance and root-mean-square normalisation."""

import math

from ... import ops
from ...autograd import no_grad
from ...dtypes import bfloat16, finfo, float16, float32
from ...errors import hinted

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm",
]  # fmt: skip


def _normalized(input, dims, eps):
    """((x - mean) / √(var + eps), mean, var) over `dims`."""
    mean = input.mean(dims, keepdim=True)
    centred = input - mean
    var = (centred * centred).mean(dims, keepdim=True)
    return centred * ops.rsqrt(var + eps), mean, var


def _wide(input):
    """The 16-bit floats as float32, in which PyTorch forms their statistics."""
    return input.to(float32) if input.dtype in (float16, bfloat16) else input


def _scaled(result, weight, bias, shape=None):
    if weight is not None:
        result = result * (weight if shape is None else weight.reshape(shape))
    if bias is not None:
        result = result + (bias if shape is None else bias.reshape(shape))
    return result


def _like(input, result):
    """The result in the 16-bit float it came from; in its own type otherwise."""
    return result.to(input.dtype) if input.dtype in (float16, bfloat16) else result


def _verify_batch_size(size):
    """One number for each channel has no variance."""
    count = size[0] * math.prod(size[2:])
    if count == 1:
        raise ValueError(
            hinted(
                f"Expected more than 1 value per channel when training, got input size {size}",
                "use larger batches (or drop_last=True), or model.eval() for single cases.",
            )
        )


def _check_statistics(input, running_mean, running_var, weight, bias):
    channels = input.size(1)
    for name, value in (
        ("running_mean", running_mean), ("running_var", running_var), ("weight", weight),
        ("bias", bias),
    ):  # fmt: skip
        if value is not None and value.numel() != channels:
            raise RuntimeError(
                hinted(
                    f"{name} should contain {channels} elements not {value.numel()}",
                    "num_features must be the size of the input's dimension 1.",
                )
            )


def batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """Normalise each channel (dimension 1) over the batch, or with the running statistics.

    In training the running statistics move towards the batch's by ``momentum``.

    >>> import tidu as torch
    >>> x = torch.tensor([[1.0], [3.0]])
    >>> torch.nn.functional.batch_norm(x, None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    if training:
        _verify_batch_size(input.size())
    _check_statistics(input, running_mean, running_var, weight, bias)
    shape = [1, -1] + [1] * (input.dim() - 2)
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when training=False"
            )
        scale = ops.rsqrt(_wide(running_var) + eps)
        if weight is not None:
            scale = scale * weight
        result = (_wide(input) - running_mean.reshape(shape)) * scale.reshape(shape)
        return _like(input, result if bias is None else result + bias.reshape(shape))
    dims = [0, *range(2, input.dim())]
    result, mean, var = _normalized(_wide(input), dims, eps)
    if running_mean is not None:
        count = input.numel() // input.size(1)
        _move(running_mean, mean, momentum, 1.0)
        _move(running_var, var, momentum, count / (count - 1))
    return _like(input, _scaled(result, weight, bias, shape))


def _move(running, batch, momentum, correction):
    """running ← (1 - momentum) · running + momentum · (correction · batch)."""
    with no_grad():
        value = batch.detach().reshape(running.shape) * (momentum * correction)
        running.mul_(1 - momentum).add_(value)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise over the last dimensions, which have shape ``normalized_shape``."""
    dims = _last_dims(input, normalized_shape)
    return _scaled(_normalized(input, dims, eps)[0], weight, bias)


def _last_dims(input, normalized_shape):
    shape = list(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            f"element, but got normalized_shape = {shape}"
        )
    if list(input.shape[-len(shape) :]) != shape:
        wanted = "".join(f", {n}" for n in shape)
        raise RuntimeError(
            hinted(
                f"Given normalized_shape={shape}, expected input with shape [*{wanted}], but got "
                f"input of size{list(input.shape)}",
                "normalized_shape are the sizes of the input's last dimensions.",
            )
        )
    return list(range(-len(shape), 0))


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / √(mean(x²) + eps) over the last dimensions; eps is by default that of the
    dtype in which the mean is formed, float32 for the 16-bit floats."""
    dims = _last_dims(input, normalized_shape)
    x = _wide(input)
    if eps is None:
        eps = finfo(x.dtype).eps
    result = x * ops.rsqrt((x * x).mean(dims, keepdim=True) + eps)
    return _like(input, result if weight is None else result * weight)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalise each group of channels of each case."""
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    size = input.size()
    _verify_batch_size([size[0] * size[1] // num_groups, num_groups, *size[2:]])
    if size[1] % num_groups != 0:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(size)} and num_groups={num_groups}"
        )
    grouped = _wide(input).reshape(size[0], num_groups, -1)
    result = _normalized(grouped, [2], eps)[0].reshape(size)
    return _like(input, _scaled(result, weight, bias, [1, -1] + [1] * (input.dim() - 2)))


def instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
    momentum=0.1, eps=1e-5,
):  # fmt: skip
    """Normalise each channel of each case by itself."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    size = input.size()
    places = math.prod(size[2:])
    if places == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {size}"
        )
    result, mean, var = _normalized(_wide(input), list(range(2, input.dim())), eps)
    if running_mean is not None:
        _move(running_mean, mean.detach().mean(0), momentum, 1.0)
        _move(running_var, var.detach().mean(0), momentum, places / (places - 1))
    return _like(input, _scaled(result, weight, bias, [1, -1] + [1] * (input.dim() - 2)))


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha · mean of x² over ``size`` neighbouring channels)^beta."""
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got "
            f"{input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = input * input
    before, channels = size // 2, input.size(1)
    padded = ops.cat(
        [_zeros_in_front(squares, before), squares, _zeros_in_front(squares, (size - 1) // 2)], 1
    )
    total = sum(padded.narrow(1, i, channels) for i in range(size))
    return input / (total / size * alpha + k) ** beta


def _zeros_in_front(squares, count):
    shape = list(squares.shape)
    shape[1] = count
    return ops.zeros(shape, dtype=squares.dtype)
