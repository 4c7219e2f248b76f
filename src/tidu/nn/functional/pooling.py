"""Pooling: what `ops` has, and the adaptive, power-average and inverse forms made of it."""

import math

from ... import ops
from ...errors import hinted
from .windows import avg_pool1d, avg_pool2d, avg_pool3d

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool1d_with_indices",
    "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
    "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip

def _max_pool(name):
    def max_pool(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
        return_indices=False,
    ):  # fmt: skip
        pool = getattr(ops, name)
        return pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    def with_indices(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
        return_indices=False,
    ):  # fmt: skip
        pool = getattr(ops, name)
        return pool(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    max_pool.__name__ = max_pool.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = name + "_with_indices"
    max_pool.__doc__ = "The largest number in each window; also its place on request."
    with_indices.__doc__ = "(largest number in each window, its place in the flattened plane)."
    return max_pool, with_indices


max_pool1d, max_pool1d_with_indices = _max_pool("max_pool1d")
max_pool2d, max_pool2d_with_indices = _max_pool("max_pool2d")
max_pool3d, max_pool3d_with_indices = _max_pool("max_pool3d")


def _sizes(output_size, input, spatial, name):
    """The wanted spatial sizes; None keeps the input's."""
    given = output_size if isinstance(output_size, (tuple, list)) else [output_size] * spatial
    if len(given) != spatial:
        raise RuntimeError(f"{name}: output_size must be {spatial}")
    if input.dim() not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"{name}(): Expected {spatial + 1}D or {spatial + 2}D tensor, but got "
            f"{list(input.shape)}"
        )
    return [
        old if new is None else int(new)
        for new, old in zip(given, input.shape[-spatial:], strict=True)
    ]


def _edges(size, out):
    """(first, one past last) element of each of `out` adaptive windows."""
    return [(i * size // out, -((-(i + 1) * size) // out)) for i in range(out)]


def _averaged(input, dim, out):
    """Adaptive average along one (negative) dimension."""
    size = input.size(dim)
    if out == size:
        return input
    if out == 1:
        return input.mean(dim, keepdim=True)
    if out and size % out == 0:
        return input.unflatten(dim, (out, size // out)).mean(dim if dim >= 0 else dim)
    parts = [input.narrow(dim, a, b - a).mean(dim, keepdim=True) for a, b in _edges(size, out)]
    return ops.cat(parts, dim)


def _adaptive_avg(input, output_size, spatial, name):
    sizes = _sizes(output_size, input, spatial, name)
    if all(size == 1 for size in sizes):
        return input.mean(list(range(-spatial, 0)), keepdim=True)
    for dim, out in enumerate(sizes, -spatial):
        input = _averaged(input, dim, out)
    return input


def adaptive_avg_pool1d(input, output_size):
    """Averages over windows chosen so that the result has length ``output_size``."""
    return _adaptive_avg(input, output_size, 1, "adaptive_avg_pool1d")


def adaptive_avg_pool2d(input, output_size):
    """Averages over windows chosen so that the result has size ``output_size``.

    >>> import tidu as torch
    >>> torch.nn.functional.adaptive_avg_pool2d(torch.ones(1, 1, 4, 6), 1).shape
    torch.Size([1, 1, 1, 1])
    """
    return _adaptive_avg(input, output_size, 2, "adaptive_avg_pool2d")


def adaptive_avg_pool3d(input, output_size):
    """Averages over windows chosen so that the result has size ``output_size``."""
    return _adaptive_avg(input, output_size, 3, "adaptive_avg_pool3d")


def _adaptive_max(input, output_size, spatial, name):
    """(maxima, their places in the flattened spatial part)."""
    sizes = _sizes(output_size, input, spatial, name)
    old = list(input.shape[-spatial:])
    windows, shape = _adaptive_windows(old, sizes)
    flat = input.flatten(-spatial) if spatial > 1 else input
    taken = flat[..., windows.reshape(-1)].unflatten(-1, shape)
    best = taken.detach().argmax(-1)
    places = windows.gather(1, best.flatten(0, -2).T).T if best.dim() > 1 else None
    result = taken.gather(-1, best.unsqueeze(-1)).squeeze(-1)
    lead = list(input.shape[:-spatial])
    return result.reshape(lead + sizes), places.reshape(lead + sizes)


def _adaptive_windows(old, new):
    """Flat places (windows, longest window); shorter windows repeat their first place."""
    per_dim = [_edges(size, out) for size, out in zip(old, new, strict=True)]
    windows = [[]]
    for edges, size in zip(per_dim, old, strict=True):
        windows = [
            [place * size + i for place in (window or [0]) for i in range(a, b)]
            for window in windows
            for a, b in edges
        ]
    longest = max(len(window) for window in windows)
    rows = [window + [window[0]] * (longest - len(window)) for window in windows]
    return ops.tensor(rows), (len(rows), longest)


def _adaptive_max_pool(spatial):
    name = f"adaptive_max_pool{spatial}d"

    def with_indices(input, output_size, return_indices=False):
        return _adaptive_max(input, output_size, spatial, name)

    def adaptive_max_pool(input, output_size, return_indices=False):
        result = _adaptive_max(input, output_size, spatial, name)
        return result if return_indices else result[0]

    adaptive_max_pool.__name__ = adaptive_max_pool.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = name + "_with_indices"
    adaptive_max_pool.__doc__ = "Maxima over windows chosen so that the result has this size."
    with_indices.__doc__ = "(adaptive maxima, their places in the flattened spatial part)."
    return adaptive_max_pool, with_indices


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max_pool(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max_pool(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max_pool(3)


def _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, pool, spatial):
    # The average of the powers times the window's size is their sum.
    count = kernel_size**spatial if isinstance(kernel_size, int) else math.prod(kernel_size)
    mean = pool(ops.pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return ops.pow(ops.sign(mean) * ops.relu(ops.abs(mean)) * count, 1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^(1/p) over each window."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool1d, 1)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^(1/p) over each window."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool2d, 2)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^(1/p) over each window."""
    return _lp_pool(input, norm_type, kernel_size, stride, ceil_mode, avg_pool3d, 3)


def _tuple(value, count):
    return (value,) * count if isinstance(value, int) else tuple(value)


def _unpool(input, indices, kernel_size, stride, padding, output_size, spatial):
    kernel, padding = _tuple(kernel_size, spatial), _tuple(padding, spatial)
    stride = kernel if stride is None or stride == [] else _tuple(stride, spatial)
    sizes = [
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(input.shape[-spatial:], stride, kernel, padding, strict=True)
    ]
    if output_size is not None:
        sizes = _checked_output(list(output_size)[-spatial:], sizes, stride)
    lead = list(input.shape[:-spatial])
    places = indices.reshape([*lead, -1])
    if places.numel() and int(places.max()) >= math.prod(sizes):
        raise RuntimeError(
            hinted(
                f"Found an invalid max index: {int(places.max())} (output volumes are of size "
                f"{'x'.join(map(str, sizes))}",
                "give the output_size of the pooled input.",
            )
        )
    zeros = ops.zeros([*lead, math.prod(sizes)], dtype=input.dtype)
    return zeros.scatter(-1, places, input.reshape([*lead, -1])).reshape(lead + sizes)


def _checked_output(wanted, default, stride):
    for want, size, step in zip(wanted, default, stride, strict=True):
        if not size - step < want < size + step:
            raise ValueError(
                f'invalid output_size "{wanted}" (dim must be between {size - step} and '
                f"{size + step})"
            )
    return wanted


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Maxima put back to their places, zeros elsewhere."""
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 1)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Maxima put back to their places, zeros elsewhere."""
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 2)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Maxima put back to their places, zeros elsewhere."""
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 3)
