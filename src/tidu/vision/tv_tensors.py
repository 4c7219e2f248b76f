"""torchvision.tv_tensors: tensors that say what they are, so that v2 transforms treat them so."""

import enum

from .. import ops
from ..frontend.tensor import Tensor
from ..nn.parameter import plain_results

__all__ = ["BoundingBoxFormat", "BoundingBoxes", "Image", "Mask", "TVTensor", "Video", "wrap"]


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


class BoundingBoxFormat(enum.Enum):
    """What the four numbers of a box are: corners, or a corner or the centre and the sides."""

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"


class BoundingBoxes(TVTensor):
    """Boxes (N, 4) in an image of `canvas_size` (height, width); moved with their image.

    >>> import tidu as torch
    >>> BoundingBoxes([[0, 0, 2, 3]], format="XYXY", canvas_size=(4, 4)).canvas_size
    (4, 4)
    """

    def __new__(cls, data, *, format, canvas_size, dtype=None, device=None, requires_grad=None):
        made = super().__new__(cls, data, dtype=dtype, device=device, requires_grad=requires_grad)
        if made.dim() == 1:
            made = made.unsqueeze(0).as_subclass(cls)
        elif made.dim() != 2:
            raise ValueError(f"Expected a 1D or 2D tensor, got {made.dim()}D")
        return _described(made, format, canvas_size)

    def _alike(self, tensor):
        if tensor is self:
            return tensor
        return _described(tensor.as_subclass(type(self)), self.format, self.canvas_size)

    def __repr__(self, *, tensor_contents=None):
        text = repr(self.as_subclass(Tensor)).replace("tensor(", f"{type(self).__name__}(", 1)
        return f"{text[:-1]}, format={self.format}, canvas_size={self.canvas_size})"


def _described(boxes, format, canvas_size):
    if isinstance(format, str):
        format = BoundingBoxFormat[format.upper()]
    boxes.format, boxes.canvas_size = format, canvas_size
    return boxes


def wrap(wrappee, *, like, **kwargs):
    """The tensor as the same kind of tensor as `like`; boxes keep format and canvas of `like`."""
    if isinstance(like, BoundingBoxes):
        format = kwargs.get("format", like.format)
        canvas_size = kwargs.get("canvas_size", like.canvas_size)
        return _described(wrappee.as_subclass(type(like)), format, canvas_size)
    return wrappee.as_subclass(type(like)) if isinstance(like, TVTensor) else wrappee
