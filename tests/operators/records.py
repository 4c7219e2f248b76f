"""One record per operator: sample inputs, domain, reference, what it supports and what it refuses.

Both `test_records.py` and `tests/reference/test_operators_reference.py` are generated from them.
"""

import math

import numpy as np
from making import (
    ALL,
    FLOATS,
    INTEGERS,
    REAL,
    binary,
    drawer,
    i,
    record,
    reduction,
    refuse,
    unary,
    unbiased,
)
from records_creation import CREATION
from records_network import NETWORK
from records_other import OTHER
from scipy import special

x = drawer("records")

MISMATCH = (
    "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"
)
PAIR = (np.ones(2), np.ones(3))
CALM = dict(dtypes=(*FLOATS, *INTEGERS, "bool", "complex64"))

ELEMENTWISE = [
    unary("exp", np.exp, **CALM),
    unary("exp2", np.exp2, **CALM),
    unary("expm1", np.expm1, **CALM),
    unary("log", np.log, 0.1, 3.0, **CALM),
    unary("log2", np.log2, 0.1, 3.0, **CALM),
    unary("log10", np.log10, 0.1, 3.0, **CALM),
    unary("log1p", np.log1p, -0.9, 3.0, **CALM),
    unary("sqrt", np.sqrt, 0.1, 3.0, **CALM),
    unary("rsqrt", lambda a: 1 / np.sqrt(a), 0.1, 3.0, **CALM),
    unary("sin", np.sin, **CALM),
    unary("cos", np.cos, **CALM),
    unary("tan", np.tan, -1.0, 1.0, **CALM),
    unary("asin", np.arcsin, -0.9, 0.9, **CALM),
    unary("acos", np.arccos, -0.9, 0.9, **CALM),
    unary("atan", np.arctan, **CALM),
    unary("sinh", np.sinh, **CALM),
    unary("cosh", np.cosh, **CALM),
    unary("tanh", np.tanh, **CALM),
    unary("asinh", np.arcsinh, **CALM),
    unary("acosh", np.arccosh, 1.2, 3.0, **CALM),
    unary("atanh", np.arctanh, -0.9, 0.9, dtypes=(*FLOATS, "complex64")),
    unary("sigmoid", special.expit, **CALM),
    unary("reciprocal", lambda a: 1 / a, 0.5, 3.0, **CALM),
    unary("neg", np.negative, dtypes=(*REAL, "complex64")),
    unary("abs", np.abs, dtypes=(*REAL, "complex64")),
    unary("square", np.square, **CALM),
    unary("sign", np.sign, dtypes=(*REAL, "bool")),
    unary("sgn", np.sign, dtypes=(*REAL, "bool", "complex64")),
    unary("floor", np.floor, dtypes=REAL),
    unary("ceil", np.ceil, dtypes=REAL),
    unary("trunc", np.trunc, dtypes=REAL),
    unary("round", np.round, dtypes=REAL),
    unary("frac", lambda a: a - np.trunc(a), kinks=True),
    unary("relu", lambda a: np.maximum(a, 0), dtypes=REAL),
    unary("erf", special.erf, dtypes=(*REAL, "bool")),
    unary("erfc", special.erfc, dtypes=(*REAL, "bool")),
    unary("erfinv", special.erfinv, -0.9, 0.9, dtypes=FLOATS, tolerance=1e-7),
    unary("lgamma", special.gammaln, 0.5, 3.0, dtypes=REAL),
    unary("digamma", special.digamma, 0.5, 3.0, dtypes=REAL),
    unary("deg2rad", np.deg2rad, dtypes=(*REAL, "bool")),
    unary("rad2deg", np.rad2deg, dtypes=(*REAL, "bool")),
    unary("nan_to_num", np.nan_to_num, dtypes=REAL),
    unary("logit", special.logit, 0.1, 0.9),
    unary("angle", np.angle, inplace=False, dtypes=(*FLOATS, "complex64")),
    unary("positive", np.positive, inplace=False, out=False, dtypes=(*REAL, "complex64")),
    unary("isnan", np.isnan, differentiable=False, inplace=False, out=False, dtypes=ALL),
    unary("isinf", np.isinf, differentiable=False, inplace=False, out=False, dtypes=ALL),
    unary("isfinite", np.isfinite, differentiable=False, inplace=False, out=False, dtypes=ALL),
    unary("signbit", np.signbit, differentiable=False, inplace=False, dtypes=(*REAL, "bool")),
    unary("logical_not", np.logical_not, differentiable=False, dtypes=ALL),
    binary("add", np.add, dtypes=ALL, refusals=(refuse(RuntimeError, MISMATCH, *PAIR),)),
    binary("sub", np.subtract, dtypes=(*REAL, "complex64"), refusals=(refuse(RuntimeError, MISMATCH, *PAIR),)),
    binary("mul", np.multiply, dtypes=ALL, refusals=(refuse(RuntimeError, MISMATCH, *PAIR),)),
    binary("div", np.divide, 0.5, 2.0, dtypes=ALL, refusals=(refuse(RuntimeError, MISMATCH, *PAIR),)),
    binary("floor_divide", np.floor_divide, 1.1, 9.0, dtypes=REAL, differentiable=False),
    binary("remainder", np.remainder, 1.1, 9.0, dtypes=REAL, kinks=True),
    binary("fmod", np.fmod, 1.1, 9.0, dtypes=REAL, kinks=True),
    binary("pow", np.power, 0.5, 2.0, dtypes=(*REAL, "complex64")),
    binary("float_power", np.power, 0.5, 2.0, dtypes=REAL, inplace=False),
    binary("atan2", np.arctan2, numbers=False, dtypes=REAL),
    binary("maximum", np.maximum, numbers=False, dtypes=(*REAL, "bool"), inplace=False),
    binary("minimum", np.minimum, numbers=False, dtypes=(*REAL, "bool"), inplace=False),
    binary("fmax", np.fmax, numbers=False, dtypes=(*REAL, "bool"), inplace=False),
    binary("fmin", np.fmin, numbers=False, dtypes=(*REAL, "bool"), inplace=False),
    binary("hypot", np.hypot, 0.5, 2.0, numbers=False),
    binary("logaddexp", np.logaddexp, numbers=False, inplace=False),
    binary("logaddexp2", np.logaddexp2, numbers=False, inplace=False),
    binary("xlogy", special.xlogy, 0.5, 2.0, dtypes=REAL),
    binary("copysign", np.copysign, dtypes=FLOATS),
    binary("ldexp", lambda a, b: a * 2.0**b, numbers=False),
    *[binary(name, reference, differentiable=False, dtypes=(*REAL, "bool")) for name, reference in [
        ("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("le", np.less_equal),
        ("gt", np.greater), ("ge", np.greater_equal)]],
    *[binary(name, reference, numbers=False, differentiable=False, dtypes=ALL) for name, reference in [
        ("logical_and", np.logical_and), ("logical_or", np.logical_or), ("logical_xor", np.logical_xor)]],
    record("lerp", (x(3), x(3), 0.3), (x(2, 3), x(3), x(2, 3, low=0.0, high=1.0)), (x(3), x(3), 0.8),
           reference=lambda a, b, w: a + w * (b - a), inplace=True),
    record("addcmul", (x(3), x(3), x(3)), (x(2, 3), x(3), x(2, 1), {"value": 2.5}), inplace=True),
    record("addcdiv", (x(3), x(3), x(3, low=0.5)), (x(2, 3), x(3), x(2, 1, low=0.5), {"value": 2.5}), inplace=True),
    record("clamp", (x(3), -1.0, 1.0), (x(2, 3), {"min": 0.5}), (x(2, 3), {"max": 0.5}),
           (x(2, 3), x(3), x(2, 3) + 4), inplace=True, dtypes=REAL,
           refusals=(refuse(RuntimeError, "torch.clamp: At least one of 'min' or 'max' must not be None", np.ones(2)),)),
    record("where", (x(2, 3) > 0, x(2, 3), x(3)), (x(3) > 0, x(3), 2.0), (x(2, 1) > 0, 1.5, x(3)), dtypes=ALL),
    record("isclose", (x(3), x(3)), (np.ones(3), np.ones(3) + 1e-9), differentiable=False, out=False),
    record("heaviside", (i(-1, 0, 2).astype(float), x(3)), differentiable=False, inplace=True),
]  # fmt: skip

A23, A34 = x(2, 3), x(3, 4)

REDUCTIONS = [
    reduction("sum", np.sum, dtypes=ALL),
    reduction("mean", np.mean, empty=False, dtypes=(*FLOATS, "complex64")),
    reduction("nansum", np.nansum, dtypes=REAL),
    reduction("var", unbiased(np.var), empty=False, single=False),
    reduction("std", unbiased(np.std), empty=False, single=False),
    reduction("amax", np.max, empty=False, dtypes=(*REAL, "bool")),
    reduction("amin", np.min, empty=False, dtypes=(*REAL, "bool")),
    reduction("all", np.all, differentiable=False, dtypes=ALL),
    reduction("any", np.any, differentiable=False, dtypes=ALL),
    reduction("prod", None, several=False, dtypes=ALL),
    record("count_nonzero", (x(2, 3),), (x(2, 3), 0), differentiable=False, out=False, dtypes=ALL),
    record("argmax", (x(2, 3),), (x(2, 3), 1), (x(2, 3), {"dim": 0, "keepdim": True}), differentiable=False, dtypes=REAL),
    record("argmin", (x(2, 3),), (x(2, 3), 1), (x(2, 3), {"dim": 0, "keepdim": True}), differentiable=False, dtypes=REAL),
    *[record(name, (x(2, 3, apart=True),), (x(2, 3, apart=True), 1), (x(2, 3, apart=True), 0, True), (x(),),
             out=False, dtypes=REAL) for name in ("max", "min", "median", "nanmedian")],
    record("aminmax", (x(2, 3, apart=True),), (x(2, 3, apart=True), {"dim": 1}), out=False, dtypes=REAL),
    record("logsumexp", (x(2, 3), 1), (x(2, 3), (0, 1)), (x(2, 3), 0, True)),
    record("var_mean", (x(2, 3),), (x(2, 3), 1), out=False),
    record("std_mean", (x(2, 3),), (x(2, 3), 1), out=False),
    record("cumsum", (x(2, 3), 1), (x(2, 3), 0), (x(), 0), dtypes=ALL, inplace=True),
    record("cumprod", (x(2, 3), 1), (x(2, 3), 0), (np.array([1.0, 0.0, 2.0, 0.0]), 0), dtypes=ALL, inplace=True),
    record("logcumsumexp", (x(2, 3), 1), (x(3), 0)),
    record("cummax", (x(2, 3, apart=True), 1), (x(), 0), out=False, dtypes=REAL),
    record("cummin", (x(2, 3, apart=True), 1), (x(), 0), out=False, dtypes=REAL),
    record("diff", (x(4),), (x(2, 4), {"n": 2}), (x(2, 3), {"dim": 0, "prepend": x(1, 3)}), dtypes=ALL),
    record("sort", (x(2, 3, apart=True),), (x(2, 3, apart=True), 0, True), (x(),), out=False, dtypes=REAL),
    record("argsort", (x(2, 3, apart=True),), (x(2, 3, apart=True), 0, True), differentiable=False, out=False),
    record("topk", (x(2, 5, apart=True), 2), (x(5, 2, apart=True), 3, 0, False), out=False),
    record("kthvalue", (x(2, 5, apart=True), 2), (x(5, apart=True), 3, 0, True), out=False),
    record("mode", (np.array([1.0, 2.0, 2.0, 3.0]),), out=False, batch=False, differentiable=False),
    record("quantile", (x(5, apart=True), 0.3), (x(2, 5, apart=True), 0.5, 1), (x(2, 3, apart=True), np.array([0.2, 0.9])),
           fixed=(1,), dtypes=("float32", "float64")),
    record("norm", (x(2, 3),), (x(2, 3), 1), (x(2, 3), 2, 1), (x(2, 3), 3.0, 0, True), (x(2, 3), math.inf)),
    record("dist", (x(3), x(3)), (x(3), x(3), 3.0), out=False),
    record("cdist", (x(2, 3), x(4, 3)), (x(2, 3), x(4, 3), 1.0), out=False, dtypes=("float32", "float64"), tolerance=1e-7),
    record("renorm", (x(2, 3), 2, 0, 1.0), inplace=True, dtypes=("float32", "float64")),
    record("trace", (x(3, 3),), (x(2, 3),), out=False, batch=False, dtypes=(*FLOATS[:2], "int64")),
]  # fmt: skip

PRODUCTS = [
    record("matmul", (x(3), x(3)), (A23, x(3)), (x(2), A23), (A23, A34), (x(2, 2, 3), A34),
           (x(2, 1, 2, 3), x(3, 3, 4)), reference=np.matmul, dtypes=(*FLOATS, *INTEGERS, "complex64"),
           refusals=(refuse(RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)", A23, A23),
                     refuse(RuntimeError, "both arguments to matmul need to be at least 1D, but they are 0D and 2D",
                            np.ones(()), A23))),
    record("mm", (A23, A34), (A23, A34.T.copy().T), (np.zeros((2, 0)), np.zeros((0, 3))), reference=np.matmul,
           refusals=(refuse(RuntimeError, "self must be a matrix", np.ones(3), A34),)),
    record("bmm", (x(2, 2, 3), x(2, 3, 2)), reference=np.matmul),
    record("mv", (A23, x(3)), reference=np.matmul),
    record("dot", (x(3), x(3)), reference=np.dot, dtypes=(*FLOATS[:2], "int64", "complex64")),
    record("vdot", (x(3), x(3)), dtypes=(*FLOATS[:2], "int64", "complex64")),
    record("inner", (x(3), x(3)), (A23, x(4, 3)), reference=np.inner),
    record("outer", (x(3), x(2)), reference=np.outer, dtypes=ALL),
    record("addmm", (x(2, 4), A23, A34), (x(4), A23, A34, {"beta": 2.0, "alpha": 0.5}), inplace=False),
    record("addmv", (x(2), A23, x(3)),), record("addr", (x(2, 3), x(2), x(3)),),
    record("baddbmm", (x(2, 2, 2), x(2, 2, 3), x(2, 3, 2)), inplace=True),
    record("addbmm", (x(2, 2), x(2, 2, 3), x(2, 3, 2)), inplace=True),
    record("tensordot", (A23, A34, {"dims": 1}), (x(2, 3, 4), x(3, 4, 2), {"dims": ([1, 2], [0, 1])})),
    record("kron", (x(2, 2), x(2, 3)), (x(2), x(2, 2)), reference=np.kron),
    record("cross", (x(2, 3), x(2, 3), {"dim": 1}),),
    record("einsum", ("ij,jk->ik", A23, A34), ("ij,ij->", A23, A23), ("bij,bjk->bik", x(2, 2, 3), x(2, 3, 2)),
           ("ii->i", x(3, 3)), ("...ij,jk", x(2, 2, 3), A34), ("i,j", x(2), x(3)), out=False),
]  # fmt: skip

VIEW = dict(out=False, dtypes=ALL)
SHAPE = [
    record("reshape", (x(2, 3), (3, 2)), (x(2, 3).T, (6,)), (x(2, 3), (-1, 2)), **VIEW,
           refusals=(refuse(RuntimeError, "shape '[4]' is invalid for input of size 6", A23, (4,)),)),
    record("Tensor.view", (x(2, 3), 3, 2), (x(2, 3), -1), **VIEW,
           refusals=(refuse(RuntimeError, "view size is not compatible with input tensor's size and stride", A23.T, -1),)),
    record("flatten", (x(2, 3),), (x(2, 3, 2), 1), (x(),), **VIEW),
    record("unflatten", (x(2, 6), 1, (2, -1)), **VIEW),
    record("ravel", (x(2, 3).T,), **VIEW),
    record("permute", (x(2, 3, 4), (2, 0, 1)), reference=np.transpose, **VIEW),
    record("transpose", (x(2, 3), 0, 1), (x(2, 3, 4), -1, 0), **VIEW),
    record("t", (A23,), (x(3),), **VIEW), record("movedim", (x(2, 3, 4), 0, 2), (x(2, 3, 4), (0, 1), (1, 2)), **VIEW),
    record("swapaxes", (x(2, 3), 0, 1), **VIEW),
    record("unsqueeze", (x(2, 3), 1), (x(), 0), (x(2, 3), -1), **VIEW),
    record("squeeze", (x(2, 1, 3),), (x(2, 1, 3), 1), (x(1, 1), (0, 1)), (x(2, 1), 0), **VIEW),
    record("Tensor.expand", (x(2, 1), 2, 3), (x(3), 2, -1), (x(), 2, 2), **VIEW),
    record("broadcast_to", (x(2, 1), (2, 3)), reference=np.broadcast_to, **VIEW),
    record("Tensor.repeat", (x(2, 3), 2, 1), (x(3), 2, 2), **VIEW), record("tile", (x(2, 3), (2,)), **VIEW),
    record("clone", (x(2, 3),), (x(2, 3).T,), **VIEW),
    record("Tensor.contiguous", (x(2, 3).T,), **VIEW),
    record("as_strided", (x(6), (2, 2), (1, 2)), (x(6), (2, 3), (1, 1), 1), **VIEW, batch=False),
    record("narrow", (x(3, 2), 0, 1, 2), (x(3, 2), 1, -1, 1), **VIEW),
    record("split", (x(5, 2), 2), (x(2, 5), [2, 3], 1), **VIEW),
    record("chunk", (x(5, 2), 2), (x(2, 5), 3, 1), **VIEW),
    record("tensor_split", (x(5), 2), (x(5), (1, 3)), **VIEW), record("unbind", (x(3, 2),), (x(3, 2), 1), **VIEW),
    record("hsplit", (x(2, 4), 2), **VIEW), record("vsplit", (x(4, 2), 2), **VIEW), record("dsplit", (x(2, 2, 4), 2), **VIEW),
    record("flip", (x(2, 3), (0, 1)), (x(3), (0,)), reference=np.flip, **VIEW),
    record("fliplr", (A23,), **VIEW), record("flipud", (A23,), **VIEW),
    record("roll", (x(5), 2), (x(2, 3), (1, -1), (0, 1)), **VIEW), record("rot90", (A23,), (A23, 3), **VIEW),
    record("diagonal", (x(3, 3),), (x(2, 3, 4), 1, 0, 2), **VIEW), record("diag_embed", (x(2, 3),), (x(3), 1), **VIEW),
    record("Tensor.unfold", (x(5), 0, 2, 1), (x(2, 7), 1, 3, 2), **VIEW),
    record("diag", (x(3),), (x(3, 3), 1), out=True, dtypes=ALL, batch=False),
    record("triu", (x(3, 3),), (x(2, 3, 4), 1), reference=np.triu, dtypes=ALL, inplace=True),
    record("tril", (x(3, 3),), (x(2, 3, 4), -1), reference=np.tril, dtypes=ALL, inplace=True),
    record("cat", ([x(2, 3), x(1, 3)],), ([x(2, 1), x(2, 2)], 1), ([x(0), x(2, 2)],), dtypes=ALL,
           refusals=(refuse(RuntimeError, "zero-dimensional tensor (at position 0) cannot be concatenated", [np.ones(())]),
                     refuse(ValueError, "torch.cat(): expected a non-empty list of Tensors", []))),
    record("stack", ([x(2, 3), x(2, 3)],), ([x(2), x(2)], 1), dtypes=ALL),
    *[record(name, ([x(2, 3), x(2, 3)],), ([x(3), x(3)],), dtypes=ALL) for name in ("hstack", "vstack", "dstack", "column_stack")],
    record("atleast_2d", (x(),), (x(3),), **VIEW), record("meshgrid", ([x(2), x(3)], {"indexing": "ij"}), ([x(2), x(3)], {"indexing": "xy"}), **VIEW),
    record("cartesian_prod", (x(2), x(3)), **VIEW), record("combinations", (x(4),), (x(3), 2, True), **VIEW),
    record("block_diag", (x(2, 2), x(1, 3)), **VIEW),
    record("broadcast_tensors", (x(2, 1), x(3)), **VIEW),
]  # fmt: skip

MASK = x(2, 3) > 0
INDEXING = [
    record("gather", (x(2, 3), 1, np.array([[0, 2], [1, 1]])), (x(2, 3), 0, np.array([[1, 0, 1]])), (x(3), 0, i(2, 2)),
           dtypes=ALL, refusals=(refuse(RuntimeError, "index 5 is out of bounds for dimension 0 with size 3", np.ones(3), 0, i(5)),
                                 refuse(RuntimeError, "gather(): Expected dtype int32/int64 for index", np.ones(3), 0, np.ones(1)))),
    record("scatter", (x(2, 3), 1, np.array([[0, 2], [1, 0]]), x(2, 2)), (x(3), 0, i(1), 2.5), dtypes=ALL, inplace=True),
    record("scatter_add", (x(2, 3), 1, np.array([[0, 0], [1, 2]]), x(2, 2)), (x(3), 0, i(1, 1), x(2)), dtypes=REAL, inplace=True),
    *[record("scatter_reduce", (x(3), 0, i(0, 0, 2), x(3, low=0.5), reduce), suffix="." + reduce, inplace=True,
             batch=reduce != "prod") for reduce in ("sum", "mean", "prod", "amax", "amin")],
    record("index_select", (x(3, 2), 0, i(2, 0, 2)), (x(2, 3), 1, i(1)), dtypes=ALL),
    record("index_add", (x(3, 2), 0, i(0, 0), x(2, 2)), (x(3), 0, i(1), x(1), {"alpha": 2.0}), inplace=True),
    record("index_copy", (x(3, 2), 0, i(0, 2), x(2, 2)), inplace=True, dtypes=ALL),
    record("index_fill", (x(3, 2), 0, i(0, 2), 1.5), inplace=True, out=False),
    record("index_put", (x(3, 2), (i(0, 2),), x(2, 2)), (x(3, 2), (i(0, 0), i(1, 1)), x(2), True), (x(3, 2), (i(0, 2),), x(2)),
           out=False, inplace=True),
    record("take", (x(2, 3), i(0, 5, 5)), (x(2, 3), np.array([[-1, 2]])), dtypes=ALL),
    record("take_along_dim", (x(2, 3), np.array([[0], [2]]), 1), (x(2, 3), i(0, 4)), dtypes=ALL),
    record("put", (x(2, 3), i(0, 4), x(2)), (x(2, 3), i(0, 0), x(2), True), out=False, inplace=True),
    record("masked_fill", (x(2, 3), MASK, 0.5), (x(2, 3), MASK[:1], np.array(2.0)), out=False, inplace=True, dtypes=ALL),
    record("masked_select", (x(2, 3), MASK), (x(3), MASK), batch=False, dtypes=ALL),
    record("masked_scatter", (x(2, 3), MASK, x(6)), out=False, inplace=True, batch=False),
    record("nonzero", (np.array([[0.0, 1.0], [2.0, 0.0]]),), differentiable=False, batch=False, dtypes=ALL),
    record("argwhere", (np.array([[0.0, 1.0], [2.0, 0.0]]),), differentiable=False, batch=False, out=False, dtypes=ALL),
    record("select", (x(2, 3), 1, -1), **VIEW),
    record("repeat_interleave", (x(3), 2), (x(2, 2), i(1, 2), 1), out=False, batch=False, dtypes=ALL),
    record("searchsorted", (np.array([1.0, 2.0, 4.0]), x(3)), (np.sort(x(2, 4)), x(2, 2), {"right": True}), differentiable=False),
    record("bucketize", (x(2, 3), np.array([-1.0, 0.0, 1.0])), differentiable=False),
    record("bincount", (i(0, 1, 1, 3),), (i(0, 1), np.array([0.5, 1.5])), differentiable=False, out=False, batch=False, dtypes=()),
    record("unique", (i(3, 1, 1).astype(float),), (np.array([[1.0, 2], [1, 2], [0, 1]]), {"dim": 0, "return_inverse": True, "return_counts": True}),
           differentiable=False, out=False, batch=False, dtypes=(*REAL, "bool")),
    record("isin", (i(1, 2, 3).astype(float), i(2, 3).astype(float)), differentiable=False),
    record("histc", (x(10), 4, -1, 1), differentiable=False, batch=False, dtypes=("float32", "float64")),
]  # fmt: skip


def square(n=3, *lead):
    """A well-conditioned matrix with distinct singular values."""
    return x(*lead, n, n) * 0.4 + np.diag(np.arange(1.0, n + 1))


def positive(n=3, *lead):
    a = square(n, *lead)
    return a @ a.swapaxes(-1, -2) + np.eye(n)


DOUBLE = dict(dtypes=("float32", "float64"), tolerance=1e-7)
MATRICES = [
    record("linalg.inv", (square(),), (square(3, 2),), reference=np.linalg.inv, **DOUBLE,
           refusals=(refuse(RuntimeError, "linalg.inv: The input tensor A must have at least 2 dimensions", np.ones(3)),
                     refuse(RuntimeError, "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices", A23))),
    record("linalg.solve", (square(), x(3, 2)), (square(3, 2), x(2, 3, 1)), (square(), x(3)), **DOUBLE),
    record("linalg.solve_triangular", (square(), x(3, 2), {"upper": True}), (square(), x(2, 3), {"upper": False, "left": False}), **DOUBLE),
    record("linalg.det", (square(),), (square(2, 2),), reference=np.linalg.det, **DOUBLE, twice=False),
    record("linalg.slogdet", (square(),), (square(3, 2),), out=False, **DOUBLE),
    record("logdet", (positive(),), out=False, symmetric=True, **DOUBLE),
    record("linalg.cholesky", (positive(),), (positive(2, 2),), reference=np.linalg.cholesky, symmetric=True, **DOUBLE),
    record("linalg.svdvals", (square(),), (x(3, 2),), **DOUBLE),
    record("linalg.eigvalsh", (positive(),), symmetric=True, **DOUBLE),
    record("linalg.qr", (square(),), (x(4, 2),), (x(2, 4),), out=False, **DOUBLE, twice=False),
    record("linalg.pinv", (x(3, 2),), (x(2, 4),), reference=np.linalg.pinv, **DOUBLE),
    record("linalg.matrix_norm", (x(2, 3),), (x(2, 3), "nuc"), (x(2, 3), 1), (x(2, 3), math.inf), (x(2, 2, 3), 2), **DOUBLE),
    record("linalg.vector_norm", (x(2, 3),), (x(2, 3), 1), (x(2, 3), 3, 1), **DOUBLE),
    record("linalg.norm", (x(2, 3),), (x(3), 1), (x(2, 3), "fro"), **DOUBLE),
    record("linalg.cond", (square(),), **DOUBLE),
    record("linalg.multi_dot", ([A23, A34, x(4)],), **DOUBLE),
    record("linalg.cross", (x(2, 3), x(2, 3)), **DOUBLE),
    record("linalg.matrix_power", (square(), -2), (x(3, 3), 3), (x(3, 3), 0), out=False, **DOUBLE),
    record("fft.rfft", (x(6),), (x(2, 5), 4), (x(2, 5), 8, 0, "ortho"), **DOUBLE, twice=False, forward=False),
    record("fft.irfft", (x(4),), (x(2, 5), 7), **DOUBLE),
    record("fft.fft", (x(5),), (x(2, 3), 4, 0, "forward"), **DOUBLE),
    record("fft.ifft", (x(5),), **DOUBLE),
    record("fft.fft2", (x(2, 3),), **DOUBLE), record("fft.irfft2", (x(2, 3),), **DOUBLE), record("fft.fftshift", (x(2, 3),), out=False),
]  # fmt: skip


LOOSE = dict(dtypes=("float32", "float64"), tolerance=1e-7)
SPECIAL = [
    unary("i0", special.i0, **{**LOOSE, "inplace": True}),
    *[unary(f"special.{name}", reference, low, high, inplace=False, ours="bessel" in name or "airy" in name, **LOOSE) for name, reference, low, high in [
        ("i0e", special.i0e, 0.2, 2.0), ("i1", special.i1, 0.2, 2.0),
        ("i1e", special.i1e, 0.2, 2.0), ("bessel_j0", special.j0, 0.2, 3.0), ("bessel_j1", special.j1, 0.2, 3.0),
        ("bessel_y0", special.y0, 0.5, 3.0), ("bessel_y1", special.y1, 0.5, 3.0),
        ("modified_bessel_k0", special.k0, 0.5, 3.0), ("modified_bessel_k1", special.k1, 0.5, 3.0),
        ("scaled_modified_bessel_k0", special.k0e, 0.5, 3.0), ("scaled_modified_bessel_k1", special.k1e, 0.5, 3.0),
        ("spherical_bessel_j0", lambda a: np.sinc(a / np.pi), 0.2, 3.0), ("airy_ai", lambda a: special.airy(a)[0], -2.0, 2.0),
        ("entr", special.entr, 0.1, 2.0), ("erfcx", special.erfcx, -1.0, 2.0), ("ndtr", special.ndtr, -2.0, 2.0),
        ("log_ndtr", special.log_ndtr, -2.0, 2.0), ("ndtri", special.ndtri, 0.1, 0.9)]],
    record("special.xlog1py", (x(3, low=0.5), x(2, 3, low=0.1)), **LOOSE),
    record("special.zeta", (2.5, x(3, low=1.5)), (3.0, x(2, low=1.1)), **LOOSE),
    record("igamma", (x(3, low=0.5), x(3, low=0.5)), differentiable=False, **LOOSE),
    record("igammac", (x(3, low=0.5), x(3, low=0.5)), differentiable=False, **LOOSE),
    record("mvlgamma", (x(3, low=2.0, high=4.0), 2), out=False, **LOOSE),
    *[record(f"special.{name}", (x(4, low=-0.9, high=0.9), 3), (x(2, low=0.1, high=0.9), i(2, 4)), fixed=(1,), ours=True, **LOOSE) for name in (
        "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
        "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
        "shifted_chebyshev_polynomial_w", "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
        "legendre_polynomial_p")],
]  # fmt: skip

COPY = dict(out=False, dtypes=ALL)
RARE = [
    record("trapezoid", (x(4),), (x(2, 4), x(4)), (x(2, 4), {"dx": 0.5, "dim": 0}), **LOOSE, out=False),
    record("cumulative_trapezoid", (x(4),), (x(2, 4), x(4)), **LOOSE, out=False),
    record("gradient", (x(5),), (x(4, 3), {"dim": 0, "spacing": 0.5}), (x(4), {"edge_order": 2}), **LOOSE, out=False),
    record("cov", (x(3, 4),), (x(4), {"correction": 0}), **LOOSE, out=False),
    record("corrcoef", (x(3, 4),), **LOOSE, out=False),
    record("nanquantile", (x(5, apart=True), 0.3), (x(2, 5, apart=True), 0.5, 1), **LOOSE),
    record("diagflat", (x(2, 2),), (x(3), 1), **COPY),
    record("narrow_copy", (x(3, 2), 0, 1, 2), dtypes=ALL), record("unfold_copy", (x(5), 0, 2, 1), dtypes=ALL),
    record("transpose_copy", (x(2, 3), 0, 1), dtypes=ALL), record("view_copy", (x(2, 3), (6,)), dtypes=ALL),
    record("diagonal_scatter", (x(3, 3), x(3)), (x(3, 4), x(2), 2), dtypes=ALL),
    record("select_scatter", (x(2, 3), x(3), 0, 1), dtypes=(*REAL, "bool")),
    record("slice_scatter", (x(4, 2), x(2, 2), {"start": 1, "end": 3}), dtypes=(*REAL, "bool")),
    record("unsafe_split", (x(5, 2), 2), **COPY), record("unsafe_chunk", (x(5, 2), 2), **COPY),
    *[record("index_reduce", (x(3, 2), 0, i(0, 2), x(2, 2, low=0.5), reduce), (np.array(2.0), 0, i(0), np.array(1.5), reduce), suffix="." + reduce, inplace=True, batch=reduce != "prod",
             **LOOSE) for reduce in ("mean", "prod", "amax", "amin")],
    record("frexp", (x(3),), **LOOSE, out=False),
    record("unravel_index", (i(0, 5, 3), (2, 3)), differentiable=False, out=False, batch=False, dtypes=()),
    record("fft.ihfft2", (x(2, 4),), **LOOSE, forward=False, twice=False), record("fft.hfft2", (x(2, 3),), **LOOSE),
    record("linalg.lu", (square(),), (square(3, 2),), out=False, **DOUBLE),
    record("linalg.lu_factor", (square(),), (x(4, 3),), (x(3, 4),), out=False, **DOUBLE),
    record("linalg.householder_product", (x(4, 2), x(2)), out=False, **DOUBLE),
    record("linalg.tensorinv", (square(4).reshape(2, 2, 4),), (square(4).reshape(4, 2, 2), {"ind": 1}), out=False, batch=False, **DOUBLE),
    record("linalg.tensorsolve", (square(4).reshape(2, 2, 4), x(2, 2)), out=False, batch=False, **DOUBLE),
    *[record(f"masked.{name}", (x(2, 3, low=0.5), {"dim": 1, "mask": np.array([[True, False, True], [True, True, False]])}), out=False, **LOOSE)
      for name in ("sum", "prod", "amax", "amin", "mean", "logsumexp", "var", "std", "norm")],
]  # fmt: skip

RECORDS = (
    ELEMENTWISE + MATRICES + REDUCTIONS + PRODUCTS + SHAPE + INDEXING + SPECIAL + RARE + NETWORK + CREATION + OTHER
)  # fmt: skip
