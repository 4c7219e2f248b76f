"""Convolution, its transpose and its weight gradient: the three maps of one trilinear form.

Images (n, c, *space), weights (o, c, *space) and results (n, o, *space): any two give the third, so
the gradients of each are the other two, and any order follows (`trilinear.py`). All take stride,
padding, dilation, groups, and `size`: the spatial lengths of what they return.
"""

from .convolution_kernels import convolve, input_gradient, weight_gradient
from .trilinear import Form, Partial, Trilinear

__all__ = ["convolution", "convolution_weight", "transposed_convolution"]


def _convolution(x, w, bias=None, *, stride, padding, dilation, groups, size):
    pads = [(p, p) for p in padding]
    return convolve(x, w, bias, stride, pads, dilation, groups, size)


def _transposed(x, w, bias=None, *, stride, padding, dilation, groups, size):
    return input_gradient(x, w, bias, stride, padding, dilation, groups, size)


def _weight(x, g, *, stride, padding, dilation, groups, size):
    return weight_gradient(x, g, stride, padding, dilation, groups, size)


IMAGE, WEIGHT, RESULT = range(3)
FORM = Form("nc", "oc", "no", blocks=(1, 0, 1), inner=(WEIGHT, "c"))


def _map(make, name, kernel, inputs, takes, gives, torch_name, tex):
    prim = make(name, kernel, inputs, vjp={}, keeps=True, torch_name=torch_name, tex=tex)
    prim.form, prim.takes, prim.gives = FORM, takes, gives
    FORM.maps[gives] = prim
    return prim


convolution = _map(
    Trilinear, "convolution", _convolution, ("x", "weight", "bias"), (IMAGE, WEIGHT), RESULT,
    "Convolution", "convolve(x, weight) + bias",
)  # fmt: skip
transposed_convolution = _map(
    Partial, "transposed_convolution", _transposed, ("x", "weight", "bias"), (RESULT, WEIGHT),
    IMAGE, "Convolution", "convolve_back(x, weight) + bias",
)  # fmt: skip
convolution_weight = _map(
    Partial, "convolution_weight", _weight, ("x", "cotangent"), (IMAGE, RESULT), WEIGHT,
    "ConvolutionBackward", "convolve_weight(x, cotangent)",
)  # fmt: skip
convolution_weight.kind = "bilinear"  # it has no bias

for _prim in FORM.maps.values():
    _prim.complete()
