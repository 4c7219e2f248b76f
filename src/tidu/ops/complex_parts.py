"""The parts of complex numbers, and angles: torch.real, conj, view_as_complex, angle ..."""

import math

from numpy import ndarray

from ..base.dtypes import DEFAULT
from ..base.errors import hinted
from ..core.handle import bottom, element_type, shape_of
from ..core.retries import worded
from ..core.versions import owner
from ..primitives import arithmetic as p
from ..primitives import base
from ..primitives import comparison as c
from ..primitives import functions as f
from ..primitives.structural import as_complex, as_real
from .convert import (
    composite,
    convert,
    finish,
    finish_found,
    named,
    refuse,
    require_tensor,
    scalar_name,
    type_of,
)

COMPLEX = 3  # the category of types, as `refuse` takes it


@worded
def real(input):
    """The real part; real tensors are their own."""
    return p.real(input) if type_of(require_tensor("real", input)).is_complex else input


@worded
def imag(input):
    """The imaginary part of a complex tensor."""
    if not type_of(require_tensor("imag", input)).is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return p.imag(input)


@worded
def conj(input):
    """The complex conjugate; real tensors are their own."""
    return base.conj(input) if type_of(require_tensor("conj", input)).is_complex else input


@worded
def conj_physical(input, *, out=None):
    """The complex conjugate, computed at once."""
    return named(finish_found(conj(input), out), "ConjPhysicalBackward0")


@worded
def resolve_conj(input):
    """The tensor itself: conjugation is never left for later here."""
    return require_tensor("resolve_conj", input)


resolve_neg = resolve_conj


@worded
def is_conj(input):
    """Whether conjugation was left for later: never."""
    require_tensor("is_conj", input)
    return False


@worded
def view_as_real(input):
    """Complex numbers as pairs of real ones along a new last axis; a view."""
    if not type_of(require_tensor("view_as_real", input)).is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return as_real(input)


@worded
def view_as_complex(input):
    """Pairs of real numbers along the last axis as complex ones; a view."""
    dtype = type_of(require_tensor("view_as_complex", input))
    if dtype.category != 2 or dtype.name[:5] != "float" or dtype.itemsize == 1:
        raise RuntimeError(
            f"view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {scalar_name(dtype)}"
        )
    shape = tuple(shape_of(input))
    if not shape or shape[-1] != 2:
        raise RuntimeError(
            hinted(
                "Tensor must have a last dimension of size 2",
                f"the last axis holds real and imaginary part; the shape is {list(shape)}.",
            )
        )
    memory = bottom(input)
    if memory.__class__ is ndarray:
        _check_pairs(memory)
    return as_complex(input)


def _check_pairs(memory):
    """Refuse what PyTorch does: pairs that do not lie beside each other, as complex numbers do."""
    size, (*lead, last) = memory.itemsize, memory.strides
    if last != size:
        raise RuntimeError(
            hinted("Tensor must have a last dimension with stride 1", "call contiguous() first.")
        )
    if any(n > 1 and step % (2 * size) for n, step in zip(memory.shape, lead, strict=False)):
        raise RuntimeError(
            hinted(
                "Tensor must have a stride divisible by 2 for all but last dimension",
                "call contiguous() first.",
            )
        )
    if (base.address(memory) - base.address(owner(memory))) % (2 * size):
        raise RuntimeError(
            hinted("Tensor must have a storage_offset divisible by 2", "call contiguous() first.")
        )


# --- angles -------------------------------------------------------------------------------------


@composite("Deg2RadBackward0")
def deg2rad(input, *, out=None):
    """Degrees as radians."""
    refuse(type_of(input), {COMPLEX: RuntimeError("deg2rad is not supported for complex tensors.")})
    x = convert(input, DEFAULT.dtype) if type_of(input).category < 2 else input
    return finish(x * (math.pi / 180), out, input)


@composite("Rad2DegBackward0")
def rad2deg(input, *, out=None):
    """Radians as degrees."""
    refuse(type_of(input), {COMPLEX: RuntimeError("rad2deg is not supported for complex tensors.")})
    x = convert(input, DEFAULT.dtype) if type_of(input).category < 2 else input
    return finish(x * (180 / math.pi), out, input)


@composite("AngleBackward0")
def angle(input, *, out=None):
    """The argument of complex numbers; 0 or pi for real ones."""
    if type_of(input).is_complex:
        return finish(f.atan2(p.imag(input), p.real(input)), out, input)
    x = convert(input, DEFAULT.dtype) if type_of(input).category < 2 else input
    return finish(
        p.select(
            x < 0, element_type(x).type(math.pi), p.select(c.isnan(x), p.trunc(x), p.zeros_like(x))
        ),
        out,
    )
