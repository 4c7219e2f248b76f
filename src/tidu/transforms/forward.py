"""Forward mode: a value and its tangent travel together (dual numbers). Read `process`."""

from ..core.dispatch import apply
from ..core.handle import TensorBase, element_type, wrap
from ..core.levels import Level

__all__ = ["Dual", "ForwardLevel"]


class Dual:
    __slots__ = ("level", "tangent", "tensor")
    dtype = None

    def __init__(self, tensor, tangent, level):
        self.tensor, self.tangent, self.level = tensor, tangent, level

    @property
    def shape(self):
        return self.tensor._value.shape

    @property
    def element_type(self):
        return element_type(self.tensor)


class ForwardLevel(Level):
    """One running `func.jvp`."""

    def lift(self, tensor, tangent):
        return wrap(Dual(tensor, tangent, self))

    def split(self, handle):
        """(primal, tangent or None) of a handle, both of the level below."""
        if isinstance(handle, TensorBase):
            value = handle._value
            if value.__class__ is Dual and value.level is self:
                return value.tensor, value.tangent
        return handle, None

    def process(self, prim, args, params):
        pairs = [self.split(a) for a in args]
        primals = [p for p, _ in pairs]
        tangents = [t for _, t in pairs]
        out = apply(prim, *primals, **params)
        if not self.alive or not prim.differentiable or all(t is None for t in tangents):
            return out
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
