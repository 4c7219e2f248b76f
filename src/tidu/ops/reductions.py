"""torch.sum, mean, max, std, norm, var ...: many elements become fewer."""

import math
import warnings

import numpy as np

from ..base.dtypes import DEFAULT, bfloat16, bool_, float16, float32, int64, uint8
from ..base.errors import hinted
from ..base.frames import user_depth
from ..base.size import listed, normalize_axes, normalize_axis
from ..base.tree import struct_sequence
from ..core import fast
from ..core.direct import array, directly
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.native import NATIVE, SUM_FROM
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from ..primitives import functions as f
from ..primitives import reductions as r
from ..primitives.base import reduce_sum, reshape, sum_to
from ..primitives.indexing import gather as gather_prim
from ..primitives.products import product
from . import direct
from .arithmetic import maximum, minimum
from .convert import (
    RESULT,
    Later,
    convert,
    finish,
    finish_same,
    fits_out,
    named,
    ndim_of,
    one_node,
    refuse,
    require_tensor,
    scalar_name,
    showing,
    type_of,
)
from .flags import require_bool

values_indices = {
    name: struct_sequence(name, "values indices")
    for name in (
        "max",
        "min",
        "sort",
        "topk",
        "median",
        "nanmedian",
        "mode",
        "kthvalue",
        "cummax",
        "cummin",
    )
}


def pair(name, values, indices):
    return values_indices[name]((values, indices))


def axes_of(input, dim):
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim_of(input)))
    return normalize_axes(dim, ndim_of(input))


_OF_C = {
    "float64": "double", "float32": "float", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "int64": "long int", "int32": "int", "int16": "short int", "int8": "signed char",
    "uint64": "long unsigned int", "uint32": "unsigned int", "uint16": "short unsigned int",
    "uint8": "unsigned char", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}  # fmt: skip


def widened(input, dtype, out=None):
    """Integers and bools are summed as int64, what goes into an `out` in its type."""
    if isinstance(out, TensorBase) and type_of(out) is not bool_:
        if dtype is not None and dtype is not type_of(out):
            want, have = [_OF_C.get(kind.name, kind.name) for kind in (dtype, type_of(out))]
            raise RuntimeError(
                hinted(
                    f"Expected out tensor to have dtype {want}, but got {have} instead",
                    f"leave out dtype, or give a tensor of type {dtype}.",
                )
            )
        dtype = type_of(out)
    if dtype is not None:
        return convert(input, dtype)
    kind = type_of(input)
    return convert(input, int64) if kind.category < 2 else input


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum of all elements, or along `dim` (an int or several).

    >>> import tidu as torch
    >>> torch.sum(torch.ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    if keepdim.__class__ is not bool:
        require_bool("sum", 2, keepdim=keepdim)
    x = widened(require_tensor("sum", input), dtype, out)
    axes = axes_of(x, dim)
    result = reduce_sum(x, axes=axes, keepdims=keepdim)
    if dtype is bool_:
        result = convert(result, bool_)
    return finish(result if dim is None else showing(result, "SumBackward1", dim=_told(dim)), out)


sum = fast.reduction(reduce_sum, sum)


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of all elements, or along `dim`. The input must be floating point or complex."""
    if keepdim.__class__ is not bool:
        require_bool("mean", 2, keepdim=keepdim)
    x = require_tensor("mean", input) if dtype is None else convert(input, dtype)
    if type_of(x).category < 2:
        raise RuntimeError(
            hinted(
                "mean(): could not infer output dtype. Input dtype must be either a floating "
                "point or "
                f"complex dtype. Got: {scalar_name(type_of(x))}",
                "write x.float().mean(), or x.mean(dtype=torch.float32).",
            )
        )
    if not fits_out(type_of(x), out):
        raise RuntimeError(
            "mean.dtype_out(): input types can't be cast to the desired output type "
            f"{scalar_name(type_of(out))}"
        )
    result = r.mean(x, axes=axes_of(x, dim), keepdims=keepdim)
    return finish(result if dim is None else showing(result, "MeanBackward1", dim=_told(dim)), out)


mean = fast.reduction(r.mean, mean)


@one_node("NansumBackward0")
def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum with NaN counted as zero."""
    if type_of(require_tensor("nansum", input)).is_complex:
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if isinstance(out, TensorBase):
        if dtype is not None and dtype is not type_of(out):
            have, want = scalar_name(type_of(out)), scalar_name(dtype)
            raise RuntimeError(
                f"nansum: provided dtype must match dtype of result. Got {have} and {want}."
            )
        refuse(type_of(out), dict.fromkeys((0, 1), "nansum_cpu"))
    clean = p.select(c.isnan(input), p.zeros_like(input), input)
    return sum(clean, dim, keepdim, dtype=dtype, out=out)


def _told(dim):
    """The axes as PyTorch's nodes have them."""
    return () if dim is None else listed(dim)


def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of the elements that are not NaN."""
    there = convert(c.logical_not(c.isnan(input)), type_of(input))
    return finish(nansum(input, dim, keepdim, dtype=dtype) / sum(there, dim, keepdim), out)


@directly(direct.prod)
@one_node()
def prod(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The product of all elements, or along one `dim`."""
    x = widened(require_tensor("prod", input), dtype, out)
    if dim is None:
        if ndim_of(x) != 1:
            x = reshape(x, shape=(math.prod(shape_of(x)),))
        axis, keepdim = 0, False
    else:
        axis = normalize_axis(dim, ndim_of(x))
        if not ndim_of(x):
            return finish(x.clone(), out)
    name = "ProdBackward0" if dim is None else "ProdBackward1"
    return finish(named(product(x, axes=(axis,), keepdims=keepdim), name), out)


def untracked(x):
    """Whether nothing is derived through `x`, so that a direct kernel may be used."""
    return x._node is None and x._value.dtype is not None


# --- truth --------------------------------------------------------------------------------------


def _truth(name, prim):
    def reduce(input, dim=None, keepdim=False, *, out=None):
        result = prim(require_tensor(name, input), axes=axes_of(input, dim), keepdims=keepdim)
        if type_of(input) is uint8:
            return finish(convert(result, uint8), out)
        if isinstance(out, TensorBase) and type_of(out) is uint8:
            return finish(result, out)
        return finish_same(result, out, message=name + " only supports bool tensor for result, "
                           "got: {have}")  # fmt: skip

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = (
        f"torch.{name}: whether {name} element is nonzero, of the whole or along `dim`."
    )
    return directly(_of_few(prim, "?fdlq", None))(reduce)


def _of_few(prim, kinds, whole):
    """What the fast path knows of a reduction: few elements of types that NumPy reduces as they
    are, all of them (if `dim` is `whole`) or along one axis."""

    def compute(input, dim=whole, keepdim=False):
        x = array(input)
        if x.dtype.char not in kinds or not 0 < x.size <= _MOST or keepdim.__class__ is not bool:
            return None
        axes = tuple(range(x.ndim)) if dim is whole else (direct.axis_in(dim, x.ndim),)
        return prim.eval(x, axes=axes, keepdims=keepdim)

    return compute


_MOST = 1 << 11  # elements


all, any = _truth("all", r.all_), _truth("any", r.any_)


def count_nonzero(input, dim=None):
    """How many elements are not zero."""
    return sum(c.ne(input, 0), dim)


# --- extrema ------------------------------------------------------------------------------------


def _amax(name, prim):
    def reduce(input, dim=(), keepdim=False, *, out=None):
        _refuse_empty(name, input, dim)
        refuse(type_of(input), {3: f"{name[1:]}_values_cpu"})
        result = prim(input, axes=axes_of(input, dim), keepdims=keepdim)
        showing(result, prim.torch_name, dim=_told(dim))
        return finish_same(result, out, message=_UNLIKE)

    reduce.__name__ = reduce.__qualname__ = name
    reduce.__doc__ = f"torch.{name}: the extreme along `dim`; equal extremes share the gradient."
    return directly(_of_few(prim, "fdlq", ()))(reduce)


def _refuse_empty(name, input, dim):
    shape = tuple(shape_of(require_tensor(name, input)))
    dims = _told(dim)
    axes = axes_of(input, dims or None)
    for axis in axes:
        if shape[axis] == 0:
            if not dims:
                kind = IndexError if name.startswith("arg") else RuntimeError
                raise kind(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                    "Specify the reduction dim with the 'dim' argument."
                )
            raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


amax, amin = _amax("amax", r.amax), _amax("amin", r.amin)


_UNLIKE = (
    "Expected the dtype for input and out to match, but got {want} for input's dtype and {have} "
    "for out's dtype."
)


def aminmax(input, *, dim=None, keepdim=False, out=None):
    """(min, max) of the whole or along `dim`."""
    refuse(type_of(require_tensor("aminmax", input)), {3: "aminmax_cpu"})
    dims = () if dim is None else dim
    if 0 in shape_of(input):
        if dim is None:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                "identity."
            )
        if not shape_of(input)[normalize_axis(dim, ndim_of(input))]:
            raise IndexError(f"aminmax: Expected reduction dim {dim} to have non-zero size.")
    low, high = pair = AMINMAX((amin(input, dims, keepdim), amax(input, dims, keepdim)))
    told = {"self": input, "dim": dim, "keepdim": keepdim}
    named(low, "AminmaxBackward0", input, min=RESULT, max=Later(amax, input, dims, keepdim), **told)
    named(high, "AminmaxBackward0", input, max=RESULT, min=Later(amin, input, dims, keepdim),
          **told)  # fmt: skip
    if out is None:
        return pair
    if not isinstance(out, (tuple, list)):
        raise TypeError(
            f"aminmax(): argument 'out' must be tuple of Tensors, not {type(out).__name__}"
        )
    return AMINMAX([finish_same(part, to) for part, to in zip(pair, out, strict=True)])


AMINMAX = struct_sequence("aminmax", "min max")


def _arg_extreme(name, x, dim, keepdim, largest):
    if dim is None:
        _refuse_empty(name, x, None)
        rank = ndim_of(x)
        flat = reshape(x, shape=(math.prod(shape_of(x)),))
        index = r.arg_extreme(flat, axis=0, largest=largest, keepdims=False)
        return reshape(index, shape=(1,) * rank) if keepdim else index
    axis = normalize_axis(dim, ndim_of(x))
    if not ndim_of(x):
        return wrap(np.int64(0))
    _refuse_empty(name, x, axis)
    return r.arg_extreme(x, axis=axis, largest=largest, keepdims=keepdim)


def _arg(name, largest):
    def where_extreme(input, dim=None, keepdim=False, *, out=None):
        x = require_tensor(name, input)
        if type_of(x).category in (0, 3):
            word = "complex" if type_of(x).is_complex else "bool"
            raise RuntimeError(f"{name}(): does not support {word} input")
        return finish_same(_arg_extreme(name, x, dim, keepdim, largest), out)

    where_extreme.__name__ = where_extreme.__qualname__ = name
    where_extreme.__doc__ = (
        f"torch.{name}: the index of the extreme, of the flat tensor or along `dim`."
    )
    return where_extreme


argmax = directly(direct.argmax)(_arg("argmax", True))
argmin = directly(direct.argmin)(_arg("argmin", False))


def _extreme(name, largest, whole, pairwise):
    def extreme(input, *args, out=None, **kwargs):
        require_tensor(name, input)
        for word in kwargs:
            if word not in ("other", "dim", "keepdim"):
                raise TypeError(f"{name}() got an unexpected keyword argument '{word}'")
        other = args[0] if args else kwargs.get("other", kwargs.get("dim"))
        if isinstance(other, TensorBase):
            return pairwise(input, other, out=out)
        refuse(type_of(input), {3: f"{name}_all" if other is None else f"{name}_cpu"})
        dim = other
        keepdim = kwargs.get("keepdim", args[1] if len(args) > 1 else False)
        if dim is None:
            _refuse_empty(name, input, None)
            result = whole(input, axes=tuple(range(ndim_of(input))), keepdims=False)
            return finish(named(result, f"{name.capitalize()}Backward1"), out)
        if keepdim.__class__ is not bool:
            require_bool(name, 2 if len(args) > 1 else None, keepdim=keepdim)
        axis = normalize_axis(dim, ndim_of(input))
        if not ndim_of(input):
            return _two(name, input.clone(), wrap(np.int64(0)), out)
        _refuse_empty(name, input, axis)
        x = convert(input, uint8) if type_of(input) is bool_ else input
        index = r.arg_extreme(x, axis=axis, largest=largest, keepdims=True)
        values = picked(input, index, axis, keepdim)
        places = index if keepdim else dropped(index, axis)
        node = f"{name.capitalize()}Backward0"
        values = named(values, node, input, dim=dim, keepdim=keepdim, indices=places)
        return _two(name, values, places, out)

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = (
        f"torch.{name}(x), torch.{name}(x, dim, keepdim) -> (values, indices), or "
        f"torch.{name}(x, other) elementwise."
    )
    return extreme


def _two(name, values, places, out):
    """(values, indices), in the tensors `out` where they are given."""
    if out is not None:
        values, places = finish_same(values, out[0]), finish_same(places, out[1])
    return pair(name, values, places)


def dropped(x, axis):
    shape = tuple(shape_of(x))
    return reshape(x, shape=shape[:axis] + shape[axis + 1 :])


def picked(input, index, axis, keepdim):
    values = gather_prim(input, index, axis=axis)
    return values if keepdim else dropped(values, axis)


def _shortly(whole, find):
    """What the fast path knows of an extreme: of all elements, or of rows that lie in order."""

    def short(input, dim=None, keepdim=False):
        x = direct.array(input)
        if x.dtype.char not in "fdl" or not x.size or not x.ndim or keepdim is not False:
            return None
        if dim is None:
            return whole.eval(x, axes=tuple(range(x.ndim)), keepdims=False)
        if dim.__class__ is not int or dim not in (-1, x.ndim - 1) or not x.flags.c_contiguous:
            return None
        if x.ndim == 1:
            return None
        places = find(x, -1)
        starts = np.arange(0, x.size, x.shape[-1]).reshape(places.shape)
        return x.reshape(-1).take(starts + places), places

    return short


def _named_pair(name):
    return lambda values, places: pair(name, values, places)


max = directly(_shortly(r.largest, np.ndarray.argmax), _named_pair("max"))(
    _extreme("max", True, r.largest, maximum)
)
min = directly(_shortly(r.smallest, np.ndarray.argmin), _named_pair("min"))(
    _extreme("min", False, r.smallest, minimum)
)


# --- spread -------------------------------------------------------------------------------------


def _arguments(dim, unbiased, correction):
    """var(x, True), var(x, dim, unbiased, keepdim) and var(x, dim, correction=...)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dim, correction


@directly(direct.var)
@one_node("VarBackward0")
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The variance: squared distance to the mean over (count - correction).

    >>> import tidu as torch
    >>> torch.var(torch.tensor([1., 2., 3.]))
    tensor(1.)
    """
    dim, correction = _arguments(dim, unbiased, correction)
    result = _variance_alone("var", input, dim, correction, keepdim)
    return finish(named(_rounded(result, input), "VarBackward0"), out)


def wide(input):
    """The 16-bit floats as float32, in which PyTorch forms their statistics."""
    return convert(input, float32) if type_of(input) in (float16, bfloat16) else input


def _variance_alone(name, input, dim, correction, keepdim):
    """The variance without the mean: one step for real numbers, if there are any."""
    if type_of(require_tensor("var", input)).category == 2:
        axes = axes_of(input, dim)
        free = r.count_of(shape_of(input), axes) - correction
        if free > 0:
            return r.variance(wide(input), axes=axes, keepdims=keepdim, free=free)
    return _variance(name, input, dim, correction, keepdim)[0]


def _variance(name, input, dim, correction, keepdim):
    """(variance, mean), of the 16-bit floats in float32."""
    if type_of(require_tensor("var", input)).category < 2:
        raise RuntimeError("std and var only support floating point and complex dtypes")
    axes = axes_of(input, dim)
    input = wide(input)
    count = r.count_of(shape_of(input), axes)
    free = count - correction
    center = r.mean(input, axes=axes, keepdims=True)
    total = _squares(input, center, axes, keepdim)
    if count and r.is_rounding(total._value, center._value, count):
        # The mean of equal numbers need not be that number: the rest is in their distances to it.
        rest = r.mean(input.detach() - center.detach(), axes=axes, keepdims=True)
        center = center + rest
        total = _squares(input, center, axes, keepdim)
    if free <= 0:
        warnings.warn(f"{name}(): {_FEW}", UserWarning, stacklevel=user_depth())
    result = total / (free if free > 0 else 0) if count else total * math.nan
    kept = (
        center
        if keepdim
        else reshape(
            center, shape=tuple([n for a, n in enumerate(shape_of(input)) if a not in axes])
        )
    )
    return result, kept


def _squares(x, center, axes, keepdim):
    """The sum of squared distances."""
    off = x - center
    if element_type(off).kind == "c":
        square = p.real(off) * p.real(off) + p.imag(off) * p.imag(off)
    else:
        if untracked(off) and shape_of(off) and off._value.size >= SUM_FROM and NATIVE:
            found = NATIVE.product_sum(off._value, off._value, axes, keepdim)
            if found is not None:
                return wrap(found)
        square = off**2  # of which the slope is one product, of off * off two and a sum
    return reduce_sum(square, axes=axes, keepdims=keepdim)


_FEW = (
    "degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
    "(input numel divided by output numel)."
)


@directly(direct.std)
@one_node("StdBackward0")
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The standard deviation: the root of `var`; its gradient at 0 is 0."""
    dim, correction = _arguments(dim, unbiased, correction)
    variance = _variance_alone("std", input, dim, correction, keepdim)
    return finish(named(_rounded(_root(variance), input), "StdBackward0"), out)


def _rounded(part, input):
    """In the input's type, which sums of 16-bit numbers leave; a complex input's spread is real."""
    return convert(part, type_of(input)) if type_of(input).category == 2 else part


def _root(variance):
    """sqrt whose derivative at 0 is taken as 0."""
    known = not isinstance(variance, TensorBase) or variance._value.dtype is not None
    if known and (untracked(variance) or np.all(variance._value)):
        return f.sqrt(variance)
    at_zero = c.eq(variance, 0)
    return p.select(
        at_zero, p.zeros_like(variance), f.sqrt(p.select(at_zero, variance * 0 + 1, variance))
    )


@one_node("VarMeanBackward0")
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(variance, mean)."""
    dim, correction = _arguments(dim, unbiased, correction)
    pair = _variance("var_mean", input, dim, correction, keepdim)
    return tuple([_rounded(part, input) for part in pair])


@one_node("StdMeanBackward0")
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(standard deviation, mean)."""
    dim, correction = _arguments(dim, unbiased, correction)
    variance, center = _variance("std_mean", input, dim, correction, keepdim)
    return tuple([_rounded(part, input) for part in (_root(variance), center)])


# --- log-sum-exp and softmax --------------------------------------------------------------------


@one_node("LogsumexpBackward0")
def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(input))) along `dim`, without overflow."""
    x = convert(input, DEFAULT.dtype) if type_of(input).category < 2 else input
    if not fits_out(type_of(x), out):
        raise RuntimeError(
            "logsumexp(): Expected floating point type for result tensor, but got: "
            f"{scalar_name(type_of(out))}"
        )
    axes = axes_of(x, dim)
    if math.prod(shape_of(x)) == 0:
        return finish(f.log(reduce_sum(f.exp(x), axes=axes, keepdims=keepdim)), out)
    bulk = p.real(x.detach()) if type_of(x).is_complex else x.detach()
    peak = r.amax(bulk, axes=axes, keepdims=True)
    peak = p.select(c.isfinite(peak), peak, p.zeros_like(peak))
    total = f.log(reduce_sum(f.exp(x - peak), axes=axes, keepdims=keepdim))
    shift = peak if keepdim else reshape(peak, shape=tuple(shape_of(total)))
    return finish(named(total + shift, "LogsumexpBackward0"), out)


def sum_to_size(input, sizes):
    """Summed over the axes that broadcasting from `sizes` had repeated."""
    have, want = tuple(shape_of(input)), tuple(sizes)
    lead = (1,) * (len(have) - len(want))
    wrong = [m for n, m in zip(have, lead + want, strict=False) if m not in (1, n)]
    if wrong or len(want) > len(have):
        raise RuntimeError(f"size {{{list(want)}}} is not expandable to size {{{list(have)}}}.")
    if want == have and want:
        return input
    return sum_to(convert(input, int64) if type_of(input).category < 2 else input, want)
