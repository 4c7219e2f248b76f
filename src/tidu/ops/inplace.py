"""x.add_(y), x.zero_(), x.copy_(y) ...: each is its function, then one write to memory.

`inplace(function)` makes the general method; the four of arithmetic have a path without a copy.
"""

import math
import operator
from functools import wraps

import numpy as np
from numpy import ndarray

from ..base.dtypes import can_cast
from ..base.errors import hinted
from ..base.lazy import lazy_module, standing
from ..core.blocks import fill as filled_array
from ..core.handle import (
    TensorBase,
    element_type,
    live_views,
    settle,
    shape_of,
    wrap,
)
from ..core.modes import LOCAL, STATE, grad_enabled
from ..core.retries import worded
from ..core.versions import clock, stamp
from ..primitives.arithmetic import overwrite
from ..primitives.base import cast
from ..transforms.mutation import add_expanded, old_state, renew, write, write_expanded, written
from ..transforms.write_checks import (
    check_overlap,
    check_writable,
    is_expanded,
    overlaps_itself,
    untracked,
    written_at_once,
)
from . import along_axis as x
from . import arithmetic as a
from . import blending, complex_parts, diagonals, norms, scans
from . import bounds as b
from . import comparison as c
from . import indexing as i
from . import linalg as m
from .convert import convert, from_array, named, scalar_name, type_of, warn_of_lost_parts
from .flags import strict
from .numbers import fitted
from .shapes import expand

overloads = lazy_module(f"{__package__}.deprecated_overloads")
underived = lazy_module(f"{__package__}.underived")

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
_SURE = 1 << 53  # whole numbers below it are numbers of either type


def inplace(function, name=None, by_rows=False):
    """The in-place method of a function whose first argument is the tensor; `by_rows`: it looks
    at each element alone, so that elements which share a place change one after the other."""

    kernels = getattr(function, "kernel", {})

    def method(self, *args, **kwargs):
        memory = written_at_once(self)
        if memory is None:
            if by_rows and overlaps_itself(self._value):
                return _by_rows(method, self, args, kwargs)
            check_writable(self)
        elif not args and not kwargs:
            kernel, limit = kernels.get(memory.dtype, _NO_KERNEL)
            if memory.size < limit:
                memory[...] = kernel(memory)
                written(self)
                return self
        for given in (*args, *kwargs.values()):
            if isinstance(given, TensorBase):
                check_overlap(self, given)
        start = clock()
        if memory is None:
            return store(self, function(old_state(self), *args, **kwargs), start)
        out = function(wrap(memory), *args, **kwargs)
        new = out._value
        if new.dtype is not memory.dtype or new.shape != memory.shape or out._node is not None:
            return store(self, out, start)
        if new is not memory:
            memory[...] = new
            written(self)
        return self

    method.__doc__ = (
        f"In-place version of `{function.__name__}`: changes this tensor and returns it."
    )
    return standing(method, f"Tensor.{name or function.__name__ + '_'}")


_NO_KERNEL = None, 0


def _filling(function, by_rows=False):
    """The in-place method of a function that sets some elements: on an expanded tensor, too."""
    usual = inplace(function, by_rows=by_rows)

    def method(self, *args, **kwargs):
        if not is_expanded(self):
            return usual(self, *args, **kwargs)
        return _onto_expanded(self, function, args, kwargs)

    method.__doc__ = usual.__doc__
    return standing(method, f"Tensor.{function.__name__}_")


def _refusing(method):
    """The method of a function that has no derivative."""

    @wraps(method)
    def wrapper(self, *args, **kwargs):
        return underived.in_place(method(self, *args, **kwargs))

    return wrapper


def _triangle(function):
    """The in-place method that sets one side of a matrix to zero: on an expanded tensor, too."""
    usual = inplace(function)

    def method(self, *args, **kwargs):
        if not is_expanded(self):
            return usual(self, *args, **kwargs)
        everywhere = wrap(np.ones(tuple(shape_of(self)), bool))
        self._value[~function(everywhere, *args, **kwargs)._value] = 0
        written(self)
        return self

    method.__doc__ = usual.__doc__
    return standing(method, f"Tensor.{function.__name__}_")


def _onto_expanded(self, function, args, words):
    """function(self, ...), which sets elements, written to memory that is shown several times:
    with truth values in the place of numbers it tells which elements it sets."""
    out = function(self, *args, **words)
    *rest, value = args if "value" not in words else (*args, words["value"])
    named_ones = {name: words[name] for name in words if name != "value"}
    ones = wrap(np.ones(tuple(shape_of(value)), bool)) if isinstance(value, TensorBase) else True
    nowhere = wrap(np.zeros(tuple(shape_of(self)), bool))
    touched = function(nowhere, *rest, ones, **named_ones)
    return write_expanded(self, out, touched, f"{function.__name__}_")


def _by_rows(method, self, args, kwargs):
    """The method on one row after the other, each of which sees what was written before."""
    shape = tuple(shape_of(self))

    def row(a, k):
        spread = isinstance(a, TensorBase) and shape_of(a)
        return i.select_axis(expand(a, shape), 0, k) if spread else a

    for k in range(shape[0]):
        words = {name: row(a, k) for name, a in kwargs.items()}
        method(i.select_axis(self, 0, k), *[row(a, k) for a in args], **words)
    return self


def store(self, out, since=None):
    """Write a result, of the same shape and of a type that may be stored, into `self`."""
    if out._value is self._value:
        return self
    if out._value.dtype is None and out.layout is not self.layout:  # a sparse operand's
        out = out.to_dense()
    have, want = tuple(shape_of(out)), tuple(shape_of(self))
    if have != want:
        raise RuntimeError(
            hinted(
                f"output with shape {list(want)} doesn't match the broadcast shape {list(have)}",
                "an in-place operation cannot make its tensor larger; use the operation without "
                "underscore.",
            )
        )
    source, target = type_of(out), type_of(self)
    if source is not target:
        if not can_cast(source, target):
            raise RuntimeError(
                f"result type {scalar_name(source)} can't be cast to the desired output type "
                f"{scalar_name(target)}"
            )
        out = convert(out, target)
    return write(self, out, since)


def _apart(value):
    """Whether no two elements lie in one place, as far as a look at the strides tells."""
    return value.flags.c_contiguous or not (0 in value.strides or overlaps_itself(value))


def _with_alpha(function, compute):
    general = worded(inplace(function, by_rows=True))

    def method(self, other, *rest, alpha=1):
        if rest:
            return overloads.older_call(method, (self, other, *rest), {})
        value = self._value
        plain = (value.dtype is F32 or value.dtype is F64) and _apart(value)
        plain = plain and (alpha.__class__ is float or (alpha.__class__ is int and alpha < _SURE))
        if plain and untracked(self, other):
            number = other.__class__ is float or (other.__class__ is int and -_SURE < other < _SURE)
            source = other if number else getattr(other, "_value", None)
            if number or getattr(source, "dtype", None) is value.dtype:
                if not number and (value.base is not None or source.base is not None):
                    check_overlap(self, other)
                if not value.shape and value.__class__ is ndarray and (number or not source.shape):
                    # A NumPy scalar's arithmetic is seven times faster than a 0-dim array's.
                    value[()] = compute(value[()], source if alpha == 1 else source * alpha)
                    written(self)
                    return self
                try:
                    out = compute(value, source if alpha == 1 else source * alpha)
                except ValueError:
                    out = None  # the general function has words about the shapes
                if out is value or out.__class__ is value.__class__:
                    written(self)
                    self._value = out  # a NumPy scalar cannot be written: the handle moves on
                    return self
        if alpha.__class__ is not int or alpha != 1:
            return general(self, other, alpha=alpha)
        return general(self, other)

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = general.__doc__
    return method


def _arithmetic(function, compute):
    """As `_with_alpha`, for what takes no `alpha`."""
    general = _with_alpha(function, compute)

    def method(self, other):
        return general(self, other)

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = general.__doc__
    return method


add_ = _with_alpha(a.add, operator.iadd)
sub_ = subtract_ = _with_alpha(a.sub, operator.isub)
mul_ = multiply_ = _arithmetic(a.mul, operator.imul)
_true_div_ = standing(_arithmetic(a.true_divide, operator.itruediv), "Tensor.true_divide_")
_div_ = inplace(a.div)


def div_(self, other, *, rounding_mode=None):
    """In-place division."""
    if rounding_mode is None:
        return _true_div_(self, other)
    return _div_(self, other, rounding_mode=rounding_mode)


divide_, true_divide_ = div_, _true_div_


# --- overwriting --------------------------------------------------------------------------------


@strict
def copy_(self, src, non_blocking=False):
    """Copy the elements of `src` (broadcast, converted) into this tensor."""
    if not isinstance(src, TensorBase):
        if not isinstance(src, (bool, int, float, complex)):
            raise TypeError(f"copy_(): argument 'other' must be Tensor, not {type(src).__name__}")
        src = wrap(fitted(src, element_type(self), False))
    if _copied(self, src):
        return self
    check_writable(self)
    have = element_type(src)
    to = element_type(self)
    check_overlap(self, src)
    warn_of_lost_parts(have, to)
    source = src if have is to else cast(src, to=to, origin=have)
    try:
        if tuple(shape_of(source)) != tuple(shape_of(self)):
            source = expand(source, tuple(shape_of(self)))
    except RuntimeError:
        a, b = tuple(shape_of(self)), tuple(shape_of(src))
        for k in range(1, min(len(a), len(b)) + 1):
            if a[-k] != b[-k]:
                raise RuntimeError(
                    f"The size of tensor a ({a[-k]}) must match the size of tensor b ({b[-k]}) at "
                    f"non-singleton dimension {len(a) - k}"
                ) from None
        raise
    return write(self, overwrite(old_state(self), source))


def _copied(self, src):
    """Whether this was a copy from memory to other memory, which nobody records; it is done."""
    to, source = self._value, src._value
    if to.__class__ is not ndarray or source.__class__ is not ndarray or STATE.listeners:
        return False
    if to.dtype is not source.dtype or to.shape != source.shape or not untracked(self, src):
        return False
    if not _apart(to):
        return False
    if to.base is not None or source.base is not None:
        check_overlap(self, src)
    to[...] = source
    written(self)
    return True


@worded
def fill_(self, value):
    """Set each element to `value`, a number or a 0-dim tensor."""
    return _filled(self, value, "FillBackward2")


def _filled(self, value, name):
    if (value.__class__ is float or value.__class__ is int) and -1e4 < value < 1e4:
        memory = self._value
        simple = (kind := memory.dtype) is F32 or kind is F64
        alone = self._node is None and self._view is None and self._extra is None
        alone = alone and not (STATE.tracers and LOCAL.tracer is not None)
        if simple and alone and memory.__class__ is ndarray:  # nothing to refuse or to record
            filled_array(memory, value)
            stamp(memory)
            return self
    elif isinstance(value, TensorBase):
        if shape_of(value) != ():
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{len(shape_of(value))} dimensions."
            )
        return named(copy_(self, value), "FillBackward3")
    else:
        simple = False
    memory = settle(self)
    check_writable(self, repeated=True)
    if not simple:
        value = fitted(value, element_type(self), math.prod(shape_of(self)) != 1)
    if memory.dtype is not None and untracked(self, None):
        if memory.__class__ is ndarray:
            memory[...] = value
            written(self)
        else:
            written(self)
            self._value = memory.dtype.type(value)
        return self
    filled = wrap(np.full(tuple(shape_of(self)), value, element_type(self)))
    return write(self, named(overwrite(old_state(self), filled), name))


def zero_(self):
    """Set each element to zero."""
    return _filled(self, 0, "ZeroBackward0")


@strict
def index_put_(self, indices, values, accumulate=False):
    """self[indices] = values, or += with `accumulate`."""
    if is_expanded(self):
        if not accumulate:
            return _onto_expanded(self, i.index_put, (indices, values), {})
        nothing = wrap(np.zeros(tuple(shape_of(self)), element_type(self)))
        return add_expanded(self, i.index_put(nothing, indices, values, True), "index_put_")
    check_writable(self)
    return write(self, i.index_put(old_state(self), indices, values, accumulate))


@strict
def fill_diagonal_(self, fill_value, wrap=False):
    """Set the main diagonal to a number; with `wrap`, that of a tall matrix begins again one row
    below its end, and so on."""
    shape = tuple(shape_of(self))
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    rows, columns = shape[0], shape[-1]
    if len(shape) == 2 and not (wrap and rows > columns + 1):
        fill_(self.diagonal(), fill_value)
        return self
    period = columns + 1 if len(shape) == 2 else rows
    row = [n for n in range(rows) if n % period < columns]
    places = [from_array(np.array(row)), from_array(np.array(row) % period)]
    value = fill_value
    if not isinstance(value, TensorBase):
        value = from_array(np.array(fitted(value, element_type(self)), element_type(self)))
    return index_put_(self, (places[0],) * (len(shape) - 1) + (places[1],), value)


_ELEMENTWISE = (
    blending.addcdiv, blending.addcmul, blending.lerp,
    a.abs, a.acos, a.acosh, a.asin, a.asinh, a.atan, a.atan2, a.atanh, a.ceil,
    b.clamp, b.clamp_max, b.clamp_min, a.copysign, a.cos, a.cosh, a.digamma, a.erf, a.erfc,
    a.erfinv,
    a.exp, a.exp2, a.expm1, a.float_power, a.floor, a.floor_divide, a.fmod, a.frac, a.hypot,
    a.lgamma, a.log, a.log10, a.log1p, a.log2, a.logit, b.nan_to_num, a.neg, a.pow, a.reciprocal,
    a.relu, a.remainder, a.round, a.rsqrt, a.sgn, a.sigmoid, a.sign, a.sin, a.sinh, a.sqrt,
    a.square,
    a.tan, a.tanh, a.trunc, a.xlogy,
    c.bitwise_and, c.bitwise_not, c.bitwise_or, c.bitwise_xor, c.bitwise_left_shift,
    c.bitwise_right_shift, c.eq, c.ge, c.gt, c.le, c.lt, c.ne, c.logical_and, c.logical_not,
    c.logical_or, c.logical_xor, c.gcd, c.lcm,
    complex_parts.deg2rad, complex_parts.rad2deg, b.heaviside, a.ldexp, a.nextafter,
)  # fmt: skip
_OTHERS = (
    i.masked_scatter, x.scatter, x.scatter_add, x.scatter_reduce, x.index_add,
    x.index_copy, x.put, scans.cumsum, scans.cumprod,
    m.addmm, m.addmv, m.addr, m.baddbmm, m.addbmm, norms.renorm,
)  # fmt: skip
_FUNCTIONS = (*_ELEMENTWISE, *_OTHERS)
METHODS = {f.__name__ + "_": worded(inplace(f, by_rows=f in _ELEMENTWISE)) for f in _FUNCTIONS}
for _name in ("floor_divide_", "heaviside_"):
    METHODS[_name] = _refusing(METHODS[_name])
METHODS["tril_"] = worded(_triangle(diagonals.tril))
METHODS["triu_"] = worded(_triangle(diagonals.triu))
METHODS["masked_fill_"] = worded(_filling(i.masked_fill, by_rows=True))
METHODS["index_fill_"] = worded(_filling(x.index_fill))
_ALIASES = {
    "absolute_": "abs_", "arccos_": "acos_", "arcsin_": "asin_", "arctan_": "atan_", "clip_":
    "clamp_",
    "negative_": "neg_", "fix_": "trunc_", "arctan2_": "atan2_", "arccosh_": "acosh_",
    "arcsinh_": "asinh_", "arctanh_": "atanh_", "greater_": "gt_", "less_": "lt_",
    "greater_equal_": "ge_", "less_equal_": "le_", "not_equal_": "ne_",
}  # fmt: skip


def _growing(function):
    """An operation in place whose tensor takes the size of the result, if nothing looks into it."""
    usual = inplace(function)

    def method(self, *args, **kwargs):
        if self._view is not None or live_views(self):
            return usual(self, *args, **kwargs)
        check_writable(self)
        out = function(old_state(self), *args, **kwargs)
        if shape_of(out) == shape_of(self):
            return usual(self, *args, **kwargs)
        self._value = out._value
        if grad_enabled():
            renew(self, out._node)
        return self

    method.__doc__ = f"In-place version of `{function.__name__}`."
    return standing(method, f"Tensor.{function.__name__}_")


METHODS["addbmm_"] = _growing(m.addbmm)
METHODS.update({name: METHODS[of] for name, of in _ALIASES.items()})
