"""A function with derivatives of its own as a primitive, for every transform at once.

`with_rules` makes one for a call: value by any code, forward and backward rule by tidu functions.
Because the rules are given the result as a tensor of the level they run on, derivatives of any
order come from applying them again.
"""

from ..base.errors import hinted
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.modes import set_grad
from ..core.primitive import Primitive

__all__ = ["check_closure", "detached", "with_rules"]


def with_rules(name, value, forward, backward, inputs, like=0, batch=None, shape=None):
    """value(*inputs) with derivatives `forward` and `backward`.

    value(*tensors) -> tensor: runs on untracked tensors in memory.
    forward(tangents, tensors, out) -> tangent of out; a tangent is None where it is zero.
    backward(g, tensors, out, needs) -> a cotangent (or None) for each input.
    `inputs` are tensors; the output has the shape `shape`, or that of input `like`.
    """

    def eval(*arrays):
        was = set_grad(False)
        try:
            return value(*[wrap(a) for a in arrays])._value
        finally:
            set_grad(was)

    def pullback(g, x, rest, out, needs):
        raw = not any(isinstance(v, TensorBase) for v in (g, x, out, *rest))
        found = backward(_handle(g), [_handle(v) for v in (x, *rest)], _handle(out), needs)
        return [c._value if raw and c is not None else c for c in found]

    def jvp(tangents, primals, out, params):
        return forward([None if t is None else _handle(t) for t in tangents],
                       [_handle(p) for p in primals], _handle(out))  # fmt: skip

    prim = Primitive(
        name, eval, ("x",), pullback=pullback, jvp=jvp, batch=batch,
        shape=lambda prim, args, params: (
            tuple(shape_of(args[like])) if shape is None else shape, element_type(args[like])),
    )  # fmt: skip
    return prim(*inputs)


def _handle(value):
    return value if isinstance(value, TensorBase) else wrap(value)


def detached(values):
    """The values without their history, at whatever level they are."""
    return [v.detach() if isinstance(v, TensorBase) else v for v in values]


def check_closure(what, function, values):
    """Refuse a function that uses a tracked tensor which is not one of its arguments."""
    out = function(*detached(values))
    if isinstance(out, TensorBase) and out._node is not None:
        raise RuntimeError(hinted(
            f"{what} uses a tensor that requires a gradient and is not one of its arguments.",
            "its derivative would be lost: pass the tensor in args and use it from there.",
        ))  # fmt: skip
    return out
