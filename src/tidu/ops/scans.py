"""torch.cumsum, cumprod, cummax, diff ...: totals and differences along an axis."""

import numpy as np

from ..core.handle import concrete, shape_of, wrap
from ..dtypes import bool_
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives import functions as f
from ..primitives import reductions as r
from ..primitives.indexing import gather as gather_prim
from ..primitives.structural import slice_
from ..size import normalize_axis
from .convert import finish, named, ndim_of, require_tensor, type_of
from .joining import cat
from .reductions import pair, untracked, widened


def cumsum(input, dim, *, dtype=None, out=None):
    """Running sums along `dim`."""
    x = widened(require_tensor("cumsum", input), dtype)
    axis = normalize_axis(dim, ndim_of(x))
    return finish(r.cumsum(x, axis=axis) if ndim_of(x) else x.clone(), out)


def running_product(x, axis):
    """Each step multiplies by what lies 1, 2, 4 ... places back."""
    if untracked(x):
        return r.multiply_scan(x, axis=axis)
    n, step, lead = shape_of(x)[axis], 1, (slice(None),) * axis
    while step < n:
        head = slice_(x, index=(*lead, slice(0, step)))
        rest = slice_(x, index=(*lead, slice(step, n))) * slice_(x, index=(*lead, slice(0, n - step)))
        x, step = cat([head, rest], axis), step * 2
    return x


def cumprod(input, dim, *, dtype=None, out=None):
    """Running products along `dim`."""
    x = widened(require_tensor("cumprod", input), dtype)
    axis = normalize_axis(dim, ndim_of(x))
    return finish(named(running_product(x, axis), "CumprodBackward0") if ndim_of(x) else x.clone(), out)


def logcumsumexp(input, dim, *, out=None):
    """log of running sums of exponentials along `dim`, without overflow."""
    axis = normalize_axis(dim, ndim_of(input))
    peak = r.amax(input.detach(), axes=(axis,), keepdims=True)
    peak = p.select(c.isfinite(peak), peak, p.zeros_like(peak))
    return finish(f.log(r.cumsum(f.exp(input - peak), axis=axis)) + peak, out)


def _running_extreme(name, ufunc, better):
    def running(input, dim, *, out=None):
        axis = normalize_axis(dim, ndim_of(input))
        x = concrete(input)
        best = ufunc.accumulate(x, axis)
        places = np.arange(x.shape[axis]).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        here = np.where((x == best) | (np.isnan(x) if x.dtype.kind == "f" else False), places, 0)
        index = wrap(np.maximum.accumulate(here, axis))
        return pair(name, gather_prim(input, index, axis=axis), index)

    running.__name__ = running.__qualname__ = name
    running.__doc__ = f"torch.{name}: the running extreme along `dim` and where it was found."
    return running


cummax = _running_extreme("cummax", np.maximum, np.greater_equal)
cummin = _running_extreme("cummin", np.minimum, np.less_equal)


def diff(input, n=1, dim=-1, prepend=None, append=None):
    """Differences of neighbours along `dim`, n times."""
    axis = normalize_axis(dim, ndim_of(input))
    parts = [part for part in (prepend, input, append) if part is not None]
    if len(parts) > 1:
        input = cat(parts, axis)
    for _ in range(n):
        length = shape_of(input)[axis]
        lead = (slice(None),) * axis
        upper = slice_(input, index=(*lead, slice(1, None)))
        lower = slice_(input, index=(*lead, slice(0, length - 1)))
        input = c.ne(upper, lower) if type_of(input) is bool_ else upper - lower
    return input


