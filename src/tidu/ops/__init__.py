"""torch-shaped functions: promotion, defaults, friendly errors, composition of primitives."""

from .along_axis import (
    gather, index_add, index_copy, index_fill, index_select, put, scatter, scatter_add,
    scatter_reduce, take, take_along_dim,
)
from .arithmetic import (
    abs, absolute, acos, acosh, add, addcdiv, addcmul, angle, arccos, arccosh, arcsin, arcsinh,
    arctan, arctan2, arctanh, asin, asinh, atan, atan2, atanh, ceil, clamp, clamp_max,
    clamp_min, clip, copysign, cos, cosh, deg2rad, digamma, div, divide, erf, erfc, erfinv, exp,
    exp2, expit, expm1, fix, float_power, floor, floor_divide, fmax, fmin, fmod, frac,
    heaviside, hypot, ldexp, lerp, lgamma, log, log10, log1p, log2, logaddexp, logaddexp2,
    logit, maximum, minimum, mul, multiply, nan_to_num, neg, negative, nextafter, polygamma,
    positive, pow, rad2deg, reciprocal, relu, remainder, round, rsqrt, rsub, sgn, sigmoid, sign,
    sin, sinh, sqrt, square, sub, subtract, tan, tanh, true_divide, trunc, xlogy,
)
from .comparison import (
    allclose, bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift,
    bitwise_xor, eq, equal, gcd, ge, greater, greater_equal, gt, isclose, isfinite, isinf,
    isnan, isneginf, isposinf, lcm, le, less, less_equal, logical_and, logical_not, logical_or,
    logical_xor, lt, ne, not_equal, signbit,
)
from .complex_parts import (
    conj, conj_physical, imag, is_conj, real, resolve_conj, resolve_neg, view_as_complex, view_as_real,
)
from .convert import convert, from_array, result_type
from .convolution import (
    conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, fold, unfold,
)
from .creation import (
    arange, as_tensor, asarray, complex_, empty, empty_like, empty_strided, eye, from_dlpack, from_numpy,
    frombuffer, full, full_like, linspace, logspace, ones, ones_like, polar, range_,
    scalar_tensor, tensor, tril_indices, triu_indices, zeros, zeros_like,
)
from .indexing import (
    argwhere, embedding, getitem, index_put, masked_fill, masked_scatter, masked_select,
    nonzero, select_axis, setitem, where,
)
from .joining import (
    atleast_1d, atleast_2d, atleast_3d, block_diag, cartesian_prod, cat, chunk, column_stack,
    combinations, concat, concatenate, dsplit, dstack, hsplit, hstack, meshgrid, narrow,
    row_stack, split, split_with_sizes, stack, tensor_split, unbind, vsplit, vstack,
)
from .linalg import (
    addbmm, addmm, addmv, addr, baddbmm, bmm, cdist, chain_matmul, cross, dot, einsum, ger,
    inner, kron, linear, matmul, matrix_power, mm, mv, outer, tensordot, trace, vdot, vecdot,
)
from .network import (
    celu, elu, gelu, glu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, log_softmax,
    logsigmoid, mish, nll, normalize, prelu, relu6, selu, silu, softmax, softmin, softplus, softshrink,
    softsign, squared_error, tanhshrink, threshold,
)
from .padding import pad, pixel_shuffle, pixel_unshuffle
from .pooling import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
    adaptive_max_pool2d, adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, lp_pool1d,
    lp_pool2d, lp_pool3d, max_pool1d, max_pool2d, max_pool3d, max_unpool1d, max_unpool2d,
    max_unpool3d,
)
from .random import (
    bernoulli, multinomial, normal, poisson, rand, rand_like, randint, randint_like, randn,
    randn_like, randperm,
)
from .norms import (
    dist, norm, renorm, vector_norm,
)
from .ordering import (
    argsort, kthvalue, median, mode, msort, nanmedian, quantile, sort, topk,
)
from .reductions import (
    all, amax, amin, aminmax, any, argmax, argmin, count_nonzero, logsumexp, max, mean, min,
    nanmean, nansum, prod, std, std_mean, sum, var, var_mean,
)
from .scans import (
    cummax, cummin, cumprod, cumsum, diff, logcumsumexp,
)
from .sets import (
    bincount, bucketize, histc, isin, one_hot, repeat_interleave, searchsorted, unique,
    unique_consecutive,
)
from .resizing import affine_grid, grid_sample, interpolate
from .shapes import (
    adjoint, alias, as_strided, broadcast_shapes, broadcast_tensors, broadcast_to, clone,
    contiguous, detach, diag, diag_embed, diagonal, expand, expand_as, flatten, flip, fliplr,
    flipud, moveaxis, movedim, permute, ravel, repeat, reshape, reshape_as, roll, rot90,
    squeeze, swapaxes, swapdims, t, tile, transpose, tril, triu, unflatten, unsqueeze,
    view, view_as,
)

from . import arithmetic, inplace, random

__all__ = [name for name in globals() if not name.startswith("_")]
