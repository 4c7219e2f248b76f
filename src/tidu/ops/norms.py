"""torch.linalg.vector_norm, torch.norm, torch.dist: lengths of vectors."""

import math

from ..base.lazy import lazy_module
from ..base.size import listed, normalize_axis
from ..core.direct import directly
from ..core.handle import shape_of
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives import reductions as r
from ..primitives.arithmetic import select
from ..primitives.base import reduce_sum, reshape, transpose
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
    scalar_name,
    type_of,
    widely,
)
from .creation import ones_like
from .flags import strict
from .reductions import axes_of

decompositions = lazy_module("tidu.primitives.decompositions")


@strict(name="linalg_vector_norm")
@one_node("LinalgVectorNormBackward0")
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The `ord`-norm of all elements or along `dim`; the 2-norm's gradient at 0 is 0."""
    x = x if dtype is None else _in_type(x, dtype)
    if type_of(x).category < 2:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(type_of(x))}"
        )
    axes = axes_of(x, dim)
    if ord < 0 or ord == math.inf:
        _refuse_empty(x, axes, ord, dim)
    result = widely(_vector_norm, x, ord, axes, keepdim)
    return finish_same(named(result, "LinalgVectorNormBackward0"), out)


def _in_type(x, dtype):
    """The input as the type that the user gave."""
    if dtype.category < 2:
        raise RuntimeError(
            "linalg.vector_norm: dtype should be floating point or complex, but got "
            f"{scalar_name(dtype)}"
        )
    if dtype.is_complex is not type_of(x).is_complex:
        kind = "complex" if type_of(x).is_complex else "real"
        raise RuntimeError(
            f"linalg.vector_norm: dtype should be {kind} for {kind} inputs, but got "
            f"{scalar_name(dtype)}"
        )
    return convert(x, dtype)


def _vector_norm(x, ord, axes, keepdim):
    size = p.absolute(x) if ord != 2 or type_of(x).is_complex else x
    if ord == math.inf:
        result = r.largest(size, axes=axes, keepdims=keepdim)
    elif ord == -math.inf:
        result = r.smallest(size, axes=axes, keepdims=keepdim)
    elif ord == 0:
        result = reduce_sum(p.nonzero_count(size), axes=axes, keepdims=keepdim)
    elif ord == 1:
        result = reduce_sum(size, axes=axes, keepdims=keepdim)
    elif ord == 2:
        result = r.norm2(size, axes=axes, keepdims=keepdim)
    else:
        result = _root_of_powers(size, float(ord), axes, keepdim)
    return result


def _root_of_powers(size, ord, axes, keepdim):
    """Elements that are zero, and a norm that is, count as constants: their slopes are infinite."""
    zero = c.eq(size, 0)
    powers = p.select(zero, size * 0 + (0.0 if ord > 0 else math.inf), _safe(zero, size) ** ord)
    total = reduce_sum(powers, axes=axes, keepdims=keepdim)
    if ord < 0:
        return total ** (1.0 / ord)
    zero = c.eq(total, 0)
    return p.select(zero, p.zeros_like(total), _safe(zero, total) ** (1.0 / ord))


def _safe(zero, x):
    return p.select(zero, p.zeros_like(x) + 1, x)


def _refuse_empty(x, axes, ord, dim):
    """Extremes and negative powers have no value for no elements."""
    for axis in axes:
        if shape_of(x)[axis] == 0:
            where = (
                "an empty tensor because" if dim is None
                else f"the dimension {axis} because this dimension is empty and"
            )  # fmt: skip
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {ord} norm on {where} the operation does "
                "not have an identity"
            )


@directly(direct.norm)
@strict
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """torch.norm: the 2-norm by default, `p` a number, 'fro' or 'nuc'."""
    if p is None or p == "fro":
        if p is not None and isinstance(dim, (tuple, list)) and len(dim) > 2:
            check_plane(dim)
        p = 2
    if p == "nuc":
        check_plane(tuple(range(ndim_of(input))) if dim is None else dim)
        return finish(_nuclear(convert(input, dtype) if dtype else input, dim, keepdim), out)
    if isinstance(p, str):
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    return vector_norm(input, float(p), dim, keepdim, dtype=dtype, out=out)


def check_plane(dim):
    """Matrices lie in two axes."""
    axes = listed(dim)
    if len(axes) != 2:
        got = " ".join(map(str, axes))
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {got}")


def _nuclear(x, dim, keepdim):
    """The sum of the singular values of matrices in the two axes `dim` (the last two)."""
    rank = ndim_of(x)
    axes = [normalize_axis(a, rank) for a in ((-2, -1) if dim is None else dim)]
    rest = [a for a in range(rank) if a not in axes]
    values = decompositions.svd(transpose(x, axes=(*rest, *axes)))[1]
    total = reduce_sum(values, axes=(len(rest),), keepdims=False)
    if not keepdim:
        return total
    return reshape(total, shape=tuple([1 if a in axes else n for a, n in enumerate(shape_of(x))]))


@composite("DistBackward0")
def dist(input, other, p=2):
    """The p-norm of input - other."""
    return vector_norm(input - other, float(p))


@composite("RenormBackward0")
def renorm(input, p, dim, maxnorm, *, out=None):
    """The entries of `dim`, each scaled down to a p-norm of at most `maxnorm`."""
    if ndim_of(input) < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {ndim_of(input)} dimensions"
        )
    axis = normalize_axis(dim, ndim_of(input))
    others = tuple([a for a in range(ndim_of(input)) if a != axis])
    size = vector_norm(input, float(p), others, True)
    scale = select(c.gt(size, maxnorm), maxnorm / (size + 1e-7), ones_like(size))
    return finish_same(named(in_order(input * scale), "RenormBackward0"), out)


@strict
def frobenius_norm(input, dim, keepdim=False, *, out=None):
    """The 2-norm along at most two axes."""
    axes = listed(dim)
    if len(axes) > 2:
        raise RuntimeError(
            f"Expected at most 2 dimensions, but got {len(axes)} dimensions instead."
        )
    return finish(vector_norm(input, 2, axes or None, keepdim), out)


@strict
def nuclear_norm(input, dim=None, keepdim=False, *, out=None):
    """The sum of the singular values of matrices: of the input, or of those in two axes."""
    if isinstance(dim, bool):  # nuclear_norm(input, keepdim)
        dim, keepdim = None, dim
    return finish(norm(input, "nuc", dim, keepdim), out)


@strict
def norm_except_dim(v, pow=2, dim=0):
    """The norm over all axes but one, which weight_norm divides by; over all for dim=-1."""
    if dim == -1:
        return norm(v, pow)
    others = [axis for axis in range(v.dim()) if axis != dim]
    return vector_norm(v, pow, others, True) if others else p.absolute(v)
