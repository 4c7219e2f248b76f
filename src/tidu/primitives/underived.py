"""Results of which the way back is known beforehand: refused, or zero.

Both primitives give their first input as it is; the others are what it was computed from.
"""

from ..core.handle import element_type, shape_of
from ..core.primitive import Primitive
from .base import at_front, batch_size
from .fused import fused

__all__ = ["refused", "unmoved"]


def _first(x, *rest, kind, says, forward):
    return x


def _refuse(g, kind, says):
    raise kind(says)


def _refuse_forward(tangents, primals, out, params):
    raise NotImplementedError(
        f"Trying to use forward AD with {params['forward']} that does not support it."
    )


def _batch(prim, tensors, axes, params):
    x = at_front(tensors[0], axes[0], batch_size(tensors, axes))
    return prim(x, *tensors[1:], **params), 0


# `kind` and `says` are the error of the backward pass, `forward` the name that forward mode gives.
refused = Primitive(
    "not_implemented", _first, ("x",), pullback=_refuse, jvp=_refuse_forward, batch=_batch,
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])), tex="x",
)  # fmt: skip

unmoved = fused("unmoved", "x", lambda x, y: x, inputs=("x", "y"), saves={"y": ()})
