"""tidu: automatic differentiation and deep learning with PyTorch's public API.

`import tidu as torch` and a program written for PyTorch works. Start reading at `tensor.py`.
"""

from . import blas  # first: it must run before NumPy is loaded
# isort: split
from . import autograd, func, random
from .autograd import (
    enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad,
    set_grad_enabled,
)
from .constants import (
    channels_last, channels_last_3d, contiguous_format, e, inf, memory_format, nan, newaxis, pi,
    preserve_format,
)
from .devices import device
from .dtypes import (
    bfloat16, bool, cdouble, cfloat, complex64, complex128, double, dtype, finfo, float, float16,
    float32, float64, half, iinfo, int, int8, int16, int32, int64, long, promote_types, short,
    uint8, uint16, uint32, uint64,
)
from .func import vmap
from .inquiries import (
    can_cast, get_default_device, get_default_dtype, get_num_threads, is_complex, is_floating_point,
    is_nonzero, is_storage, is_tensor, numel, set_default_device, set_default_dtype,
    set_default_tensor_type, set_flush_denormal, set_num_threads,
)
from .late import __dir__, __getattr__
from .legacy_types import (
    BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor,
    IntTensor, LongTensor, ShortTensor,
)
from .ops import (
    abs, absolute, acos, acosh, adaptive_avg_pool1d, adaptive_max_pool1d, add, addbmm, addcdiv,
    addcmul, addmm, addmv, addr, adjoint, alias, all, allclose, amax, amin, aminmax, angle, any,
    arange, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, argmax, argmin, argsort,
    argwhere, as_strided, as_tensor, asarray, asin, asinh, atan, atan2, atanh, atleast_1d,
    atleast_2d, atleast_3d, avg_pool1d, baddbmm, bernoulli, bincount, bitwise_and,
    bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, block_diag,
    bmm, broadcast_shapes, broadcast_tensors, broadcast_to, bucketize, cartesian_prod, cat,
    cdist, ceil, celu, chain_matmul, cholesky, cholesky_inverse, cholesky_solve, chunk, clamp,
    clamp_max, clamp_min, clip, clone, column_stack, combinations, concat, concatenate, conj,
    conj_physical, contiguous, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d,
    conv_transpose3d, convolution, copysign, cos, cosh, count_nonzero, cross, cummax, cummin,
    cumprod, cumsum, deg2rad, det, detach, diag, diag_embed, diagonal, diff, digamma, dist, div,
    divide, dot, dsplit, dstack, einsum, embedding, empty, empty_like, empty_strided, eq, equal,
    erf, erfc, erfinv, exp, exp2, expand, expand_as, expit, expm1, eye, fix, flatten, flip,
    fliplr, flipud, float_power, floor, floor_divide, fmax, fmin, fmod, frac, from_dlpack,
    from_numpy, frombuffer, full, full_like, gather, gcd, ge, ger, greater, greater_equal, gt,
    hardshrink, heaviside, histc, hsplit, hstack, hypot, imag, index_add, index_copy,
    index_fill, index_put, index_select, inner, is_conj, isclose, isfinite, isin, isinf, isnan,
    isneginf, isposinf, kron, kthvalue, lcm, ldexp, le, lerp, less, less_equal, lgamma,
    linspace, log, log10, log1p, log2, log_softmax, logaddexp, logaddexp2, logcumsumexp, logdet,
    logical_and, logical_not, logical_or, logical_xor, logit, logspace, logsumexp, lt,
    masked_fill, masked_scatter, masked_select, matmul, matrix_exp, matrix_power, max,
    max_pool1d, max_pool2d, max_pool3d, maximum, mean, median, meshgrid, min, minimum, mm, mode,
    moveaxis, movedim, msort, mul, multinomial, multiply, mv, nan_to_num, nanmean, nanmedian,
    nansum, narrow, ne, neg, negative, nextafter, nonzero, norm, normal, not_equal, ones,
    ones_like, outer, permute, pixel_shuffle, pixel_unshuffle, poisson, polar, polygamma,
    positive, pow, prelu, prod, put, qr, quantile, rad2deg, rand, rand_like, randint,
    randint_like, randn, randn_like, randperm, ravel, real, reciprocal, relu, remainder, renorm,
    repeat, repeat_interleave, reshape, reshape_as, resolve_conj, resolve_neg, result_type,
    roll, rot90, round, row_stack, rsqrt, rsub, scalar_tensor, scatter, scatter_add,
    scatter_reduce, searchsorted, selu, sgn, sigmoid, sign, signbit, sin, sinh, slogdet,
    softmax, sort, split, split_with_sizes, sqrt, square, squeeze, stack, std, std_mean, sub,
    subtract, sum, svd, swapaxes, swapdims, t, take, take_along_dim, tan, tanh, tensor,
    tensor_split, tensordot, threshold, tile, topk, trace, transpose, tril, tril_indices, triu,
    triu_indices, true_divide, trunc, unbind, unflatten, unique, unique_consecutive, unsqueeze,
    var, var_mean, vdot, view, view_as, view_as_complex, view_as_real, vsplit, vstack, where,
    xlogy, zeros, zeros_like,
)  # fmt: skip
from .ops import complex_ as complex
from .ops import inv as inverse
from .ops import pinv as pinverse
from .ops import range_ as range
from .ops import select_axis as select
from .printing import set_printoptions
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .size import Size
from .tensor import Tensor
from .version import __version__
