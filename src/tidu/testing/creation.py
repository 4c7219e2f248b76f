"""make_tensor: random tensors for tests."""

from .. import ops
from ..base import dtypes
from ..base.devices import require_cpu
from ..base.size import sizes_from

__all__ = ["make_tensor"]

_LIMITS = {"uint8": (0, 10), "bool": (0, 2)}


def make_tensor(*shape, dtype, device, low=None, high=None, requires_grad=False,
                noncontiguous=False, exclude_zero=False, memory_format=None):  # fmt: skip
    """Random numbers in [low, high), by default [-9, 9) for floats and [-9, 10) for integers.

    >>> import tidu as torch
    >>> torch.testing.make_tensor(2, 3, dtype=torch.int64, device="cpu").shape
    torch.Size([2, 3])
    """
    require_cpu(device)
    sizes = tuple(sizes_from(shape))
    floats = dtype.is_floating_point or dtype.is_complex
    first, last = (
        (-9.0, 9.0) if floats else _LIMITS.get(str(dtype).removeprefix("torch."), (-9, 10))
    )
    low, high = first if low is None else low, last if high is None else high
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    double = (*sizes[:-1], 2 * sizes[-1]) if noncontiguous and sizes and sizes[-1] > 1 else sizes
    if dtype.is_complex:
        parts = [ops.empty(double, dtype=dtypes.float64).uniform_(low, high) for _ in range(2)]
        out = (parts[0] + 1j * parts[1]).to(dtype)
    elif floats:
        out = ops.empty(double, dtype=dtypes.float32 if dtype.itemsize < 4 else dtype)
        out = out.uniform_(low, high).to(dtype)
    else:
        out = ops.randint(int(low), int(high), double).to(dtype)
    if double != sizes:
        out = out[..., ::2]
    if exclude_zero:
        out = ops.where(out == 0, ops.ones_like(out), out)
    return out.requires_grad_() if requires_grad else out
