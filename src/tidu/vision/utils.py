"""torchvision.utils: many images as one, and images as files."""

import math

from .. import ops
from ..autograd import no_grad
from ..base import dtypes
from ..base.errors import hinted
from ..frontend.tensor import Tensor
from .pictures import image as pil_image

__all__ = ["make_grid", "save_image"]


def _scaled(image, low, high):
    image.clamp_(min=low, max=high)
    image.sub_(low).div_(max(high - low, 1e-5))


@no_grad()
def make_grid(
    tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0
):
    """One image (C, H, W) of a batch (B, C, H, W) or a list of images, `nrow` in a row.

    >>> import tidu as torch
    >>> make_grid(torch.zeros(4, 1, 5, 5), nrow=2).shape
    torch.Size([3, 16, 16])
    """
    tensor = _batch_of(tensor)
    if normalize:
        tensor = tensor.clone()
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        for part in tensor if scale_each else [tensor]:
            low, high = value_range or (float(part.min()), float(part.max()))
            _scaled(part, low, high)
    if tensor.size(0) == 1:
        return tensor.squeeze(0)
    count = tensor.size(0)
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = tensor.size(2) + padding, tensor.size(3) + padding
    size = (tensor.size(1), height * rows + padding, width * columns + padding)
    grid = ops.full(size, pad_value, dtype=tensor.dtype)
    for k in range(count):
        top, left = (k // columns) * height + padding, (k % columns) * width + padding
        grid[:, top : top + tensor.size(2), left : left + tensor.size(3)] = tensor[k]
    return grid


def _batch_of(tensor):
    """(B, 3, H, W) of one image, a batch, or a list of images; grey ones in three channels."""
    if isinstance(tensor, (list, tuple)) and all(isinstance(t, Tensor) for t in tensor):
        tensor = ops.stack(list(tensor), 0)
    elif not isinstance(tensor, Tensor):
        raise TypeError(
            hinted(
                f"tensor or list of tensors expected, got {type(tensor)}",
                "torch.from_numpy makes a tensor of an array.",
            )
        )
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        tensor = (ops.cat([tensor] * 3, 0) if tensor.size(0) == 1 else tensor).unsqueeze(0)
    if tensor.dim() == 4 and tensor.size(1) == 1:
        tensor = ops.cat([tensor] * 3, 1)
    return tensor


@no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """Write a batch as one picture; numbers from 0 to 1, options as for `make_grid`."""
    grid = make_grid(tensor, **kwargs)
    bytes_ = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to(dtypes.uint8)
    pil_image.fromarray(bytes_.contiguous().numpy()).save(fp, format=format)
