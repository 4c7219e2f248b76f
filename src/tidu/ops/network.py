"""Functions of networks that are primitives or nearly: softmax, activations, mse_loss."""

import math

import numpy as np
from numpy import ndarray

from ..base.errors import hinted
from ..base.size import normalize_axis
from ..core import fast
from ..core.direct import directly
from ..core.handle import element_type, shape_of
from ..core.modes import LOCAL, STATE
from ..core.retries import worded
from ..primitives import activations, losses, normalization
from ..primitives import arithmetic as p
from ..primitives import functions as f
from ..primitives import network as n
from . import direct
from .arithmetic import tanh
from .convert import (
    RESULT,
    Later,
    convert,
    finish,
    finish_same,
    named,
    ndim_of,
    promote,
    refuse,
    require_tensor,
    scalar_name,
    showing,
    type_of,
    widely,
)
from .elementwise import called, dressed


def _floating(name, input, dtype, dim):
    x = require_tensor(name, input)
    x = x if dtype is None else convert(x, dtype)
    if type_of(x).category != 2:
        last = normalize_axis(dim, ndim_of(x)) in (-1, ndim_of(x) - 1)
        kernel = f"{name}_lastdim_kernel_impl" if last else f"{name}_kernel_impl"
        raise NotImplementedError(hinted(
            f"\"{kernel}\" not implemented for '{scalar_name(type_of(x))}'",
            "give dtype=torch.float32, or convert the input with .float().",
        ))  # fmt: skip
    return x


@directly(direct.softmax, recording=direct.recorded_softmax)
def softmax(input, dim, dtype=None, *, out=None):
    """exp(x) over its sum along `dim`.

    >>> import tidu as torch
    >>> torch.softmax(torch.zeros(4), 0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    x = _floating("softmax", input, dtype, dim)
    axis = normalize_axis(dim, ndim_of(x))
    if not ndim_of(x):
        one = x - x + 1
        return finish(named(one, "SoftmaxBackward0", x, dim=dim, result=RESULT), out)
    return finish_same(showing(n.softmax(x, axis=axis), "SoftmaxBackward0", dim=dim), out)


@directly(direct.log_softmax, recording=direct.recorded_log_softmax)
def log_softmax(input, dim, dtype=None, *, out=None):
    """log(softmax(x)) along `dim`, without overflow."""
    x = _floating("log_softmax", input, dtype, dim)
    axis = normalize_axis(dim, ndim_of(x))
    if not ndim_of(x):
        return finish(named(x - x, "LogSoftmaxBackward0", x, dim=dim, result=RESULT), out)
    return finish_same(showing(n.log_softmax(x, axis=axis), "LogSoftmaxBackward0", dim=dim), out)


def softmin(input, dim=None, dtype=None, *, _stacklevel=3):
    """softmax of -x."""
    return softmax(-input, dim, dtype)


def squared_error_general(input, target):
    """The mean of (input - target)², both of one shape; the core of mse_loss."""
    x, y = input, target
    if element_type(x) is not element_type(y) or element_type(x).kind != "f":
        x, y = promote(x, y)
        refuse(type_of(x), {0: "mse_cpu", 1: "mse_cpu"})
    return n.mse(x, y)


squared_error = fast.pair(n.mse, squared_error_general)


def nll(input, target, weight, ignore_index, reduction):
    """-weight[class]·input[class] of each case, reduced; the core of nll_loss.

    `input` (N, C, ...) or (C,), `target` (N, ...) or one number, checked by the caller.
    """
    if type_of(input).category < 2:
        name = scalar_name(type_of(input))
        raise NotImplementedError(f"\"nll_loss_out_frame\" not implemented for '{name}'")
    rank = ndim_of(input)
    if rank == 1 and ndim_of(target):
        target = target.reshape(())
    more = () if weight is None else (weight,)
    loss = losses.nll(input, target, *more, ignore=ignore_index, reduction=reduction)
    if rank <= 2:
        return loss
    viewed = reduction == "none" and rank != 4
    return named(loss, "ViewBackward0" if viewed else "NllLoss2DBackward0")


ATTENTION = 1 << 14  # multiplications of the scores from which one step gains
_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def attention(query, key, value, scale, causal):
    """softmax(query keyᵀ · scale) value in one step, or None: where the tensors aren't plain memory
    of one type with heads of one size, where they are few, and where the parts are looked at."""
    if STATE.listeners or LOCAL.levels or LOCAL.batches or LOCAL.stage or LOCAL.tracer:
        return None
    q, k, v = [t._value for t in (query, key, value)]
    if not all(a.__class__ is ndarray and a.dtype in _TYPES and a.ndim == 4 for a in (q, k, v)):
        return None
    if not q.dtype == k.dtype == v.dtype or not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        return None
    if q.shape[-1] != k.shape[-1] or k.shape != v.shape or not v.size:  # as PyTorch's kernel
        return None
    if q.size * k.shape[-2] < ATTENTION or not 0 < scale < math.inf:
        return None
    return n.attention(query, key, value, scale=float(scale), causal=bool(causal))[0]


def normalize(input, weight, bias, axes, eps, kernel, *, centred=True, name=None):
    """(x̂ · weight + bias, mean, var), x̂ the input with mean 0 and variance 1 over `axes`.

    `weight` and `bias` broadcast to the input or are None; `kernel` is PyTorch's name for messages,
    `name` that of the node.
    """
    if type_of(input).category != 2:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{scalar_name(type_of(input))}'"
        )
    affine = [a for a in (weight, bias) if a is not None]
    if affine:
        check_types(input, affine)
    y, _, centre, var = normalization.normalize(input, *affine, axes=axes, eps=eps, centred=centred,
        scaled=weight is not None, shifted=bias is not None,
    )  # fmt: skip
    if name is not None and y._node is not None:
        y._node.edges[0].name = name
    return y, centre, var


def check_types(input, affine):
    """Scale and shift share the input's type, or are float32 beside a 16-bit input."""
    kind, first = type_of(input), type_of(affine[0])
    if kind is first and kind is type_of(affine[-1]):
        return
    hint = "convert the module or the input: module.to(input.dtype) makes them equal."
    if type_of(affine[-1]) is not first:
        raise RuntimeError(
            hinted(
                f"expected scalar type {scalar_name(first)} but found "
                f"{scalar_name(type_of(affine[-1]))}",
                hint,
            )
        )
    if first.numpy.char != "f":
        raise RuntimeError(
            hinted("mixed dtype (CPU): expect parameter to have scalar type of Float", hint)
        )
    if kind.itemsize != 2:
        raise RuntimeError(hinted("mixed dtype (CPU): all inputs must share same datatype.", hint))


# --- activations --------------------------------------------------------------------------------


_KERNELS = {"gelu": "GeluKernelImpl", "softshrink": "softshrink_check"}


def _floats(name, input):
    """The tensor, if its elements are real floating point numbers."""
    dtype = type_of(require_tensor(name, input))
    if dtype.category != 2:
        kernel = _KERNELS.get(name, f"{name}_cpu")
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")
    return input


def _activation(prim, name):
    def general(input, *, out=None):
        return finish(prim(_floats(name, input)), out)

    return dressed(fast.unary(prim, called(general, name)), name)


def _silu_general(input, *, out=None):
    if type_of(require_tensor("silu", input)).is_complex:
        return finish(input * f.sigmoid(input), out)
    return finish(activations.silu(_floats("silu", input)), out)


_silu = dressed(fast.unary(activations.silu, called(_silu_general, "silu")), "silu")
gelu_erf = _activation(activations.gelu, "gelu")


def silu(input):
    """x·sigmoid(x)."""
    return _silu(input)


@worded
def gelu(input, *, approximate="none", out=None):
    """x·Φ(x), Φ the normal distribution function (or its tanh approximation)."""
    if approximate == "none":
        return gelu_erf(input, out=out)
    if approximate != "tanh":
        raise RuntimeError("approximate argument must be either none or tanh.")
    return finish(named(widely(_gelu_tanh, input), "GeluBackward0", input, approximate="tanh"), out)


def _gelu_tanh(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + f.tanh(inner))


def leaky_relu(input, negative_slope=0.01):
    """x where x > 0, else negative_slope·x."""
    return activations.leaky_relu(_floats("leaky_relu", input), slope=float(negative_slope))


def elu(input, alpha=1.0, *, scale=1.0, input_scale=1.0):
    """scale·x where x > 0, else scale·alpha·(exp(input_scale·x) - 1)."""
    return activations.elu(
        _floats("elu", input), alpha=float(alpha), scale=float(scale), inner=float(input_scale)
    )


@worded
def selu(input):
    """scale·elu(x, alpha) with the self-normalising constants."""
    return elu(input, 1.6732632423543772848170429916717, scale=1.0507009873554804934193349852946)


@worded
def celu(input, alpha=1.0):
    """max(0, x) + min(0, alpha·(exp(x / alpha) - 1))."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return named(elu(input, alpha, input_scale=1.0 / alpha), "CeluBackward0")


@worded
def softplus(input, beta=1.0, threshold=20.0, *, out=None):
    """log(1 + exp(beta·x)) / beta; x itself above the threshold."""
    x = _floats("softplus", input)
    return finish(activations.softplus(x, beta=float(beta), threshold=float(threshold)), out)


@worded
def logsigmoid(input, *, out=None):
    """log(sigmoid(x)), without overflow."""
    result = widely(_logsigmoid, _floats("log_sigmoid", input))
    return finish(named(result, "LogSigmoidBackward0", input), out)


def _logsigmoid(x):
    return p.minimum(x, p.zeros_like(x)) - f.log1p(f.exp(-p.absolute(x)))


@worded
def threshold(input, threshold, value):
    """x where x > threshold, else `value`."""
    kind = element_type(require_tensor("threshold", input)).type
    result = p.select(input <= kind(threshold), kind(value), input)
    return named(result, "ThresholdBackward0", input, self=input, threshold=threshold)


_NO_HARDTANH = {
    0: RuntimeError("Bool inputs not supported for hardtanh"),
    3: "clamp is not supported for complex types",
}


def hardtanh(input, min_val=-1.0, max_val=1.0):
    """x limited to [min_val, max_val]; the gradient is 0 at the bounds."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    kind = type_of(input)
    refuse(kind, _NO_HARDTANH)
    if not kind.is_signed and min(min_val, max_val) < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return activations.hardtanh(require_tensor("hardtanh", input), low=min_val, high=max_val)


def relu6(input):
    """min(max(0, x), 6)."""
    return hardtanh(input, 0, 6)


def hardsigmoid(input):
    """relu6(x + 3) / 6."""
    return activations.hardsigmoid(_floats("hardsigmoid", input))


def hardswish(input):
    """x·relu6(x + 3) / 6."""
    return activations.hardswish(_floats("hardswish", input))


def mish(input):
    """x·tanh(softplus(x))."""
    x = _floats("mish", input)
    return named(widely(_mish, x), "MishBackward0", x)


def _mish(x):
    return x * f.tanh(softplus(x))


@worded
def softsign(input):
    """x / (1 + |x|)."""
    return input / (p.absolute(input) + 1)


@worded
def tanhshrink(input):
    """x - tanh(x)."""
    return input - tanh(input)


def softshrink(input, lambd=0.5, *, out=None):
    """x moved toward 0 by lambd, 0 within."""
    return finish(activations.softshrink(_floats("softshrink", input), bound=float(lambd)), out)


@worded
def hardshrink(input, lambd=0.5, *, out=None):
    """x outside [-lambd, lambd], 0 within."""
    return finish(activations.hardshrink(_floats("hardshrink", input), bound=float(lambd)), out)


@worded
def prelu(input, weight):
    """x where x > 0, else weight·x with one weight or one per channel (axis 1)."""
    if ndim_of(weight) > 1:
        raise RuntimeError(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
            f"{ndim_of(weight)}"
        )
    if shape_of(weight) and shape_of(weight)[0] != 1 and ndim_of(input) > 1:
        weight = weight.reshape((-1,) + (1,) * (ndim_of(input) - 2))
    elif not ndim_of(input):
        weight = weight.reshape(())
    result = p.select(input > 0, input, weight * input)
    wide = shape_of(weight) == (1,) and ndim_of(input) > 1
    shown = ("View", weight) if wide else weight
    if wide:
        kept = Later(lambda w: w.reshape((1,) * ndim_of(input)), weight)
        return named(result, "PreluKernelBackward0", input, shown, self=input, weight=kept)
    return named(result, "PreluKernelBackward0", input, shown, self=input, weight=weight)


def glu(input, dim=-1):
    """The first half along `dim` times the sigmoid of the second."""
    axis = normalize_axis(dim, ndim_of(input))
    if shape_of(input)[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {shape_of(input)[axis]}"
        )
    a, b = input.chunk(2, axis)
    return named(widely(lambda a, b: a * f.sigmoid(b), a, b), "GluBackward0", input, dim=dim)
