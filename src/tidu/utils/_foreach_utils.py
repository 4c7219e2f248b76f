"""torch.utils._foreach_utils: tensors in groups of one type, for optimizers that take lists."""

from ..frontend.tensor import Tensor

__all__ = ["Indices", "TensorListList"]

TensorListList, Indices = list[list[Tensor | None]], list[int]


def _get_foreach_kernels_supported_devices():
    """Kinds of GPU, none of which is here."""
    return ["cuda", "xpu", "mtia"]


def _get_fused_kernels_supported_devices():
    return ["mps", "cuda", "xpu", "hpu", "cpu", "mtia"]


def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
    """{(device, dtype): (lists, places)}: each list split by the types of the first one's tensors.

    >>> import tidu as torch
    >>> both = [torch.ones(1), torch.ones(1, dtype=torch.float64)]
    >>> [key[1] for key in _group_tensors_by_device_and_dtype([both])]
    [torch.float32, torch.float64]
    """
    groups: dict = {}
    for place, first in enumerate(tensorlistlist[0]):
        lists, places = groups.setdefault(
            (first.device, first.dtype), ([[] for _ in tensorlistlist], [])
        )
        for values, into in zip(tensorlistlist, lists, strict=True):
            if values:
                into.append(values[place])
        if with_indices:
            places.append(place)
    return groups


def _device_has_foreach_support(device):
    return device.type == "cpu"


def _has_foreach_support(tensors, device):
    """Whether all are plain tensors."""
    plain = all(t is None or type(t) is Tensor for t in tensors)
    return _device_has_foreach_support(device) and plain
