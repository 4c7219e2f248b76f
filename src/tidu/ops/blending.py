"""torch.lerp, addcmul, addcdiv, logaddexp: blends, scaled products, sums of powers."""

import math

import numpy as np

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..primitives import arithmetic as p
from ..primitives import functions as f
from .arithmetic import exp, log1p
from .convert import (
    composite,
    dtype_word,
    finish,
    invalid_combination,
    named,
    operands,
    promote,
    refuse,
    require_tensor,
    type_of,
    widely,
)
from .elementwise import COMPLEX, run
from .numbers import is_one, told_later

BOOL, INT = 0, 1  # categories of types, as `refuse` takes them


@composite()
def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input)."""
    if told_later(weight) and isinstance(input, TensorBase):
        weight = weight.to(type_of(input))
    for other, name in ((end, "end"), (weight, "weight")):
        if isinstance(other, TensorBase) and type_of(other) is not type_of(input):
            raise RuntimeError(
                f"expected dtype {dtype_word(type_of(input))} for `{name}` but got dtype "
                f"{dtype_word(type_of(other))}"
            )
    if not isinstance(input, TensorBase) or not isinstance(end, TensorBase):
        raise invalid_combination("lerp", input, end, weight)
    kernel = "lerp_kernel_tensor" if isinstance(weight, TensorBase) else "lerp_kernel_scalar"
    refuse(type_of(input), {BOOL: kernel, INT: kernel})
    name = "LerpBackward1" if isinstance(weight, TensorBase) else "LerpBackward0"
    return finish(named(widely(_lerp, input, end, weight), name), out, input, end, weight)


def _lerp(start, end, weight):
    """Counted from the nearer end, so that weight 1 gives `end` exactly."""
    span = end - start
    if not isinstance(weight, TensorBase):
        weight = weight.item() if isinstance(weight, np.generic) else weight
        near = (
            math.fabs(weight.real) < 0.5 if weight.__class__ is complex else math.fabs(weight) < 0.5
        )
        return start + span * weight if near else end - span * (1 - weight)
    size = p.absolute(weight) if weight._node is None else p.absolute(weight.detach())
    return p.select(size < 0.5, start + span * weight, end - span * (1 - weight))


@composite("AddcmulBackward0")
def addcmul(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 * tensor2."""
    require_tensor("addcmul", tensor1, "tensor1", 2)
    require_tensor("addcmul", tensor2, "tensor2", 3)
    total = widely(_multiplied_on, input, tensor1, tensor2, value)
    return finish(named(total, "AddcmulBackward0"), out, input, tensor1, tensor2)


def _multiplied_on(x, a, b, value):
    product = a * b
    return x + (product if is_one(value) else product * value)


@composite("AddcdivBackward0")
def addcdiv(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 / tensor2."""
    require_tensor("addcdiv", tensor1, "tensor1", 2)
    require_tensor("addcdiv", tensor2, "tensor2", 3)
    if type_of(tensor1).category < 2 and type_of(tensor2).category < 2:
        raise RuntimeError(_INTEGER_ADDCDIV)
    total = widely(_divided_on, input, tensor1, tensor2, value)
    return finish(named(total, "AddcdivBackward0"), out, input, tensor1, tensor2)


def _divided_on(x, a, b, value):
    quotient = a / b
    return x + (quotient if is_one(value) else quotient * value)


_INTEGER_ADDCDIV = hinted(
    "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will "
    "perform a true division of tensor1 and tensor2.",
    "convert one of them first: (input + value * (tensor1 / tensor2)).",
)


@composite("LogaddexpBackward0")
def logaddexp(input, other, *, out=None):
    """log(exp(input) + exp(other)), without overflow."""
    x, y = promote(*operands("logaddexp", input, other, "none"))
    refuse(type_of(x), {BOOL: "logaddexp_cpu", INT: "logaddexp_cpu"})
    if type_of(x).is_complex:
        return finish(_complex_logaddexp(x, y), out, input, other)
    return finish(run(f.logaddexp, x, y), out, input, other)


def _complex_logaddexp(x, y):
    """The larger real part is taken out, so that neither exponential overflows."""
    swap = p.real(x) < p.real(y)
    large, small = p.select(swap, y, x), p.select(swap, x, y)
    return large + log1p(exp(small - large))


@composite("Logaddexp2Backward0")
def logaddexp2(input, other, *, out=None):
    """log2(2**input + 2**other), without overflow."""
    x, y = promote(*operands("logaddexp2", input, other, "none"))
    refuse(type_of(x), {BOOL: "logaddexp2_cpu", INT: "logaddexp2_cpu", COMPLEX: "logaddexp2_cpu"})
    return finish(run(f.logaddexp2, x, y), out, input, other)
