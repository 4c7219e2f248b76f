"""torchvision.tv_tensors: tensors that say what they are, so that v2 transforms treat them so."""

from .. import ops
from ..tensor import Tensor

__all__ = ["Image", "Mask", "TVTensor", "Video", "wrap"]


class TVTensor(Tensor):
    """A tensor with a meaning; operations give plain tensors."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        tensor = data if isinstance(data, Tensor) else ops.as_tensor(data)
        tensor = tensor if dtype is None else tensor.to(dtype)
        if requires_grad is None:
            requires_grad = isinstance(data, Tensor) and data.requires_grad
        return tensor.detach().as_subclass(cls).requires_grad_(requires_grad)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        result = super().__torch_function__(func, types, args, kwargs or {})
        if isinstance(result, TVTensor) and getattr(func, "__name__", "") not in _KEEP:
            return result.as_subclass(Tensor)
        return result


_KEEP = {"clone", "to", "detach", "requires_grad_", "detach_"}


class Image(TVTensor):
    """An image (..., C, H, W)."""


class Video(TVTensor):
    """Frames (..., T, C, H, W)."""


class Mask(TVTensor):
    """Which class each pixel has (..., H, W): moved with its image, its numbers never mixed."""


def wrap(wrappee, *, like):
    """The tensor as the same kind of tensor as `like`."""
    return wrappee.as_subclass(type(like)) if isinstance(like, TVTensor) else wrappee
