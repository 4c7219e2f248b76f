"""torch.trapezoid, gradient, cov, histogram ...: sums, slopes and counts of sampled data."""

import math

import numpy as np

from ..base.dtypes import DEFAULT, int64
from ..base.dtypes import bool as boolean
from ..base.size import listed, normalize_axis
from ..base.tree import struct_sequence
from ..core.handle import TensorBase, concrete, element_type, shape_of, wrap
from ..primitives import comparison as c
from ..primitives.base import reshape
from ..primitives.define import nondifferentiable
from .convert import convert, finish, named, ndim_of, refuse, require_tensor, type_of
from .creation import full_like
from .examples import each_example
from .flags import strict
from .formats import ordered
from .joining import cat, stack, unbind
from .linalg import matmul
from .reductions import mean
from .reductions import sum as total
from .scans import cumsum
from .shapes import unsqueeze
from .underived import no_derivative, underived


def _between(x, axis, start, stop):
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _panels(name, y, x, dx, dim):
    """(the area of each panel between neighbouring samples, the axis)."""
    axis = normalize_axis(dim, ndim_of(require_tensor(name, y, "y")))
    if isinstance(dx, (bool, np.bool_)) or isinstance(x, (bool, np.bool_)):
        raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
    for given in (y, x):
        if isinstance(given, TensorBase) and element_type(given).kind == "b":
            letter = "y" if given is y else "x"
            raise RuntimeError(
                f"{name}: received a bool input for `{letter}`, but bool is not supported"
            )
    heights = _between(y, axis, None, -1) + _between(y, axis, 1, None)
    if x is None:
        if isinstance(dx, complex):
            return heights * (dx / 2), axis
        return heights * dx / 2.0, axis
    return heights * _widths(name, x, y, axis) / 2.0, axis


def _widths(name, x, y, axis):
    """The distances of the sample points, along the axis of `y`."""
    if ndim_of(x) == 1:
        if shape_of(x)[0] != shape_of(y)[axis]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = reshape(x, shape=(shape_of(x)[0],) + (1,) * (ndim_of(y) - axis - 1))
        return _between(x, 0, 1, None) - _between(x, 0, None, -1)
    lead = ndim_of(y) - ndim_of(x)
    if lead > 0:
        x = reshape(x, shape=(1,) * lead + tuple(shape_of(x)))
    axis += max(-lead, 0)
    return _between(x, axis, 1, None) - _between(x, axis, None, -1)


def _points(args, x):
    """The sample points from trapezoid(y, x) or trapezoid(y, x=x)."""
    if args:
        return args[0]
    return x


def trapezoid(y, *args, x=None, dx=1, dim=-1):
    """The integral of samples `y` along `dim`, at the points `x` or `dx` apart, by the trapezoidal
    rule.

    >>> import tidu as torch
    >>> torch.trapezoid(torch.tensor([1., 5., 10.]), dx=2)
    tensor(21.)
    """
    points = _points(args, x)
    dim = args[1] if len(args) > 1 else dim
    if not shape_of(y)[normalize_axis(dim, ndim_of(y))]:
        shape = [n for a, n in enumerate(shape_of(y)) if a != normalize_axis(dim, ndim_of(y))]
        return wrap(np.zeros(shape, element_type(y)))
    areas, axis = _panels("trapezoid", y, points, dx, dim)
    if points is None and type_of(y).category == 2:
        # All of them, less half of the ends: fewer roundings.
        ends = _between(y, axis, None, 1) + _between(y, axis, -1, None)
        return (total(y, axis) - total(ends, axis) * 0.5) * dx
    return total(areas, axis)


trapz = trapezoid


def cumulative_trapezoid(y, *args, x=None, dx=1, dim=-1):
    """The integral up to each sample but the first, along `dim`."""
    points = _points(args, x)
    areas, axis = _panels("cumulative_trapezoid", y, points, dx, args[1] if len(args) > 1 else dim)
    return cumsum(areas, axis)


# --- slopes ---------------------------------------------------------------------------------------


@ordered
def gradient(input, *, spacing=None, dim=None, edge_order=1):
    """Second-order estimates of the slope along each axis (or those of `dim`), as a tuple.

    `spacing`: one number, one for each axis, or the coordinates of each axis as tensors.

    >>> import tidu as torch
    >>> torch.gradient(torch.tensor([1., 4., 9., 16.]))
    (tensor([3., 4., 6., 7.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    axes = _gradient_axes(require_tensor("gradient", input), spacing, dim)
    steps = _gradient_steps(spacing, axes)
    for axis, step in zip(axes, steps, strict=True):
        _check_slope(input, axis, step, edge_order)
    x = convert(input, DEFAULT.dtype) if type_of(input).category < 2 else input
    return tuple([_slope(x, a, h, edge_order) for a, h in zip(axes, steps, strict=True)])


def _gradient_axes(input, spacing, dim):
    rank = ndim_of(input)
    dims = range(rank) if dim is None else listed(dim)
    if dim is None and isinstance(spacing, (list, tuple)) and len(spacing) not in (1, rank):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"equal to 'self.dim() = {rank}', since dim argument was not given, but got a list of "
            f"length {len(spacing)}"
        )
    axes = [normalize_axis(d, rank) for d in dims]
    for k, axis in enumerate(axes):
        if axis in axes[:k]:
            raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
    return axes


def _gradient_steps(spacing, axes):
    if spacing is None:
        return [1.0] * len(axes)
    if not isinstance(spacing, (list, tuple)):
        return [spacing] * len(axes)
    if len(spacing) != len(axes):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim "
            f"arguments to have the same length, but got a spacing argument of length "
            f"{len(spacing)} and a dim argument of length {len(axes)}."
        )
    return list(spacing)


def _check_slope(input, axis, step, edge_order):
    size = shape_of(input)[axis]
    if size < edge_order + 1:
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1"
        )
    if isinstance(step, TensorBase) and ndim_of(step):
        if ndim_of(step) != 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got "
                f"an element with {ndim_of(step)} dimensions!"
            )
        if shape_of(step)[0] != size:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have the same length as the "
                "corresponding dimension of the input"
            )


def _slope(x, axis, step, edge_order):
    """Parabolas through three neighbours; lines or parabolas at the two ends."""
    n = shape_of(x)[axis]
    at = lambda i, j=None: _between(x, axis, i, j)
    if isinstance(step, TensorBase) and ndim_of(step):
        gaps = reshape(step[1:] - step[:-1], shape=(n - 1,) + (1,) * (ndim_of(x) - axis - 1))
        before, after = gaps[:-1], gaps[1:]
        one = lambda i: gaps[i : i + 1]
    else:
        before = after = step
        one = lambda i: step
    middle = (
        -after / (before * (before + after)) * at(None, -2)
        + (after - before) / (before * after) * at(1, -1)
        + before / (after * (before + after)) * at(2)
    )
    if edge_order == 1:
        first, last = (at(1, 2) - at(0, 1)) / one(0), (at(n - 1) - at(n - 2, n - 1)) / one(n - 2)
    else:
        first = _end(at(0, 1), at(1, 2), at(2, 3), one(0), one(1))
        last = -_end(at(n - 1), at(n - 2, n - 1), at(n - 3, n - 2), one(n - 2), one(n - 3))
    return cat([first, middle, last], axis) if n > 2 else cat([first, last], axis)


def _end(a, b, d, h, k):
    """The slope at `a` of the parabola through a, b, d, which lie h and k apart."""
    return -(2 * h + k) / (h * (h + k)) * a + (h + k) / (h * k) * b - h / (k * (h + k)) * d


# --- covariances ----------------------------------------------------------------------------------


def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables (rows) from observations (columns).

    >>> import tidu as torch
    >>> torch.cov(torch.tensor([[0., 1., 2.], [2., 1., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x = require_tensor("cov", input)
    if ndim_of(x) > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{ndim_of(x)} dimensions"
        )
    if element_type(x).kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    rows = reshape(x, shape=(1, math.prod(shape_of(x)))) if ndim_of(x) < 2 else x
    count = shape_of(rows)[1]
    weights = _weights(fweights, aweights, count)
    if weights is None:
        norm, middle = count - correction, mean(rows * 1.0, 1, True)
    else:
        sum_weights = total(weights)
        middle = total(rows * weights, 1, True) / sum_weights
        norm = sum_weights - correction
        if aweights is not None and correction:
            norm = sum_weights - correction * total(weights * aweights) / sum_weights
    centred = rows - middle
    other = centred if weights is None else centred * weights
    norm = max(norm, 0) if not isinstance(norm, TensorBase) else norm.clamp(min=0)
    product = matmul(centred, other.transpose(0, 1).conj()) / norm
    return product.squeeze()


def _weights(fweights, aweights, count):
    weights = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        if ndim_of(given) > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                f"{ndim_of(given)} dimensions"
            )
        whole = type_of(given).category == 1
        if name == "fweights" and not whole:
            raise RuntimeError(
                "cov(): expected fweights to have integral dtype but got fweights with "
                f"{type_of(given)} dtype"
            )
        if name == "aweights" and type_of(given).category != 2:
            raise RuntimeError(
                "cov(): expected aweights to have floating point dtype but got aweights with "
                f"{type_of(given)} dtype"
            )
        if math.prod(shape_of(given)) != count:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {math.prod(shape_of(given))} != {count}"
            )
        if given._value.dtype is not None and np.any(concrete(given) < 0):
            raise RuntimeError(f"cov(): {name} cannot be negative")
        weights = given if weights is None else weights * given
    return weights


def corrcoef(input):
    """The correlation matrix of variables (rows) from observations (columns)."""
    x = require_tensor("corrcoef", input)
    if ndim_of(x) > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{ndim_of(x)} dimensions"
        )
    matrix = cov(x)
    if not ndim_of(matrix):
        return matrix / matrix
    deviations = matrix.diagonal().real.sqrt()
    ratio = matrix / unsqueeze(deviations, -1) / unsqueeze(deviations, -2)
    if type_of(ratio).is_complex:
        return _unit_complex(ratio)
    return ratio.clamp(-1, 1)


def _unit_complex(ratio):
    """Both parts within [-1, 1]."""
    return ratio.real.clamp(-1, 1) + 1j * ratio.imag.clamp(-1, 1)


# --- histograms -----------------------------------------------------------------------------------

HISTOGRAM = struct_sequence("histogram", "hist bin_edges")
HISTOGRAMDD = struct_sequence("histogramdd", "hist bin_edges")


def _edges(name, x, bins, range, kind):
    """The edges of the bins of one coordinate: as given, or evenly spaced over the range."""
    if isinstance(bins, TensorBase):
        return concrete(bins)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if range is not None:
        low, high = range
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(f"torch.{name}: range [{low}, {high}] is not finite")
        if low > high:
            raise RuntimeError("torch.histogramdd: min should not exceed max, but got")
    else:
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1).astype(kind)


def _counted(points, edges, weight, density, kind):
    """The (weighted) number of the points (n, d) in each cell."""
    weights = None if weight is None else concrete(weight).reshape(-1)
    sizes = [len(e) - 1 for e in edges]
    inside, cell = np.ones(len(points), bool), np.zeros(len(points), np.int64)
    for axis, e in enumerate(edges):
        x = points[:, axis]
        inside &= (x >= e[0]) & (x <= e[-1])
        # The last bin holds its upper edge too.
        place = np.minimum(np.searchsorted(e, x, "right") - 1, sizes[axis] - 1)
        cell = cell * sizes[axis] + np.maximum(place, 0)
    chosen = None if weights is None else weights[inside].astype(np.float64)
    counts = np.bincount(cell[inside], chosen, math.prod(sizes)).reshape(sizes).astype(np.float64)
    if density:
        with np.errstate(invalid="ignore", divide="ignore"):
            counts = counts / counts.sum()
            for axis, e in enumerate(edges):
                shape = [-1 if a == axis else 1 for a in range(len(edges))]
                counts = counts / np.diff(e).reshape(shape)
    return counts.astype(kind)


@strict
@underived("aten::histogram")
@each_example
def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges): how many elements (or what weight) lie between neighbouring edges."""
    refuse(type_of(require_tensor("histogram", input)), dict.fromkeys((0, 1, 3), "histogram_cpu"))
    kind, x = element_type(input), concrete(input).reshape(-1)
    edges = _edges("histogramdd", x, bins, range, kind)
    hist = _counted(x[:, None], [edges], weight, density, kind)
    edges = edges.copy()  # they may be the memory of `bins`
    if out is not None:
        return HISTOGRAM((finish(wrap(hist), out[0]), finish(wrap(edges), out[1])))
    return HISTOGRAM((wrap(hist), wrap(edges)))


def histogramdd(input, bins, *, range=None, weight=None, density=False):
    """(hist, bin_edges) of points with several coordinates, the last axis of `input`."""
    shape = tuple(shape_of(require_tensor("histogramdd", input)))
    if len(shape) < 2:
        raise RuntimeError(
            "torch.histogramdd: input tensor should have at least 2 dimensions, but got "
            f"{len(shape)}"
        )
    count = shape[-1]
    each = [bins] * count if isinstance(bins, int) else list(bins)
    if len(each) != count:
        raise RuntimeError(
            f"torch.histogramdd: expected {count} sequences of bin edges for a {count}-dimensional "
            f"histogram but got {len(each)}"
        )
    kind, points = element_type(input), concrete(input).reshape(-1, count)
    ranges = [None] * count
    if range is not None:
        ranges = list(zip(range[::2], range[1::2], strict=True))
    edges = [
        _edges("histogramdd", points[:, i], each[i], ranges[i], kind) for i, _ in enumerate(each)
    ]
    hist = _counted(points, edges, weight, density, kind)
    found = HISTOGRAMDD((wrap(hist), tuple([wrap(e) for e in edges])))
    given = "cts" if isinstance(bins, int) or isinstance(each[0], int) else "tensors"
    sources = [t for t in (input, weight, *each) if isinstance(t, TensorBase)]
    return no_derivative(found, f"aten::_histogramdd_from_bin_{given}", *sources)


# --- places ---------------------------------------------------------------------------------------


def unravel_index(indices, shape):
    """The coordinates in an array of the given shape of places in its flat form, as a tuple."""
    require_tensor("unravel_index", indices, "indices")
    if type_of(indices).category != 1:
        raise TypeError(
            f"expected 'indices' to be an integer tensor, but got dtype {type_of(indices)}"
        )
    sizes = (shape,) if isinstance(shape, int) else tuple([int(n) for n in shape])
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    found, step = [], 1
    for n in reversed(sizes):
        found.append(c.floor_divide(indices, step) % n)
        step *= n
    return unbind(stack(found[::-1], -1), -1) if found else ()


@each_example
def nonzero_static(input, *, size, fill_value=-1, out=None):
    """The places of the non-zero elements, cut or filled with `fill_value` to `size` rows."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    places = np.argwhere(concrete(require_tensor("nonzero_static", input)))[:size]
    rows = np.full((size, ndim_of(input)), fill_value, np.int64)
    rows[: len(places)] = places
    return finish(wrap(rows), out)


def isreal(input):
    """Whether each element has no imaginary part."""
    if type_of(input).is_complex:
        return c.eq(input.imag, 0)
    require_tensor("isreal", input)
    return full_like(input, True, dtype=boolean)


nearest_power = nondifferentiable(
    "frexp", lambda x: np.frexp(x.astype(np.float64))[1].astype(np.int32), ("x",),
    tex="floor(log2(abs(x))) + 1",
)  # fmt: skip
FREXP = struct_sequence("frexp", "mantissa exponent")


def frexp(input, *, out=None):
    """(mantissa, exponent): input = mantissa · 2^exponent with 0.5 <= |mantissa| < 1."""
    if type_of(require_tensor("frexp", input)).category != 2:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    exponent = nearest_power(input.detach())
    whole = exponent.to(int64)
    half = whole // 2  # in two factors: that of a subnormal number is larger than all numbers
    mantissa = input
    for power in (half, whole - half):
        mantissa = mantissa * 2.0 ** (-power).to(type_of(input))
    mantissa = named(mantissa, "FrexpBackward0", input, exponent=exponent)
    if out is not None:
        return FREXP((finish(mantissa, out[0]), finish(exponent, out[1])))
    return FREXP((mantissa, exponent))
