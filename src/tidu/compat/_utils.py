"""torch._utils: how tensors become one flat tensor, and are found again in it."""

from .ops import cat

__all__ = ["_flatten_dense_tensors", "_unflatten_dense_tensors"]


def _flatten_dense_tensors(tensors):
    """All elements of the tensors, one after another."""
    return cat([tensor.reshape(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """Views of `flat` in the shapes of `tensors`."""
    sizes = [tensor.numel() for tensor in tensors]
    return tuple(
        part.view(tensor.shape) for part, tensor in zip(flat.split(sizes), tensors, strict=True)
    )
