"""Operations by functions of their own that write where they are told: into a program's memory,
where others come before and after them in the same place.

``INTO[primitive](outs, *ins, **params)`` gives None where the function does not serve; nothing has
been written then.
"""

from ...primitives.convolution import convolution, transposed_convolution
from . import convolution as convolutions
from . import maxima, pooling
from .convolution_epilogues import Results

__all__ = ["INTO"]


def _convolution(transposed):
    def run(outs, *ins, **params):
        return convolutions.into(Results(outs[0]), transposed, *ins, **params)

    return run


def _max_taps(outs, x, **windows):
    return pooling.max_taps(x, **windows, outs=outs)


def _taps_place(outs, g, taps, *, size, **windows):
    return pooling.taps_place(g, taps, **windows, into=outs[0])


def _largest(outs, x, weight, bias=None, *, places, **params):
    return convolutions.largest(outs, x, weight, bias, **params)


INTO = {
    convolution: _convolution(False), transposed_convolution: _convolution(True),
    maxima.convolution_largest: _largest,
    maxima.max_taps: _max_taps, maxima.taps_place: _taps_place,
}  # fmt: skip
