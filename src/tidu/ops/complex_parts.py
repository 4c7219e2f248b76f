"""torch.real, imag, conj, view_as_real, view_as_complex: the parts of complex numbers."""

from ..core.handle import shape_of
from ..errors import hinted
from ..primitives import arithmetic as p
from ..primitives import base
from ..primitives.structural import slice_
from .convert import finish, named, require_tensor, scalar_name, type_of
from .joining import stack


def real(input):
    """The real part; real tensors are their own."""
    return p.real(input) if type_of(require_tensor("real", input)).is_complex else input


def imag(input):
    """The imaginary part of a complex tensor."""
    if not type_of(require_tensor("imag", input)).is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return p.imag(input)


def conj(input):
    """The complex conjugate; real tensors are their own."""
    return base.conj(input) if type_of(require_tensor("conj", input)).is_complex else input


def conj_physical(input, *, out=None):
    """The complex conjugate, computed at once."""
    return finish(conj(input), out)


def resolve_conj(input):
    """The tensor itself: conjugation is never left for later here."""
    return input


resolve_neg = resolve_conj


def is_conj(input):
    """Whether conjugation was left for later: never."""
    return False


def view_as_real(input):
    """Complex numbers as pairs of real ones along a new last axis."""
    if not type_of(require_tensor("view_as_real", input)).is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return named(stack([p.real(input), p.imag(input)], -1), "ViewAsRealBackward0")


def view_as_complex(input):
    """Pairs of real numbers along the last axis as complex ones."""
    dtype = type_of(require_tensor("view_as_complex", input))
    if dtype.category != 2 or dtype.itemsize < 4:
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
    parts = [slice_(input, index=(..., k)) for k in (0, 1)]
    return named(p.make_complex(*parts), "ViewAsComplexBackward0")
