"""Convolution, its transpose and its weight gradient: three bilinear primitives, closed under
differentiation. Each one's two transposes are the other two, so any order follows.

All take stride, padding, dilation, groups, and `size`: the spatial lengths of what they return.
"""

from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from .base import move_batch, reduce_sum, reshape, transpose
from .convolution_kernels import convolve, input_gradient, weight_gradient
from .define import Conjugated, bilinear
from .structural import spread_batch

__all__ = ["convolution", "convolution_weight", "transposed_convolution"]


def _convolution(x, w, bias=None, *, stride, padding, dilation, groups, size):
    pads = [(p, p) for p in padding]
    return convolve(x, w, bias, stride, pads, dilation, groups, size)


def _transposed(x, w, bias=None, *, stride, padding, dilation, groups, size):
    return input_gradient(x, w, bias, stride, padding, dilation, groups, size)


def _weight(x, g, *, stride, padding, dilation, groups, size):
    return weight_gradient(x, g, stride, padding, dilation, groups, size)


class _Biased(Primitive):
    """A bilinear primitive of x and w plus an optional bias for each channel."""

    __slots__ = ()

    def kept(self, needs):
        """x serves the weight's gradient only, and the weight x's."""
        return {i for i, other in ((0, 1), (1, 0)) if needs[other]} | {-1}

    def backward(self, g, saved, params, edges):
        wants = [edge is not None for edge in edges]
        to_x = {**params, "size": tuple(saved[-1][0])[2:]}
        to_w = {**params, "size": tuple(saved[-1][1])[2:]}
        if self.name == "convolution":
            back = [transposed_convolution(g, saved[1], **to_x) if wants[0] else None,
                    convolution_weight(saved[0], g, **to_w) if wants[1] else None]  # fmt: skip
        else:
            back = [convolution(g, saved[1], **to_x) if wants[0] else None,
                    convolution_weight(g, saved[0], **to_w) if wants[1] else None]  # fmt: skip
        if len(wants) == 3:
            axes = (0, *range(2, len(shape_of(g))))
            back.append(reduce_sum(g, axes=axes, keepdims=False) if wants[2] else None)
        return back


def _tangent(prim):
    def jvp(tangents, primals, out, params):
        tx, tw, tb = [*tangents, None][:3]
        x, w = primals[:2]
        terms = []
        if tx is not None:
            terms.append(prim(tx, w, **params))
        if tw is not None:
            terms.append(prim(x, tw, **params))
        total = terms[0] if len(terms) == 1 else terms[0] + terms[1] if terms else out - out
        return total if tb is None else total + _upright(tb, len(params["size"]))

    return jvp


def _upright(bias, axes):
    """A bias of each channel, shaped to be added to (..., channels, *space)."""
    return reshape(bias, shape=(*shape_of(bias), *(1,) * axes))


# --- vmap: the batch axis is folded into the images, or into the channels as more groups ----------


def fold(tensor, axis, into):
    """The batch axis `axis` as the outer part of logical axis `into`."""
    order = list(range(len(shape_of(tensor))))
    order.remove(axis)
    order.insert(into, axis)
    if order != sorted(order):
        tensor = transpose(tensor, axes=tuple(order))
    shape = tuple(shape_of(tensor))
    return reshape(tensor, shape=(*shape[:into], shape[into] * shape[into + 1], *shape[into + 2 :]))


def unfold(tensor, place, size):
    """The reverse of `fold`: (tensor, batch axis)."""
    shape = tuple(shape_of(tensor))
    parts = (size, shape[place] // size)
    return reshape(tensor, shape=(*shape[:place], *parts, *shape[place + 1 :])), place


def _batch_pair(prim, tensors, axes, params, alone):
    """`alone`: for each input batched by itself (its axis, the output's axis), one group only."""
    x, y = tensors
    size = next(shape_of(t)[a] for t, a in zip(tensors, axes, strict=True) if a is not None)
    for i, (into, place) in enumerate(alone):
        if axes[1 - i] is None and (params["groups"] == 1 or into == 0 == i == place):
            pair = [x, y]
            pair[i] = fold(pair[i], axes[i], into)
            return unfold(prim(*pair, **params), place, size)
    fronted = [
        spread_batch(t, size) if a is None else move_batch(t, a)
        for t, a in zip(tensors, axes, strict=True)
    ]
    weight_last = prim is not convolution_weight
    x, y = fold(fronted[0], 0, 1), fold(fronted[1], 0, 0 if weight_last else 1)
    out = prim(x, y, **{**params, "groups": params["groups"] * size})
    return unfold(out, 1 if weight_last else 0, size)


def _batch_biased(alone):
    def batch(prim, tensors, axes, params):
        if len(tensors) == 2:
            return _batch_pair(prim, tensors, axes, params, alone)
        if axes[2] is None and axes[1] is None:
            size = shape_of(tensors[0])[axes[0]]
            return unfold(prim(fold(tensors[0], axes[0], 0), *tensors[1:], **params), 0, size)
        bias = tensors[2] if axes[2] is None else move_batch(tensors[2], axes[2])
        bias = _upright(bias, len(params["size"]))
        if axes[0] is None and axes[1] is None:
            return _add_lane(prim(*tensors[:2], **params), bias), 0
        out, axis = _batch_pair(prim, tensors[:2], axes[:2], params, alone)
        out = move_batch(out, axis)
        return (out + bias if axes[2] is None else _add_lane(out, bias)), 0

    return batch


def _add_lane(out, bias):
    """`bias` (batch, channels, ...) added to each image."""
    shape = tuple(shape_of(bias))
    return out + reshape(bias, shape=(shape[0], 1, *shape[1:]))


# --- the primitives -----------------------------------------------------------------------------


def _shape(prim, args, params):
    x, w = args[:2]
    channels = shape_of(w)[0]
    return (shape_of(x)[0], channels, *params["size"]), element_type(x)


def _transposed_shape(prim, args, params):
    x, w = args[:2]
    return (shape_of(x)[0], shape_of(w)[1] * params["groups"], *params["size"]), element_type(x)


def _weight_shape(prim, args, params):
    x, g = args
    channels = shape_of(x)[1] // params["groups"]
    return (shape_of(g)[1], channels, *params["size"]), element_type(x)


def _biased(name, eval, alone, shape, tex):
    prim = _Biased(name, eval, ("x", "weight", "bias"), vjp={}, keeps=True,
                   batch=_batch_biased(alone), shape=shape, torch_name="Convolution",
                   tex=tex)  # fmt: skip
    prim.jvp = _tangent(prim)
    prim.conjugated = Conjugated(prim)
    return prim


convolution = _biased(
    "convolution", _convolution, ((0, 0), (0, 1)), _shape, "convolve(x, weight) + bias"
)
transposed_convolution = _biased("transposed_convolution", _transposed, ((0, 0), (1, 1)),
                                 _transposed_shape, "convolve_back(x, weight) + bias")  # fmt: skip


def _weight_to_x(g, x_shape, cotangent, stride, padding, dilation, groups):
    return transposed_convolution(cotangent, g, stride=stride, padding=padding, dilation=dilation,
                                  groups=groups, size=tuple(x_shape)[2:])  # fmt: skip


def _weight_to_cotangent(g, x, cotangent_shape, stride, padding, dilation, groups):
    return convolution(x, g, stride=stride, padding=padding, dilation=dilation, groups=groups,
                       size=tuple(cotangent_shape)[2:])  # fmt: skip


def _batch_weight(prim, tensors, axes, params):
    return _batch_pair(prim, tensors, axes, params, ((1, 1), (1, 0)))


convolution_weight = bilinear(
    "convolution_weight", _weight, x=_weight_to_x, cotangent=_weight_to_cotangent,
    batch=_batch_weight, shape=_weight_shape, torch_name="ConvolutionBackward",
    tex="convolve_weight(x, cotangent)",
)  # fmt: skip
