"""autograd.forward_ad: forward mode by hand: make_dual, compute, unpack_dual."""

from collections import namedtuple

from ..core.handle import TensorBase
from ..transforms.forward import Dual, ForwardLevel

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
           "unpack_dual"]  # fmt: skip

UnpackedDualTensor = namedtuple("UnpackedDualTensor", "primal tangent")
_LEVELS = []


def enter_dual_level():
    """Begin a forward-mode level; only one may run at a time."""
    if _LEVELS:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment; use torch.func.jvp, which "
            "nests."
        )
    _LEVELS.append(ForwardLevel().__enter__())
    return len(_LEVELS) - 1


def exit_dual_level(*, level=None):
    """End the level; duals made in it lose their tangents."""
    if not _LEVELS:
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was "
                           "created. This is not supported.")  # fmt: skip
    _LEVELS.pop().__exit__(None, None, None)


class dual_level:
    """The context in which duals live.

    >>> import tidu as torch
    >>> import tidu.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(0.), torch.tensor(2.))
    ...     fwAD.unpack_dual(torch.sin(x)).tangent
    tensor(2.)
    """

    def __enter__(self):
        return enter_dual_level()

    def __exit__(self, *exc):
        exit_dual_level()


def make_dual(tensor, tangent, *, level=None):
    """`tensor` with a tangent, which moves with it through every operation."""
    if not _LEVELS:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make "
            "sure to enter_dual_level() first."
        )
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise ValueError(
            f"Expected primal to be floating point or complex, but got: {tensor.dtype}"
        )
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(tensor.shape)} while the "
            "given "
            f"forward gradient is of size {list(tangent.shape)}."
        )
    return _LEVELS[-1].lift(tensor, tangent)


def unpack_dual(tensor, *, level=None):
    """(primal, tangent); the tangent is None for a tensor that has none."""
    value = tensor._value if isinstance(tensor, TensorBase) else None
    if value.__class__ is Dual and _LEVELS and value.level is _LEVELS[-1]:
        return UnpackedDualTensor(value.tensor, value.tangent)
    return UnpackedDualTensor(tensor, None)
