"""The largest of windows with their places, as equations of programs that go both ways.

Eager finds the places again on the way back. A program whose passes have seen both ways keeps them:
`max_taps` gives, beside the maxima, the number of each one's element in its window, in 8 bits, and
`taps_place` puts cotangents there without what was pooled, which need not live until then.
`convolution_largest` is a convolution and what `max_taps` or `max_pool` make of it in windows of
2x2, where nobody reads what is pooled: it need not be anywhere.
"""

from math import prod

import numpy as np

from ...core.handle import element_type, shape_of
from ...core.primitive import Primitive
from ...primitives import pooling as eager
from ...primitives.convolution import convolution
from ...primitives.sliding import tail
from . import pooling

__all__ = ["PAIRS", "convolution_largest", "largest_of", "max_taps", "taps_place"]

BYTE = np.dtype(np.int8)


def _max_taps(x, *, size, **windows):
    found = pooling.max_taps(x, size=size, **windows)
    if found is not None:
        return tuple(found)
    y = eager.max_pool.eval(x, size=size, **windows)
    positions = eager.max_positions.eval(x, size=size, **windows)
    return y, _taps(positions, tail(x.shape, len(size)), **windows)


def _taps(positions, sizes, kernel, stride, padding, dilation):
    """The numbers in their windows of elements that are at these flat positions."""
    taps = np.zeros(positions.shape, np.int64)
    places = np.unravel_index(positions, sizes) if positions.size else (taps,) * len(sizes)
    for place, start, k, d in zip(places, _starts(positions.shape, stride, padding), kernel,
                                  dilation, strict=True):  # fmt: skip
        taps = taps * k + (place - start) // d
    return taps.astype(BYTE)


def _starts(shape, stride, padding):
    """Where windows begin along each pooled axis, as arrays that are broadcast."""
    lead, count = len(shape) - len(stride), len(stride)
    return [
        (np.arange(shape[lead + i]) * s - p).reshape(-1, *(1,) * (count - 1 - i))
        for i, (s, p) in enumerate(zip(stride, padding, strict=True))
    ]


def _taps_place(g, taps, *, size, shape, **windows):
    into = pooling.taps_place(g, taps, shape=shape, **windows)
    return _placed(g, taps, shape, **windows) if into is None else into


def _placed(g, taps, shape, kernel, stride, padding, dilation):
    count = len(kernel)
    into, sizes = np.zeros(shape, g.dtype), tail(shape, count)
    places = np.unravel_index(taps.astype(np.int64), kernel) if taps.size else (taps,) * count
    starts = _starts(taps.shape, stride, padding)
    flat = np.zeros(taps.shape, np.int64)
    for n, place, start, d in zip(sizes, places, starts, dilation, strict=True):
        flat = flat * n + start + place * d
    planes = into.reshape(-1, prod(sizes))
    rows = np.arange(len(planes))[:, None]
    np.add.at(planes, (rows, flat.reshape(len(planes), -1)), g.reshape(len(planes), -1))
    return into


def _shapes(prim, args, params):
    x = args[0]
    shape = (*shape_of(x)[: len(shape_of(x)) - len(params["size"])], *params["size"])
    return [(shape, element_type(x)), (shape, BYTE)]


max_taps = Primitive("max_taps", _max_taps, ("x",), shape=_shapes, tex="max_taps(x, kernel)")
taps_place = Primitive(
    "taps_place", _taps_place, ("g", "taps"), tex="taps_place(g, taps)",
    shape=lambda prim, args, params: (params["shape"], element_type(args[0])),
)  # fmt: skip


# --- convolutions ---------------------------------------------------------------------------------

PAIRS = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}


def largest_of(y, places):
    """The largest of the windows of `PAIRS`, and, if `places` are asked for, which one that is."""
    size = tuple([n // 2 for n in y.shape[2:]])
    prim = max_taps if places else eager.max_pool
    found = prim.eval(y, **PAIRS, size=size)
    return found if places else (found,)


def _convolution_largest(x, weight, bias=None, *, places, **params):
    given = (x, weight) if bias is None else (x, weight, bias)
    return largest_of(convolution.eval(*given, **params), places)


def _largest_shapes(prim, args, params):
    x, weight = args[:2]
    shape = (shape_of(x)[0], shape_of(weight)[0], *[n // 2 for n in params["size"]])
    return [(shape, element_type(x)), (shape, BYTE)][: 1 + params["places"]]


convolution_largest = Primitive(
    "convolution_largest", _convolution_largest, ("x", "weight", "bias"), shape=_largest_shapes,
    tex="max_taps(convolve(x, weight) + bias)",
)  # fmt: skip
