"""torch.matmul, mm, bmm, addmm, dot, einsum, linear ...: products of vectors and matrices."""

import numpy as np

from ..base.dtypes import FLOAT8, float32
from ..base.errors import hinted
from ..base.frames import warn_once
from ..base.lazy import lazy_module
from ..base.size import checked_size, mismatch, normalize_axis
from ..core import fast
from ..core.direct import directly
from ..core.handle import TensorBase, element_type, shape_of
from ..core.retries import asks, worded
from ..primitives.arithmetic import select
from ..primitives.base import reduce_sum, reshape, transpose
from ..primitives.contraction import linear_map, linear_product
from ..primitives.contraction import matmul as matmul_prim
from ..primitives.contraction import mv as mv_prim
from . import direct
from .convert import (
    composite,
    convert,
    finish,
    finish_same,
    in_order,
    named,
    ndim_of,
    one_node,
    refuse,
    require_tensor,
    scalar_name,
    type_of,
    widely,
)
from .creation import eye
from .joining import stack
from .norms import vector_norm
from .shapes import expand, unsqueeze

solutions = lazy_module("tidu.primitives.solutions")


def _same_type(function, x, y):
    if element_type(x) is not element_type(y) and element_type(x) != element_type(y):
        raise RuntimeError(
            hinted(
                f"expected m1 and m2 to have the same dtype, but got: {_cpp(x)} != {_cpp(y)}",
                f"convert one side, for example x.to({type_of(y)!r}).",
            )
        )


_CPP = {"Float": "float", "Double": "double", "Long": "long", "Int": "int", "Half": "c10::Half",
        "BFloat16": "c10::BFloat16", "Bool": "bool", "Byte": "unsigned char", "Char": "signed char",
        "Short": "short", "ComplexFloat": "c10::complex<float>",
        "ComplexDouble": "c10::complex<double>"}  # fmt: skip


def _cpp(x):
    name = scalar_name(type_of(x))
    return _CPP.get(name, name)


def matmul(input, other, *, out=None):
    """The matrix product, with NumPy's rules for vectors and stacks of matrices.

    >>> import tidu as torch
    >>> torch.matmul(torch.ones(2, 3), torch.ones(3)).shape
    torch.Size([2])
    """
    x, y = require_tensor("matmul", input), require_tensor("matmul", other, "other", 2)
    nx, ny = ndim_of(x), ndim_of(y)
    if nx == ny == 1:
        return dot(x, y, out=out)
    _same_type("matmul", x, y)
    if nx == 2 and ny == 2:
        return mm(x, y, out=out)
    if nx == 0 or ny == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {nx}D and {ny}D"
        )
    if nx == 1 and ny == 1:
        return finish_same(dot(x, y), out)
    if nx == 1:
        wide = matmul(unsqueeze(x, 0), y)
        shape = tuple(shape_of(wide))
        flat = reshape(wide, shape=(*shape[:-2], shape[-1]))
        return finish_same(named(flat, "SqueezeBackward4", dim=ndim_of(wide) - 2), out)
    if ny == 1:
        if nx == 2:
            return mv(x, y, out=out)
        wide = matmul(x, unsqueeze(y, 1))
        flat = reshape(wide, shape=tuple(shape_of(wide))[:-1])
        return finish_same(named(flat, "UnsafeViewBackward0", ("Mv", ("View", x), y)), out)
    if (wrong := mismatch(tuple(shape_of(x))[:-2], tuple(shape_of(y))[:-2])) is not None:
        raise RuntimeError(wrong)
    _check_inner(x, y)
    if ny == 2:
        shape = tuple(shape_of(x))
        flat = reshape(x, shape=(int(np.prod(shape[:-1])), shape[-1]))
        result = named(
            reshape(matmul_prim(flat, y), shape=(*shape[:-1], shape_of(y)[1])),
            "UnsafeViewBackward0",
        )
        return finish_same(result, out)
    return finish_same(named(matmul_prim(x, y), "UnsafeViewBackward0"), out)


matmul = fast.product(matmul_prim, mv_prim, matmul)


def _check_inner(x, y):
    a, b = tuple(shape_of(x)), tuple(shape_of(y))
    if a[-1] != b[-2]:
        rows, batch = int(np.prod(a[:-1])), np.broadcast_shapes(a[:-2], b[:-2])
        stacks = int(np.prod(batch))
        raise RuntimeError(
            hinted(
                f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1]} and {b[-2]}x{b[-1]})"
                if len(b) == 2
                else "Expected size for first two dimensions of batch2 tensor to be: "
                f"[{stacks}, {a[-1]}] but got: [{stacks}, {b[-2]}].",
                f"the last length of the left side ({a[-1]}) must equal the second-to-last length "
                "of "
                f"the right side ({b[-2]}); shapes are {list(a)} and {list(b)}.",
            )
        )


@worded
def mm(input, mat2, *, out=None):
    """The product of an (n, k) and a (k, m) matrix."""
    x, y = require_tensor("mm", input), require_tensor("mm", mat2, "mat2", 2)
    if ndim_of(x) != 2:
        raise RuntimeError("self must be a matrix")
    if ndim_of(y) != 2:
        raise RuntimeError("mat2 must be a matrix")
    _same_type("mm", x, y)
    _check_inner(x, y)
    refuse(type_of(x), {0: "addmm_impl_cpu_"})
    checked_size((shape_of(x)[0], shape_of(y)[1]))
    return finish_same(matmul_prim(x, y), out)


@worded
def bmm(input, mat2, *, out=None):
    """Products of a stack (b, n, k) and a stack (b, k, m)."""
    x, y = input, mat2
    if ndim_of(x) != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if ndim_of(y) != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    a, b = tuple(shape_of(x)), tuple(shape_of(y))
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but "
            f"got: [{b[0]}, {b[1]}]."
        )
    _same_type("bmm", x, y)
    return finish_same(named(matmul_prim(x, y), "BmmBackward0"), out)


@worded
def mv(input, vec, *, out=None):
    """A matrix times a vector."""
    a, b = tuple(shape_of(input)), tuple(shape_of(vec))
    if len(a) != 2 or len(b) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {len(b)}, {len(a)}, {len(b)}")
    if a[1] != b[0]:
        raise RuntimeError(f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    _same_type("mv", input, vec)
    refuse(type_of(input), {0: "addmv_impl_cpu"})
    return finish_same(mv_prim(input, vec), out)


@directly(direct.dot)
@one_node("DotBackward0")
def dot(input, tensor, *, out=None):
    """The inner product of two vectors."""
    a, b = (
        tuple(shape_of(require_tensor("dot", input))),
        tuple(shape_of(require_tensor("dot", tensor, "tensor", 2))),
    )
    if len(a) != 1 or len(b) != 1:
        raise RuntimeError(f"1D tensors expected, but got {len(a)}D and {len(b)}D tensors")
    if a != b:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same "
            f"number of elements, but got {a[0]} and {b[0]} elements respectively"
        )
    if element_type(input) != element_type(tensor):
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{scalar_name(type_of(input))} and {scalar_name(type_of(tensor))}"
        )
    refuse(type_of(input), {0: "dot"})
    product = matmul_prim(reshape(input, shape=(1, a[0])), reshape(tensor, shape=(a[0], 1)))
    return finish_same(
        named(reshape(product, shape=()), "DotBackward0"),
        out,
        message="result dtype {have} does not match input dtype {want}",
    )


@composite("VdotBackward0")
def vdot(input, other, *, out=None):
    """The inner product with the first vector conjugated."""
    return dot(input.conj(), other, out=out)


@worded
def inner(input, other, *, out=None):
    """Products over the last axes of both."""
    if not ndim_of(input) or not ndim_of(other):
        return finish(input * other, out)
    return tensordot(input, other, dims=([-1], [-1]), out=out)


@worded
def outer(input, vec2, *, out=None):
    """All products of two vectors' elements."""
    if ndim_of(input) != 1 or ndim_of(vec2) != 1:
        raise RuntimeError(f"outer: Expected 1-D argument self, but got {ndim_of(input)}-D")
    return finish(named(unsqueeze(input, 1), "ViewBackward0") * vec2, out)


ger = outer


def _summed(multiply, input, a, b, beta, alpha):
    """beta * input + alpha * multiply(a, b)."""
    return widely(lambda x, a, b: _scaled_sum(x, multiply(a, b), beta, alpha), input, a, b)


def _in_floats(function, input, a, b, beta, alpha):
    """function(input, a, b) of 8-bit floats: computed in float32 and rounded once."""
    wide = [convert(x, float32) for x in (input, a, b)]
    return convert(function(*wide, beta=beta, alpha=alpha), type_of(input))


def _scaled_sum(input, product, beta, alpha):
    if type_of(product).category < 2:
        whole = bool if type_of(product).category == 0 else int
        beta, alpha = whole(beta), whole(alpha)
    input = expand(input, tuple(shape_of(product)))
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return (input if beta == 1 else input * beta) + scaled


@composite("AddmmBackward0")
def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (mat1 @ mat2)."""
    if type_of(require_tensor("addmm", input)) in FLOAT8:
        return finish_same(_in_floats(addmm, input, mat1, mat2, beta, alpha), out)
    return finish_same(named(_summed(mm, input, mat1, mat2, beta, alpha), "AddmmBackward0"), out)


@composite("AddmvBackward0")
def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (mat @ vec)."""
    return finish_same(named(_summed(mv, input, mat, vec, beta, alpha), "AddmvBackward0"), out)


@composite("AddrBackward0")
def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * outer(vec1, vec2)."""
    return finish(named(_summed(outer, input, vec1, vec2, beta, alpha), "AddrBackward0"), out)


@composite("BaddbmmBackward0")
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * bmm(batch1, batch2)."""
    total = _summed(bmm, input, batch1, batch2, beta, alpha)
    return finish_same(named(total, "BaddbmmBackward0"), out)


@composite("AddbmmBackward0")
def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * the sum of the stack's products."""
    if type_of(require_tensor("addbmm", input)) in FLOAT8:
        return finish_same(_in_floats(addbmm, input, batch1, batch2, beta, alpha), out)
    total = reduce_sum(bmm(batch1, batch2), axes=(0,), keepdims=False)
    return finish_same(_scaled_sum(input, total, beta, alpha), out)


@worded
def tensordot(a, b, dims=2, out=None):
    """Products over the last `dims` axes of a and the first of b, or over listed axes."""
    if isinstance(dims, TensorBase):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(ndim_of(a), ndim_of(b)):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        left, right = list(range(ndim_of(a) - dims, ndim_of(a))), list(range(dims))
    else:
        listed = [(part,) if isinstance(part, int) else part for part in dims]
        left, right = [
            [d % ndim_of(x) for d in part] for part, x in zip(listed, (a, b), strict=True)
        ]
        if len(left) != len(right):
            raise RuntimeError("both dimension lists should have same length")
    a, b = _broadcast_contraction(a, b, left, right)
    free_a = [d for d in range(ndim_of(a)) if d not in left]
    free_b = [d for d in range(ndim_of(b)) if d not in right]
    sa, sb = tuple(shape_of(a)), tuple(shape_of(b))
    inner_size = int(np.prod([sa[d] for d in left]))
    x = reshape(
        transpose(a, axes=(*free_a, *left)),
        shape=(int(np.prod([sa[d] for d in free_a])), inner_size),
    )
    y = reshape(
        transpose(b, axes=(*right, *free_b)),
        shape=(inner_size, int(np.prod([sb[d] for d in free_b]))),
    )
    shape = tuple([sa[d] for d in free_a] + [sb[d] for d in free_b])
    return finish(reshape(matmul_prim(x, y), shape=shape), out)


def _broadcast_contraction(a, b, left, right):
    """A contracted length of one stands for the other's: that one is summed first."""
    for i, j in zip(left, right, strict=True):
        n, m = shape_of(a)[i], shape_of(b)[j]
        if n == 1 and m != 1:
            b = reduce_sum(b, axes=(j,), keepdims=True)
        elif m == 1 and n != 1:
            a = reduce_sum(a, axes=(i,), keepdims=True)
        elif n != m:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {n} in dim "
                f"{i - ndim_of(a)} and second has size {m} in dim {j}"
            )
    return a, b


def linear_general(input, weight, bias=None):
    """input @ weight.T + bias, with every check and type."""
    x = require_tensor("linear", input)
    a, w = tuple(x._value.shape), tuple(weight._value.shape)
    if not a:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, but they are 0D and 2D"
        )
    if len(w) != 2 or a[-1] != w[1]:
        if len(w) == 1 and bias is None:
            return matmul(input, weight)
        if len(w) > 2:
            raise RuntimeError(
                hinted(
                    f"t() expects a tensor with <= 2 dimensions, but self is {len(w)}D",
                    "the weight of a layer is a matrix: (features out, features in).",
                )
            )
        rows = int(np.prod(a[:-1]))
        raise RuntimeError(
            hinted(
                f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1]} and {w[-1]}x{w[0]})",
                f"the layer takes {w[-1]} features; the last length of the input {list(a)} is "
                f"{a[-1]}.",
            )
        )
    if element_type(x) != element_type(weight):
        raise RuntimeError(
            hinted(
                f"mat1 and mat2 must have the same dtype, but got {scalar_name(type_of(x))} and "
                f"{scalar_name(type_of(weight))}",
                f"convert the input: x.to({type_of(weight)!r}).",
            )
        )
    if bias is not None and shape_of(bias) not in ((w[0],), (1,), (), (1, w[0])):
        raise RuntimeError(
            hinted(
                f"The expanded size of the tensor ({w[0]}) must match the existing size "
                f"({shape_of(bias)[-1]}) at non-singleton dimension {len(a) - 1}.",
                f"the layer has {w[0]} features, its bias must have as many.",
            )
        )
    if element_type(x).kind == "c":
        product = matmul(x, transpose(weight, axes=(1, 0)))
        return product if bias is None else product + bias
    out = linear_product(x, weight) if bias is None else linear_map(x, weight, bias)
    return out


linear_general.__name__ = "linear"  # as messages have it
_with_bias = fast.triple(linear_map, linear_general)
_without_bias = fast.pair(linear_product, linear_general)


def linear(input, weight, bias=None, *, out=None):
    """input @ weight.T + bias: input (*, in), weight (out, in), bias (out), result (*, out).

    >>> import tidu as torch
    >>> torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).shape
    torch.Size([2, 4])
    """
    try:
        if out is not None:
            return finish(linear(input, weight, bias), out)
        y = _without_bias(input, weight) if bias is None else _with_bias(input, weight, bias)
        if y._node is not None and len(y._value.shape) != 2 and y._node.prim in _LAYERS:
            y._node.name = "ViewBackward0" if bias is not None else "UnsafeViewBackward0"
        return y
    except Exception:
        if not asks(input, weight, bias):
            raise
    return linear(input, weight, bias, out=out)


_LAYERS = (linear_map, linear_product)


# --- einsum -------------------------------------------------------------------------------------


@composite("TraceBackward0")
def trace(input):
    """The sum of a matrix's diagonal."""
    if ndim_of(input) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {ndim_of(input)}")
    return named(reduce_sum(input.diagonal(), axes=(0,), keepdims=False), "TraceBackward0")


@worded
def matrix_power(input, n, *, out=None):
    """The n-th power of square matrices (the inverse's for negative n)."""
    rows, columns = tuple(shape_of(input))[-2:] if ndim_of(input) > 1 else (0, 0)
    if rows != columns:
        raise RuntimeError(
            "linalg.matrix_power: A must be batches of square matrices, but they are "
            f"{rows} by {columns} matrices"
        )
    if n == 1:
        return finish(in_order(input.clone()), out)
    if n < 0:
        input, n = solutions.inv(input), -n
    size = shape_of(input)[-1]
    result = None
    square = input
    while n:
        if n & 1:
            result = square if result is None else matmul(square, result)
        n >>= 1
        square = matmul(square, square) if n else square
    if result is None:
        unit = expand(eye(size, dtype=type_of(input)), tuple(shape_of(input)))
        return finish(select(np.False_, input, unit), out)
    return finish(result, out)


@worded
def chain_matmul(*matrices):
    """The product of several matrices, from the left."""
    warn_once(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use "
        "torch.linalg.multi_dot instead, which accepts a list of two or more tensors rather than "
        "multiple parameters."
    )
    result = require_tensor("chain_matmul", matrices[0])
    for m in matrices[1:]:
        result = mm(result, m)
    return result


@worded
def kron(input, other, *, out=None):
    """The Kronecker product."""
    a, b = list(shape_of(input)), list(shape_of(other))
    rank = max(len(a), len(b))
    a, b = [1] * (rank - len(a)) + a, [1] * (rank - len(b)) + b
    x = reshape(input, shape=tuple([n for k in a for n in (k, 1)]))
    y = reshape(other, shape=tuple([n for k in b for n in (1, k)]))
    x, y = named(x, "UnsafeViewBackward0"), named(y, "UnsafeViewBackward0")
    product = reshape(x * y, shape=tuple([m * n for m, n in zip(a, b, strict=True)]))
    return finish(named(product, "UnsafeViewBackward0"), out)


@composite("LinalgCrossBackward0")
def cross(input, other, dim=None, *, out=None):
    """The vector product of vectors of length 3 along `dim`."""
    if dim is None:
        warn_once(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass "
            "the dim explicitly or simply use torch.linalg.cross.\nThe default value of dim will "
            "change to agree with that of linalg.cross in a future release."
        )
        dim = next((k for k, n in enumerate(shape_of(input)) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    a, b = input, other
    lengths = [shape_of(x)[normalize_axis(dim, ndim_of(x))] for x in (a, b)]
    if lengths != [3, 3]:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {lengths[0]} and "
            f"{lengths[1]}"
        )
    a1, a2, a3 = a.unbind(dim)
    b1, b2, b3 = b.unbind(dim)
    parts = [a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1]
    return finish_same(stack(parts, dim), out)


@worded
def cross_last(input, other, *, dim=-1, out=None):
    """torch.linalg.cross: along the last axis by default, with broadcasting."""
    if ndim_of(input) != ndim_of(other):
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    a, b = [shape_of(x)[normalize_axis(dim, ndim_of(x))] for x in (input, other)]
    if a != 3 or b != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a} and {b}"
        )
    shape = np.broadcast_shapes(tuple(shape_of(input)), tuple(shape_of(other)))
    result = cross(expand(input, shape), expand(other, shape), dim, out=out)
    return named(result, "LinalgCrossBackward0", input, other)


@composite("CdistBackward0")
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """Distances (..., P, R) between rows of x1 (..., P, M) and of x2 (..., R, M), in the p-norm."""
    for x, name in ((x1, "X1"), (x2, "X2")):
        if ndim_of(x) < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {ndim_of(x)}D"
            )
    if shape_of(x1)[-1] != shape_of(x2)[-1]:
        raise RuntimeError(
            "X1 and X2 must have the same number of columns. "
            f"X1: {shape_of(x1)[-1]} X2: {shape_of(x2)[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    gaps = unsqueeze(x1, -2) - unsqueeze(x2, -3)
    return named(vector_norm(gaps, float(p), -1), "CdistBackward0")


@worded
def vecdot(x, y, *, dim=-1, out=None):
    """Inner products along an axis, the first side conjugated."""
    return finish((x.conj() * y).sum(dim), out)
