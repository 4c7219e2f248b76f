"""torchvision.tv_tensors: tensors that say what they are, so that v2 transforms treat them so."""

from .. import ops
from ..nn.parameter import plain_results
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

    __torch_function__ = classmethod(plain_results)

    def _alike(self, tensor):
        return tensor if tensor is self else tensor.as_subclass(type(self))

    def clone(self, *, memory_format=None):
        return self._alike(super().clone())

    def to(self, *args, **kwargs):
        return self._alike(super().to(*args, **kwargs))

    def detach(self):
        return self._alike(super().detach())


class Image(TVTensor):
    """An image (..., C, H, W)."""


class Video(TVTensor):
    """Frames (..., T, C, H, W)."""


class Mask(TVTensor):
    """Which class each pixel has (..., H, W): moved with its image, its numbers never mixed."""


def wrap(wrappee, *, like):
    """The tensor as the same kind of tensor as `like`."""
    return wrappee.as_subclass(type(like)) if isinstance(like, TVTensor) else wrappee
