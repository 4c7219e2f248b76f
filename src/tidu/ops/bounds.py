"""torch.clamp and its family, torch.nan_to_num, torch.heaviside: elements kept within bounds."""

import math

import numpy as np

from ..base.dtypes import finfo
from ..base.lazy import lazy_module
from ..base.size import mismatch
from ..core.direct import directly
from ..core.handle import TensorBase, element_type, shape_of
from ..core.retries import worded
from ..primitives import arithmetic as p
from ..primitives import comparison as c
from . import direct
from .convert import (
    composite,
    convert,
    finish,
    finish_found,
    finish_same,
    invalid_combination,
    named,
    promote,
    refuse,
    require_tensor,
    type_of,
)
from .elementwise import COMPLEX, run
from .numbers import fitted

underived = lazy_module(f"{__package__}.underived")


@directly(direct.clamp)
def clamp(input, min=None, max=None, *, out=None):
    """Each element limited to [min, max]; the bounds are numbers or tensors.

    >>> import tidu as torch
    >>> torch.clamp(torch.tensor([-1., 0.5, 2.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    require_tensor("clamp", input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        if not all(b is None or isinstance(b, TensorBase) for b in (min, max)):
            raise invalid_combination("clamp", input, *[b for b in (min, max) if b is not None])
        return finish(_clamp_tensors(input, min, max), out, input, min, max)
    bounds = [b for b in (min, max) if b is not None]
    bounds = [b.item() if isinstance(b, np.generic) else b for b in bounds]
    if not all_numbers(bounds):
        raise invalid_combination("clamp", input, *bounds)
    refuse(type_of(input), {COMPLEX: "clamp is not supported for complex types"})
    x = promote(input, *bounds)[0]
    kind = type_of(x).numpy
    if kind.kind in "iu":  # a bound may be beyond what these hold
        min, max = [b if b is None else fitted(b, kind).item() for b in (min, max)]
    return finish_found(named(p.clamp(x, low=min, high=max), "ClampBackward1"), out, input)


def all_numbers(values):
    return not [v for v in values if not isinstance(v, (int, float, complex))]


def _clamp_tensors(x, low, high):
    for bound in (low, high):
        if isinstance(bound, TensorBase):
            if message := mismatch(tuple(shape_of(x)), tuple(shape_of(bound))):
                raise RuntimeError(message)
    operands = promote(x, *[b for b in (low, high) if b is not None])
    x = operands[0]
    if high is None:
        made = p.clamp_low(x, operands[1])
    elif low is None:
        made = p.clamp_high(x, operands[1])
    else:
        made = p.clamp_between(*operands)
    return named(made, "ClampBackward0", self=x, min=low, max=high)


clip = clamp


@worded
def clamp_min(input, min, *, out=None):
    """Each element at least `min`."""
    result = clamp(input, min=min, out=out)
    return named(result, f"ClampMinBackward{_form(min)}", self=input, min=min)


@worded
def clamp_max(input, max, *, out=None):
    """Each element at most `max`."""
    result = clamp(input, max=max, out=out)
    return named(result, f"ClampMaxBackward{_form(max)}", self=input, max=max)


def _form(bound):
    return 1 if isinstance(bound, TensorBase) else 0


@composite("NanToNumBackward0")
def nan_to_num(input, nan=0.0, posinf=None, neginf=None, *, out=None):
    """NaN, inf and -inf replaced by numbers."""
    if type_of(input).category < 2:
        return finish_same(input.clone(), out, input, message=_NOT_AS_INPUT)
    info = finfo(type_of(input))
    high = float(info.max) if posinf is None else posinf
    low = float(info.min) if neginf is None else neginf
    kind = element_type(input).type
    x = p.select(c.isnan(input), kind(nan or 0.0), input)
    x = p.select(c.eq(input, math.inf), kind(high), x)
    x = named(p.select(c.eq(input, -math.inf), kind(low), x), "NanToNumBackward0")
    return finish_same(x, out, input, message=_NOT_AS_INPUT)


_NOT_AS_INPUT = "nan_to_num: dtype of out: {have} should be same as input: {want}"


@worded
def heaviside(input, values, *, out=None):
    """0 below zero, 1 above, `values` at zero."""
    return underived.computed("aten::heaviside", _step, (input, values), {"out": out})


def _step(input, values, *, out=None):
    require_tensor("heaviside", input)
    require_tensor("heaviside", values, "values", 2)
    if type_of(input) is not type_of(values):
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    if type_of(input).is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    step = convert(c.gt(input.detach(), 0), type_of(input))
    at_zero = c.eq(input, 0)
    return finish(run(p.select, at_zero, values.detach(), step), out, input, values)
