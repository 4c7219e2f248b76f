"""Maximum pooling that always gives the places too; the rest of pooling is `ops`'s."""

from ... import ops
from ...core.retries import asked

__all__ = [
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d_with_indices", "max_pool1d_with_indices", "max_pool2d_with_indices",
    "max_pool3d_with_indices",
]  # fmt: skip


def _max_pool(pool):
    def with_indices(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
        return_indices=False,
    ):  # fmt: skip
        return pool(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    return _named(with_indices, pool)


def _adaptive_max_pool(pool):
    def with_indices(input, output_size, return_indices=False):
        return pool(input, output_size, True)

    return _named(with_indices, pool)


def _named(function, pool):
    function.__name__ = function.__qualname__ = f"{pool.__name__}_with_indices"
    function.__doc__ = "(the largest number of each window, its place in the flattened input)."
    return asked(function)


max_pool1d_with_indices = _max_pool(ops.max_pool1d)
max_pool2d_with_indices = _max_pool(ops.max_pool2d)
max_pool3d_with_indices = _max_pool(ops.max_pool3d)
adaptive_max_pool1d_with_indices = _adaptive_max_pool(ops.adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _adaptive_max_pool(ops.adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _adaptive_max_pool(ops.adaptive_max_pool3d)
