"""Activations: each one formula and a kernel of NumPy, and no rule beside.

At a kink the formula's own piece says the slope, as PyTorch has it: `x <= 0` or `x < 0` is that
choice, and a NaN takes the last piece.
"""

import math

import numpy as np

from ..base.lazy import lazy_module
from .arithmetic import clamp
from .define import shape_of_floats
from .functions import sigmoid
from .fused import fused

__all__ = [
    "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "silu",
    "softplus", "softshrink",
]  # fmt: skip

special = lazy_module("scipy.special")

silu = fused("silu", "x * sigmoid(x)", lambda x: x * sigmoid.eval(x), wide=True)

_ROOT_HALF = math.sqrt(0.5)

gelu = fused(
    "gelu",
    "x / 2 * (1 + erf(x / sqrt(2)))",
    lambda x: x * ((special.erf(x * _ROOT_HALF) + 1) * 0.5),
    shape=shape_of_floats,
    wide=True,
)
leaky_relu = fused(
    "leaky_relu",
    "x if x > 0 else slope * x",
    lambda x, *, slope: np.where(x > 0, x, x * x.dtype.type(slope)),
    params=("slope",),
    wide=True,
)


def _softplus(x, *, beta, threshold):
    scaled = x * beta
    return np.where(scaled > threshold, x, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


softplus = fused(
    "softplus", "x if beta * x > threshold else log(1 + exp(beta * x)) / beta", _softplus,
    params=("beta", "threshold"), wide=True,
)  # fmt: skip


def _elu(x, *, alpha, scale, inner):
    below = np.expm1(np.minimum(x, 0) * inner) * (alpha * scale)
    return np.where(x < 0, below, x * scale if scale != 1 else x)


elu = fused(
    "elu", "scale * alpha * (exp(inner * x) - 1) if x <= 0 else scale * x", _elu,
    params=("alpha", "scale", "inner"), wide=True,
)  # fmt: skip
hardtanh = fused(
    "hardtanh", "low if x <= low else high if x >= high else x", clamp.eval,
    params=("low", "high"), tex="clamp(x, low, high)", wide=True,
)  # fmt: skip


def _ramp(x):
    return np.minimum(np.maximum(x + 3, 0), 6) / 6


hardsigmoid = fused(
    "hardsigmoid",
    "(x + 3) / 6 if (x > -3) & (x < 3) else 0 if x <= -3 else 1 if x >= 3 else nan",
    _ramp,
    tex="clamp(x + 3, 0, 6) / 6",
    wide=True,
)
hardswish = fused(
    "hardswish",
    "0 if x <= -3 else x * x / 6 + x / 2 if x < 3 else x",
    lambda x: x * _ramp(x),
    tex="x * clamp(x + 3, 0, 6) / 6",
    wide=True,
)


def _softshrink(x, *, bound):
    outside = np.where(x > 0, x - bound, x + bound)
    return np.where((x >= -bound) & (x <= bound), x * 0, outside)  # -0 stays


softshrink = fused(
    "softshrink",
    "trunc(x) * 0 if (x >= -bound) & (x <= bound) else x - bound if x > 0 else x + bound",
    _softshrink,
    params=("bound",),
    tex="x - bound if x > bound else x + bound if x < -bound else 0",
    wide=True,
)
hardshrink = fused(
    "hardshrink",
    "0 if abs(x) <= bound else x",
    lambda x, *, bound: np.where((x >= -bound) & (x <= bound), x.dtype.type(0), x),
    params=("bound",),
    wide=True,
)
