"""Fourier transforms along one axis: complex, real to half, half to real; all linear.

`scale` is the factor 1, 1/n or 1/sqrt(n) that the user's `norm` means.
"""

import numpy as np

from ..base.lazy import lazy_module
from ..core.handle import element_type, shape_of
from .base import move_batch
from .define import linear
from .structural import concatenate

__all__ = ["complex_transform", "half_to_real", "real_to_half"]

scipy_fft = lazy_module("scipy.fft")


def _batch(prim, tensors, axes, params):
    return prim(move_batch(tensors[0], axes[0]), **{**params, "axis": params["axis"] + 1}), 0


def _complex(x, *, axis, inverse, scale):
    n = x.shape[axis]
    out = scipy_fft.ifft(x, axis=axis) * n if inverse else scipy_fft.fft(x, axis=axis)
    return (out * scale).astype(x.dtype, copy=False)


complex_transform = linear(
    "fft_c2c", _complex, batch=_batch, torch_name="FftC2C",
    transpose=lambda g, axis, inverse, scale: complex_transform(
        g, axis=axis, inverse=not inverse, scale=scale),
    shape=lambda prim, args, params: (tuple(shape_of(args[0])), element_type(args[0])),
    tex=lambda axis, inverse, scale: "ifft(x, axis)" if inverse else "fft(x, axis)",
)  # fmt: skip


def _wide(dtype):
    return np.dtype(np.complex128 if dtype.itemsize == 8 else np.complex64)


def _half(x, *, axis, scale):
    return (scipy_fft.rfft(x, axis=axis) * scale).astype(_wide(x.dtype), copy=False)


def _half_back(g, x_shape, axis, scale):
    """The missing half has no gradient: a sum over the kept frequencies, its real part."""
    n = x_shape[axis]
    shape = list(shape_of(g))
    shape[axis] = n - shape[axis]
    whole = concatenate(g, np.zeros(shape, element_type(g)), axis=axis) if shape[axis] else g
    return complex_transform(whole, axis=axis, inverse=True, scale=scale).real


real_to_half = linear("fft_r2c", _half, _half_back, batch=_batch, tex="rfft(x)",
                      torch_name="FftR2C")  # fmt: skip


def _real(x, *, axis, n, scale):
    return (scipy_fft.irfft(x, n, axis=axis) * (n * scale)).astype(
        np.float64 if x.dtype.itemsize == 16 else np.float32, copy=False
    )


def _real_back(g, x_shape, axis, n, scale):
    """Each frequency but the first (and the middle one) stands for two."""
    half = real_to_half(g, axis=axis, scale=scale)
    count = x_shape[axis]
    weight = np.full(count, 2.0)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    lead = [1] * len(x_shape)
    lead[axis] = count
    return half * weight.reshape(lead).astype(element_type(half))


half_to_real = linear("fft_c2r", _real, _real_back, batch=_batch, tex="irfft(x)",
                      torch_name="FftC2R")  # fmt: skip
