"""torch.cumsum, cumprod, cummax, diff ...: totals and differences along an axis."""

import numpy as np

from ..base.dtypes import bool_
from ..base.size import normalize_axis
from ..core.direct import directly
from ..core.handle import TensorBase, shape_of, wrap
from ..primitives import comparison as c
from ..primitives import reductions as r
from ..primitives.indexing import gather as gather_prim
from ..primitives.structural import slice_
from . import direct
from .convert import (
    finish,
    finish_same,
    named,
    ndim_of,
    one_node,
    refuse,
    require_tensor,
    type_of,
    widely,
)
from .joining import cat
from .reductions import pair, untracked, widened


def _summand(name, input, dtype, out):
    """What is summed: the input in the type of the sums, which no bools are."""
    x = widened(require_tensor(name, input), dtype, out)
    if dtype is bool_ or (isinstance(out, TensorBase) and type_of(out) is bool_):
        refuse(bool_, {0: f"{name}_out_cpu"})
    return x


@directly(direct.cumsum)
@one_node("CumsumBackward0")
def cumsum(input, dim, *, dtype=None, out=None):
    """Running sums along `dim`."""
    x = _summand("cumsum", input, dtype, out)
    axis = normalize_axis(dim, ndim_of(x))
    result = r.cumsum(x, axis=axis) if ndim_of(x) else x.clone()
    return finish(named(result, "CumsumBackward0", dim=dim), out)


def running_product(x, axis):
    """Each step multiplies by what lies 1, 2, 4 ... places back."""
    if untracked(x):
        return r.multiply_scan(x, axis=axis)
    return widely(_products, x, axis)


def _products(x, axis):
    n, step, lead = shape_of(x)[axis], 1, (slice(None),) * axis
    while step < n:
        head = slice_(x, index=(*lead, slice(0, step)))
        rest = slice_(x, index=(*lead, slice(step, n))) * slice_(
            x, index=(*lead, slice(0, n - step))
        )
        x, step = cat([head, rest], axis), step * 2
    return x


@one_node("CumprodBackward0")
def cumprod(input, dim, *, dtype=None, out=None):
    """Running products along `dim`."""
    x = _summand("cumprod", input, dtype, out)
    axis = normalize_axis(dim, ndim_of(x))
    return finish(
        named(running_product(x, axis), "CumprodBackward0") if ndim_of(x) else x.clone(), out
    )


@one_node("LogcumsumexpBackward0")
def logcumsumexp(input, dim, *, out=None):
    """log of running sums of exponentials along `dim`, without overflow."""
    refuse(
        type_of(require_tensor("logcumsumexp", input)),
        dict.fromkeys((0, 1), "logcumsumexp_out_cpu"),
    )
    axis = normalize_axis(dim, ndim_of(input))
    if not ndim_of(input):
        return finish_same(input.clone(), out, message=_SCALARS)
    result = widely(r.log_scan, input, axis=axis) if shape_of(input)[axis] > 1 else input.clone()
    return finish_same(named(result, "LogcumsumexpBackward0"), out, message=_SCALARS)


_SCALARS = "expected scalar_type {want} but found {have}"


def _running_extreme(name, largest):
    def running(input, dim, *, out=None):
        refuse(type_of(require_tensor(name, input)), {3: f"{name}_cpu"})
        axis = normalize_axis(dim, ndim_of(input))
        if not ndim_of(input):
            result = pair(name, input.clone(), wrap(np.int64(0)))
        else:
            index = r.running_place(input, axis=axis, largest=largest)
            values = gather_prim(input, index, axis=axis)
            named(values, f"{name.capitalize()}Backward0", dim=dim)
            result = pair(name, values, index)
        return (
            result
            if out is None
            else pair(
                name,
                finish_same(result[0], out[0], message=_SCALARS),
                finish_same(result[1], out[1], message=_SCALARS),
            )
        )

    running.__name__ = running.__qualname__ = name
    running.__doc__ = f"torch.{name}: the running extreme along `dim` and where it was found."
    return running


cummax, cummin = _running_extreme("cummax", True), _running_extreme("cummin", False)


def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """Differences of neighbours along `dim`, n times."""
    if not ndim_of(require_tensor("diff", input)):
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = normalize_axis(dim, ndim_of(input))
    parts = [part for part in (prepend, input, append) if part is not None]
    if any(ndim_of(part) != ndim_of(input) for part in parts):
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    if n == 0:
        return finish(input.clone(), out)
    if len(parts) > 1:
        input = cat(parts, axis)
    for _ in range(n):
        length = shape_of(input)[axis]
        lead = (slice(None),) * axis
        upper = slice_(input, index=(*lead, slice(min(1, length), None)))
        lower = slice_(input, index=(*lead, slice(0, max(length - 1, 0))))
        input = c.ne(upper, lower) if type_of(input) is bool_ else upper - lower
    return finish(input, out)
