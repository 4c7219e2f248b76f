"""The parts of complex numbers, and angles: torch.real, conj, view_as_complex, angle ..."""

import math
import warnings

from numpy import ndarray

from ..base.dtypes import DEFAULT
from ..base.errors import hinted
from ..base.frames import user_depth
from ..core.handle import bottom, element_type, shape_of
from ..core.retries import worded
from ..core.versions import owner
from ..primitives import arithmetic as p
from ..primitives import base
from ..primitives import comparison as c
from ..primitives import functions as f
from ..primitives.bits import bits_of, conj_view, neg_view
from ..primitives.structural import as_complex, as_real, clone
from .convert import (
    composite,
    convert,
    finish,
    finish_found,
    named,
    ndim_of,
    refuse,
    require_tensor,
    scalar_name,
    type_of,
)
from .shapes import transpose

COMPLEX = 3  # the category of types, as `refuse` takes it


@worded
def real(input):
    """The real part; real tensors are their own."""
    if not type_of(require_tensor("real", input)).is_complex:
        return input
    return _part(p.real(input), input)


@worded
def imag(input):
    """The imaginary part of a complex tensor."""
    if not type_of(require_tensor("imag", input)).is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _part(p.imag(input), input, "NegView")


def _part(out, input, *if_conjugated):
    """The part with the steps PyTorch shows: it goes by pairs of what is not conjugated."""
    if out._node is None:
        return out
    if not bits_of(input)[0]:
        return named(out, "SelectBackward0", ("ViewAsReal", input))
    step = ("ViewAsReal", ("Conj", input))
    for name in if_conjugated:
        step = (name, step)
    return named(out, "SelectBackward0", step)


@worded
def conj(input):
    """The complex conjugate as a view, computed when it is read; real tensors are their own."""
    return conj_view(input) if type_of(require_tensor("conj", input)).is_complex else input


_conj = conj


@worded
def conj_physical(input, *, out=None):
    """The complex conjugate, computed at once."""
    if not type_of(require_tensor("conj_physical", input)).is_complex:
        return finish_found(input, out)
    return named(finish_found(base.conj(resolve_conj(input)), out), "ConjPhysicalBackward0")


@worded
def resolve_conj(input):
    """The tensor with the conjugates computed; itself, where none are left for later."""
    return clone(input) if is_conj(input) else input


@worded
def resolve_neg(input):
    """The tensor with the negatives computed; itself, where none are left for later."""
    return clone(input) if is_neg(input) else input


@worded
def is_conj(input):
    """Whether the tensor is a view that conjugates what it shows."""
    return bits_of(require_tensor("is_conj", input))[0]


@worded
def is_neg(input):
    """Whether the tensor is a view that negates what it shows."""
    return bits_of(require_tensor("is_neg", input))[1]


@worded
def _neg_view(input):
    """The negative as a view, computed when it is read."""
    return named(neg_view(require_tensor("_neg_view", input)), "NegViewBackward0")


@worded
def adjoint(input):
    """The conjugate transpose of each matrix."""
    return _turned(require_tensor("adjoint", input), "tensor.adjoint()", "adjoint()", True)


def conjugate_transpose(input):
    """Tensor.mH: the conjugate transpose of each matrix."""
    return _turned(input, "tensor.mH", "Tensor.mH", True)


def hermitian(input):
    """Tensor.H: the conjugate transpose of one matrix."""
    if ndim_of(input) > 2:
        raise RuntimeError(hinted(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim_of(input)}-D tensor. "
            "For batches of matrices, consider using tensor.mH",
            "mH turns the last two axes.",
        ))  # fmt: skip
    return _turned(input, "tensor.H", "Tensor.H", True, "matrices (2-D tensors)")


def matrix_transpose(input):
    """Tensor.mT: the transpose of each matrix."""
    return _turned(input, "tensor.mT", "Tensor.mT", False)


def _turned(input, name, old_name, conjugate, what="matrices or batches of matrices"):
    ndim = ndim_of(input)
    if ndim == 1:
        raise RuntimeError(hinted(
            f"{name} is only supported on {what}. Got 1-D tensor.",
            "a vector has no other way to lie; conj() is its conjugate.",
        ))  # fmt: skip
    if ndim == 0:
        instead = ("Consider using x.conj()." if conjugate
                   else "This function is the identity in these cases.")  # fmt: skip
        warnings.warn(f"{old_name} is deprecated on 0-D tensors. {instead}",
                      stacklevel=user_depth())  # fmt: skip
    turned = transpose(input, -2, -1) if ndim else input
    return conj_view(turned) if conjugate and type_of(turned).is_complex else turned


@worded
def view_as_real(input):
    """Complex numbers as pairs of real ones along a new last axis; a view."""
    if not type_of(require_tensor("view_as_real", input)).is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if is_conj(input):
        raise RuntimeError(
            "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate "
            "tensor so you can view it as real, use self.resolve_conj(); however, be warned that "
            "the resulting tensor will NOT alias the original."
        )
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
    if memory.__class__ is ndarray and memory.size:  # NumPy keeps no strides of what has none
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
