"""Activations: PyTorch's functions where `ops` has no primitive, and their in-place forms."""

import warnings

from ... import ops
from ...base.constants import contiguous_format
from ...base.dtypes import float64
from ...base.errors import hinted
from ...base.frames import user_depth
from ...core.retries import asked, asks
from ...ops.convert import Later, named

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid",
    "hardswish", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "log_softmax", "logsigmoid",
    "mish", "prelu", "relu", "relu6", "relu_", "rrelu", "rrelu_", "selu", "selu_", "sigmoid",
    "silu", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink",
    "threshold", "threshold_",
]  # fmt: skip

gelu = ops.gelu
logsigmoid = ops.logsigmoid
softplus = ops.softplus
sigmoid = ops.sigmoid
tanh = ops.tanh
hardshrink = ops.hardshrink
softsign = ops.softsign
tanhshrink = ops.tanhshrink


def _written(input, function, *args):
    """``function(input, *args)`` written into `input`; the copy keeps what backward will read."""
    return input.copy_(function(input.clone(), *args))


def relu(input, inplace=False):
    """max(0, x).

    >>> import tidu as torch
    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    try:
        return input.relu_() if inplace else ops.relu(input)
    except Exception:
        if not asks(input):
            raise
    return relu(input, inplace)


@asked
def relu_(input):
    """`relu`, in place."""
    return input.relu_()


@asked
def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where positive, else ``negative_slope * x``."""
    if inplace:
        return _written(input, ops.leaky_relu, negative_slope)
    return ops.leaky_relu(input, negative_slope)


@asked
def leaky_relu_(input, negative_slope=0.01):
    """`leaky_relu`, in place."""
    return leaky_relu(input, negative_slope, True)


@asked
def elu(input, alpha=1.0, inplace=False):
    """x where positive, else ``alpha * (exp(x) - 1)``."""
    return _written(input, ops.elu, alpha) if inplace else ops.elu(input, alpha)


@asked
def elu_(input, alpha=1.0):
    """`elu`, in place."""
    return elu(input, alpha, True)


@asked
def silu(input, inplace=False):
    """x · sigmoid(x)."""
    return _written(input, ops.silu) if inplace else ops.silu(input)


@asked
def celu(input, alpha=1.0, inplace=False):
    """x where positive, else ``alpha * (exp(x / alpha) - 1)``."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _written(input, ops.celu, alpha) if inplace else ops.celu(input, alpha)


@asked
def celu_(input, alpha=1.0):
    """`celu`, in place."""
    return celu(input, alpha, True)


@asked
def selu(input, inplace=False):
    """Scaled elu, whose outputs keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    return _written(input, ops.selu) if inplace else ops.selu(input)


@asked
def selu_(input):
    """`selu`, in place."""
    return selu(input, True)


@asked
def mish(input, inplace=False):
    """x · tanh(softplus(x))."""
    return _written(input, ops.mish) if inplace else ops.mish(input)


@asked
def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x limited to [min_val, max_val]; the gradient is 0 at both limits."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if inplace:
        return _written(input, ops.hardtanh, min_val, max_val)
    return ops.hardtanh(input, min_val, max_val)


@asked
def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """`hardtanh`, in place."""
    return hardtanh(input, min_val, max_val, True)


@asked
def relu6(input, inplace=False):
    """x limited to [0, 6]."""
    return _written(input, ops.relu6) if inplace else ops.relu6(input)


@asked
def hardsigmoid(input, inplace=False):
    """0 below -3, 1 above 3, ``x / 6 + 1/2`` between."""
    return _written(input, ops.hardsigmoid) if inplace else ops.hardsigmoid(input)


@asked
def hardswish(input, inplace=False):
    """x · hardsigmoid(x)."""
    return _written(input, ops.hardswish) if inplace else ops.hardswish(input)


@asked
def softshrink(input, lambd=0.5, *, out=None):
    """0 within ``±lambd``, outside x moved towards 0 by ``lambd``."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd:g}.")
    return ops.softshrink(input, lambd, out=out)


@asked
def threshold(input, threshold, value, inplace=False):
    """x where above ``threshold``, else ``value``."""
    if inplace:
        return _written(input, ops.threshold, threshold, value)
    return ops.threshold(input, threshold, value)


_threshold = threshold  # what PyTorch calls it in graphs


@asked
def threshold_(input, threshold, value):
    """`threshold`, in place."""
    return _written(input, ops.threshold, threshold, value)


@asked
def glu(input, dim=-1):
    """a · sigmoid(b), a and b the two halves along ``dim``."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    size = input.size(dim)
    if size % 2 != 0:
        raise RuntimeError(
            hinted(
                f"Halving dimension must be even, but dimension {dim % input.dim()} is size {size}",
                "glu splits this dimension into values and gates.",
            )
        )
    return ops.glu(input, dim)


@asked
def prelu(input, weight):
    """x where positive, else ``weight * x`` with one weight, or one for each channel."""
    if weight.numel() != 1 or weight.dim() > 1:
        if input.dim() == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.size(1) if input.dim() >= 2 else 1
        if channels != weight.numel():
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.numel()} and channel size = {channels}."
            )
    return ops.prelu(input, weight)


@asked
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """`leaky_relu` with a slope drawn from [lower, upper] for each negative number in training."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if inplace:
        return _written(input, rrelu, lower, upper, training)
    if not training:
        result, noise = ops.leaky_relu(input, (lower + upper) / 2), Later(ops.zeros_like, input)
        return named(result, "RreluWithNoiseBackward0", self=input, noise=noise, lower=lower,
                     upper=upper, training=False)  # fmt: skip
    negative = input.detach() <= 0
    slopes = ops.ones(input.numel(), dtype=input.dtype)
    # One number is drawn for each negative element only, in order.
    drawn = ops.empty(int(negative.sum()), dtype=float64).uniform_(lower, upper)
    slopes[negative.reshape(-1)] = drawn.to(input.dtype)
    noise = slopes.reshape(input.shape)
    return named(input * noise, "RreluWithNoiseBackward0", input, self=input, noise=noise,
                 lower=lower, upper=upper, training=True)  # fmt: skip


@asked
def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """`rrelu`, in place."""
    return rrelu(input, lower, upper, training, True)


def _implicit_dim(name, ndim):
    dim = 0 if ndim in (0, 1, 3) else 1
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=user_depth(),
    )
    return dim


@asked
def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / Σ exp(x) along ``dim``.

    >>> import tidu as torch
    >>> torch.nn.functional.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input.dim())
    return ops.softmax(input, dim) if dtype is None else ops.softmax(input, dim, dtype=dtype)


@asked
def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """log of `softmax`, computed without leaving the range of numbers."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim())
    if dtype is None:
        return ops.log_softmax(input, dim)
    return ops.log_softmax(input, dim, dtype=dtype)


@asked
def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """`softmax` of -x."""
    if dim is None:
        dim = _implicit_dim("softmin", input.dim())
    return softmax(-input, dim, dtype=dtype)


@asked
def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A differentiable sample of the categorical distribution with these logits (Jang 2016)."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=user_depth())
    # Drawn row by row, however the logits lie.
    drawn = ops.empty_like(logits, memory_format=contiguous_format, requires_grad=False)
    gumbels = -drawn.exponential_().log()
    soft = ops.softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.detach().argmax(dim, keepdim=True)
    one_hot = ops.zeros_like(soft, requires_grad=False).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
