"""Functions of networks that are primitives or nearly: softmax, activations, mse_loss."""

import math

from ..core import fast
from ..core.handle import shape_of
from ..errors import hinted
from ..primitives import arithmetic as p
from ..primitives import functions as f
from ..primitives import network as n
from ..size import normalize_axis
from .arithmetic import _dressed, _name
from .convert import (
    convert,
    finish,
    named,
    ndim_of,
    promote,
    refuse,
    require_tensor,
    scalar_name,
    type_of,
)  # fmt: skip


def _floating(name, input, dtype):
    x = require_tensor(name, input)
    if dtype is not None:
        return convert(x, dtype)
    if type_of(x).category != 2:
        raise NotImplementedError(hinted(
            f"\"{name}_lastdim_kernel_impl\" not implemented for '{scalar_name(type_of(x))}'",
            "give dtype=torch.float32, or convert the input with .float().",
        ))  # fmt: skip
    return x


def softmax(input, dim, dtype=None):
    """exp(x) over its sum along `dim`.

    >>> import tidu as torch
    >>> torch.softmax(torch.zeros(4), 0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    x = _floating("softmax", input, dtype)
    if not ndim_of(x):
        return named(x - x + 1, "SoftmaxBackward0")
    return n.softmax(x, axis=normalize_axis(dim, ndim_of(x)))


def log_softmax(input, dim, dtype=None):
    """log(softmax(x)) along `dim`, without overflow."""
    x = _floating("log_softmax", input, dtype)
    if not ndim_of(x):
        return named(x - x, "LogSoftmaxBackward0")
    return n.log_softmax(x, axis=normalize_axis(dim, ndim_of(x)))


def softmin(input, dim=None, dtype=None, *, _stacklevel=3):
    """softmax of -x."""
    return softmax(-input, dim, dtype)


def squared_error_general(input, target):
    """The mean of (input - target)², both of one shape; the core of mse_loss."""
    x, y = promote(input, target)
    refuse(type_of(x), {0: "mse_cpu", 1: "mse_cpu"})
    return n.mse(x, y)


squared_error = fast.pair(n.mse, squared_error_general)


# --- activations --------------------------------------------------------------------------------


def _activation(prim, name):
    def general(input, *, out=None):
        x = require_tensor(name, input)
        if type_of(x).category < 2:
            raise RuntimeError(f"\"{name}_cpu\" not implemented for '{scalar_name(type_of(x))}'")
        return finish(prim(x), out)

    return _dressed(fast.unary(prim, _name(general, name)), name)


silu_ = _activation(f.silu, "silu")
gelu_erf = _activation(f.gelu, "gelu")


def silu(input, inplace=False):
    """x·sigmoid(x)."""
    return silu_(input)


def gelu(input, *, approximate="none"):
    """x·Φ(x), Φ the normal distribution function (or its tanh approximation)."""
    if approximate == "none":
        return gelu_erf(input)
    if approximate != "tanh":
        raise RuntimeError("approximate argument must be either none or tanh.")
    inner = math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)
    return named(0.5 * input * (1 + f.tanh(inner)), "GeluBackward0")


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where x > 0, else negative_slope·x."""
    return f.leaky_relu(require_tensor("leaky_relu", input), slope=float(negative_slope))


def elu(input, alpha=1.0, inplace=False, *, scale=1.0, input_scale=1.0):
    """scale·x where x > 0, else scale·alpha·(exp(input_scale·x) - 1)."""
    x = require_tensor("elu", input)
    below = (
        f.expm1(p.minimum(x * input_scale if input_scale != 1.0 else x, p.zeros_like(x))) * alpha
    )
    out = p.select(x > 0, x, below)
    return named(out * scale if scale != 1.0 else out, "EluBackward0")


def selu(input, inplace=False):
    """scale·elu(x, alpha) with the self-normalising constants."""
    return elu(input, 1.6732632423543772848170429916717, scale=1.0507009873554804934193349852946)


def celu(input, alpha=1.0, inplace=False):
    """max(0, x) + min(0, alpha·(exp(x / alpha) - 1))."""
    return named(elu(input, alpha, input_scale=1.0 / alpha), "CeluBackward0")


def softplus(input, beta=1.0, threshold=20.0):
    """log(1 + exp(beta·x)) / beta; x itself above the threshold."""
    return f.softplus(
        require_tensor("softplus", input), beta=float(beta), threshold=float(threshold)
    )


def logsigmoid(input):
    """log(sigmoid(x)), without overflow."""
    x = require_tensor("logsigmoid", input)
    low = p.minimum(x, p.zeros_like(x))
    return named(low - f.log1p(f.exp(-p.absolute(x))), "LogSigmoidBackward0")


def threshold(input, threshold, value, inplace=False):
    """x where x > threshold, else `value`."""
    return named(p.select(input > threshold, input, float(value)), "ThresholdBackward0")


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x limited to [min_val, max_val]; the gradient is 0 at the bounds."""
    inside = (input > min_val) & (input < max_val)
    clipped = p.clamp(input.detach(), low=min_val, high=max_val)
    return named(p.select(inside, input, clipped), "HardtanhBackward0")


def relu6(input, inplace=False):
    """min(max(0, x), 6)."""
    return hardtanh(input, 0.0, 6.0)


def hardsigmoid(input, inplace=False):
    """relu6(x + 3) / 6."""
    return named(relu6(input + 3) / 6, "HardsigmoidBackward0")


def hardswish(input, inplace=False):
    """x·relu6(x + 3) / 6."""
    return named(input * (p.clamp(input + 3, low=0.0, high=6.0) / 6), "HardswishBackward0")


def mish(input, inplace=False):
    """x·tanh(softplus(x))."""
    return named(input * f.tanh(softplus(input)), "MishBackward0")


def softsign(input):
    """x / (1 + |x|)."""
    return input / (p.absolute(input) + 1)


def tanhshrink(input):
    """x - tanh(x)."""
    return input - f.tanh(input)


def softshrink(input, lambd=0.5):
    """x moved toward 0 by lambd, 0 within."""
    zero = p.zeros_like(input)
    shrunk = p.select(input > lambd, input - lambd, p.select(input < -lambd, input + lambd, zero))
    return named(shrunk, "SoftshrinkBackward0")


def hardshrink(input, lambd=0.5):
    """x outside [-lambd, lambd], 0 within."""
    outside = (input > lambd) | (input < -lambd)
    return named(p.select(outside, input, p.zeros_like(input)), "HardshrinkBackward0")


def prelu(input, weight):
    """x where x > 0, else weight·x with one weight or one per channel (axis 1)."""
    if shape_of(weight) and shape_of(weight)[0] != 1 and ndim_of(input) > 1:
        weight = weight.reshape((-1,) + (1,) * (ndim_of(input) - 2))
    return named(p.select(input > 0, input, weight * input), "PreluKernelBackward0")


def glu(input, dim=-1):
    """The first half along `dim` times the sigmoid of the second."""
    axis = normalize_axis(dim, ndim_of(input))
    if shape_of(input)[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {shape_of(input)[axis]}"
        )
    a, b = input.chunk(2, axis)
    return named(a * f.sigmoid(b), "GluBackward0")
