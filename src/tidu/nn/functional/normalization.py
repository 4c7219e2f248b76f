"""Batch, layer, group, instance and root-mean-square normalisation."""

import math

from ... import ops
from ...autograd import no_grad
from ...base.dtypes import finfo, float32
from ...base.errors import AllRecomputed, hinted
from ...core.direct import array, directly
from ...core.retries import asked
from ...frontend.tensor import Tensor
from ...ops.convert import Later, in_order, named
from ...ops.flags import require_bool, require_float
from ...ops.formats import keeps_format
from ...ops.network import check_types
from ...primitives import normalization

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm",
]  # fmt: skip


def _shaped(tensor, shape):
    """A vector of one number for each channel, so that it meets the input; None stays."""
    return None if tensor is None else tensor.reshape(shape)


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


@keeps_format
def batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """Normalise each channel (dimension 1) over the batch, or with the running statistics.

    In training the running statistics move towards the batch's by ``momentum``.

    >>> import tidu as torch
    >>> x = torch.tensor([[1.0], [3.0]])
    >>> torch.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if training.__class__ is not bool:
        require_bool("batch_norm", 6, training=training)
    if eps <= 0 and (training or eps < 0):
        kind = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {kind}, but got {eps}")
    if not input.numel():
        return _without_elements(input, weight, bias)
    if training:
        _verify_batch_size(input.size())
    _check_statistics(input, running_mean, running_var, weight, bias)
    if not training:
        for name, given in (("running_mean", running_mean), ("running_var", running_var)):
            if given is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        return _with_running(input, running_mean, running_var, weight, bias, eps)
    shape, axes = _per_channel(input), (0, *range(2, input.dim()))
    scale, shift = _shaped(weight, shape), _shaped(bias, shape)
    running = running_mean, running_var, momentum, input.numel() // input.size(1)
    try:
        result, mean, var = ops.normalize(input, scale, shift, axes, eps, "batch_norm")
    except AllRecomputed:  # a checkpoint's second run ends in here: with PyTorch, behind it
        given = input.detach()
        _follow(*running, given.mean(axes), given.var(axes, correction=0))
        raise
    if result._node is not None:
        scale = Later(lambda v: ops.rsqrt(v.reshape(-1) + eps), var.detach())
        told = _told(input, running_mean, running_var, weight, eps, True, mean, scale)
        named(result, "NativeBatchNormBackward0", input, weight, bias, **told)
    _follow(*running, mean, var)
    return result


def _follow(running_mean, running_var, momentum, count, mean, var):
    """Move the running statistics towards those of the batch."""
    if running_mean is not None:
        _move(running_mean, mean, momentum, 1.0)
        _move(running_var, var, momentum, count / (count - 1))


def _without_elements(input, weight, bias):
    """Nothing to normalise; scale and shift stay on the tape."""
    result = input.clone()
    result = result if weight is None else result * weight[:1]
    return result if bias is None else result + bias[:1]


def _per_channel(input):
    """The shape in which a vector of one number for each channel meets the input."""
    return (-1,) + (1,) * (input.dim() - 2)


def _with_running(input, running_mean, running_var, weight, bias, eps):
    """One product and one sum of the input: scale and shift are formed for the channels first."""
    check_types(input, [a for a in (weight, bias, running_mean, running_var) if a is not None])
    scale, given = ops.rsqrt(running_var + eps), weight
    if weight is not None:
        scale = scale * weight
    shift = -running_mean * scale
    if bias is not None:
        shift = shift + bias
    shape = _per_channel(input)
    result = input * scale.reshape(shape) + shift.reshape(shape)
    result = result.to(input.dtype)
    if result._node is None:
        return result
    nothing = Later(lambda x: x.new_empty(0), input)
    told = _told(input, running_mean, running_var, given, eps, False, nothing, nothing)
    return named(result, "NativeBatchNormBackward0", input, given, bias, **told)


def _told(input, running_mean, running_var, weight, eps, training, mean, scale):
    """What a node of `batch_norm` shows."""
    if isinstance(mean, Tensor):
        mean = mean.detach().reshape(-1)
    return dict(input=input, running_mean=running_mean, running_var=running_var, weight=weight,
                eps=eps, training=training, result1=mean, result2=scale)  # fmt: skip


def _move(running, batch, momentum, correction):
    """running ← (1 - momentum) · running + momentum · (correction · batch)."""
    with no_grad():
        value = batch.detach().reshape(running.shape) * (momentum * correction)
        running.mul_(1 - momentum).add_(value)


def _layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Over the last axis, for the fast path."""
    x, affine = array(input), [array(a) for a in (weight, bias) if a is not None]
    if x.dtype.char not in "fd" or not x.size or eps.__class__ is not float:
        return None
    if tuple(normalized_shape) != x.shape[-1:]:
        return None
    for a in affine:
        if a.dtype is not x.dtype or a.shape != x.shape[-1:]:
            return None
    return normalization.normalize.eval(
        x, *affine, axes=(x.ndim - 1,), eps=eps, centred=True,
        scaled=weight is not None, shifted=bias is not None,
    )[0]  # fmt: skip


@directly(_layer_norm, rewords=False)
@asked
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise over the last dimensions, which have shape ``normalized_shape``."""
    if eps.__class__ is not float:
        require_float("layer_norm", 5, eps=eps)
    axes = _last_axes(input, normalized_shape)
    for name, value in (("weight", weight), ("bias", bias)):
        _check_affine(name, value, normalized_shape)
    result = ops.normalize(input, weight, bias, axes, eps, "LayerNormKernelImpl")[0]
    return result if len(axes) == 1 else in_order(result)


def _check_affine(name, value, normalized_shape):
    if value is not None and value.shape != tuple(normalized_shape):
        raise RuntimeError(
            hinted(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(value.shape)} and normalized_shape = {list(normalized_shape)}",
                "there is one number for each element of the normalised dimensions.",
            )
        )


def _last_axes(input, normalized_shape, any_before="*, "):
    shape = list(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            f"element, but got normalized_shape = {shape}"
        )
    if list(input.shape[-len(shape) :]) != shape:
        wanted = any_before + ", ".join(map(str, shape))
        raise RuntimeError(
            hinted(
                f"Given normalized_shape={shape}, expected input with shape [{wanted}], but got "
                f"input of size{list(input.shape)}",
                "normalized_shape are the sizes of the input's last dimensions.",
            )
        )
    rank = input.dim()
    return tuple(range(rank - len(shape), rank))


@asked
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / √(mean(x²) + eps) over the last dimensions; eps is by default that of the dtype in
    which the mean is formed, float32 for the 16-bit floats."""
    axes = _last_axes(input, normalized_shape, "*")
    _check_affine("weight", weight, normalized_shape)
    dtype = input.dtype
    if eps is None:
        formed = float32 if dtype.itemsize < 4 else dtype
        eps = finfo(formed).eps if dtype.is_floating_point or dtype.is_complex else 0.0
    if weight is not None and weight.dtype is not dtype:
        common = ops.result_type(input, weight)
        input, weight = input.to(common), weight.to(common)
    if dtype.is_complex:
        scaled = input * ops.rsqrt((input * input).mean(axes, keepdim=True) + eps)
        return scaled if weight is None else scaled * weight
    result, _, _ = ops.normalize(
        input, weight, None, axes, eps, "rms_norm", centred=False, name="MulBackward0"
    )
    inner = ("Rsqrt", ("AddBackward1", ("MeanBackward1", ("Pow", input))))
    steps = (input, inner) if weight is None else (("Mul", input, inner), weight)
    named(in_order(result), "MulBackward0", *steps)
    return result if result.dtype is dtype else result.to(dtype)


@keeps_format
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Normalise each group of channels of each case."""
    require_float("group_norm", 5, eps=eps)
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
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != (size[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(value.shape)} and input of shape {list(size)}"
            )
    shape = (num_groups, size[1] // num_groups, 1)
    grouped = input.reshape(size[0], *shape[:2], math.prod(size[2:]))
    scale, shift = _shaped(weight, shape), _shaped(bias, shape)
    result = ops.normalize(grouped, scale, shift, (2, 3), eps, "GroupNormKernelImpl")[0]
    return named(result.reshape(size), "NativeGroupNormBackward0", input, weight, bias,
                 groups=num_groups, eps=eps)  # fmt: skip


@asked
def instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
    momentum=0.1, eps=1e-5,
):  # fmt: skip
    """Normalise each channel of each case by itself."""
    require_float("instance_norm", 8, eps=eps)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    size = input.size()
    places = math.prod(size[2:])
    if places == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {size}"
        )
    axes, shape = tuple(range(2, input.dim())), _per_channel(input)
    factors = [None if x is None else ("Repeat", x) for x in (weight, bias)]
    weight, bias = _shaped(weight, shape), _shaped(bias, shape)
    result, mean, var = ops.normalize(
        input, weight, bias, axes, eps, "batch_norm", name="ViewBackward0"
    )
    named(in_order(result), "ViewBackward0", ("NativeBatchNorm", ("View", input), *factors))
    if running_mean is not None:
        _move(running_mean, mean.detach().mean(0), momentum, 1.0)
        _move(running_var, var.detach().mean(0), momentum, places / (places - 1))
    return result


@asked
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
