"""Forward mode: a value and its tangent travel together (dual numbers). Read `process`."""

from ..core.dispatch import below
from ..core.handle import TensorBase, element_type, extra_of, wrap
from ..core.levels import Level
from ..core.modes import LOCAL, STATE

__all__ = ["Dual", "ForwardLevel"]


_new = object.__new__
_DIFFERENTIABLE = "fcV"  # kinds of NumPy's types


class Dual:
    __slots__ = ("element_type", "level", "shape", "tangent", "tensor")
    dtype = None

    def __init__(self, tensor, tangent, level):
        self.tensor, self.tangent, self.level = tensor, tangent, level
        value = tensor._value
        self.shape = value.shape
        dtype = value.dtype
        self.element_type = value.element_type if dtype is None else dtype


class ForwardLevel(Level):
    """One running `func.jvp`."""

    def lift(self, tensor, tangent):
        # wrap(Dual(tensor, tangent, self)), written out: each operation inside pays for it.
        dual, handle = _new(Dual), _new(TensorBase.handle_class)
        dual.tensor, dual.tangent, dual.level = tensor, tangent, self
        value = tensor._value
        dtype = value.dtype
        dual.shape = value.shape
        dual.element_type = value.element_type if dtype is None else dtype
        handle._value = dual
        handle._node = handle._grad = handle._view = handle._extra = None
        if STATE.special and LOCAL.inference:
            extra_of(handle).inference = True
        return handle

    def split(self, handle):
        """(primal, tangent or None) of a handle, both of the level below."""
        if isinstance(handle, TensorBase):
            value = handle._value
            if value.__class__ is Dual and value.level is self:
                return value.tensor, value.tangent
        return handle, None

    def process(self, prim, args, params):
        primals, tangents, moving = [], [], False
        for a in args:
            tangent = None
            if isinstance(a, TensorBase):
                value = a._value
                if value.__class__ is Dual and value.level is self:
                    a, tangent, moving = value.tensor, value.tangent, True
            primals.append(a)
            tangents.append(tangent)
        out = below(prim, primals, params)
        if not moving or not self.alive or not prim.differentiable:
            return out
        if out.__class__ is not tuple and element_type(out).kind not in _DIFFERENTIABLE:
            return out  # integers and booleans do not move
        if prim.jvp is None:
            raise NotImplementedError(
                f"Trying to use forward AD with {prim.name} that does not support it because it "
                "has not been implemented yet."
            )
        tangent = prim.jvp(tangents, primals, out, params)
        if out.__class__ is tuple:
            return tuple(
                [
                    part if t is None else self.lift(part, _handle(t))
                    for part, t in zip(out, tangent, strict=True)
                ]
            )
        return out if tangent is None else self.lift(out, _handle(tangent))


def _handle(tangent):
    return tangent if isinstance(tangent, TensorBase) else wrap(tangent)
