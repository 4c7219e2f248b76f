"""The level of one running `func.grad` or `func.vjp`: tensors of the level below, on a tape.

Read `ReverseLevel.process`. `reverse.py` sends gradients back over the tape.
"""

from numpy import generic

from ..core.dispatch import below, record
from ..core.handle import LEAF, TensorBase, extra_of, wrap
from ..core.levels import Level
from ..core.modes import LOCAL, STATE
from ..core.node import placeless
from ..core.versions import clock

__all__ = ["Lifted", "ReverseLevel"]

_NO_HOOKS = (
    "torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks. Please open an "
    "issue with your use case."
)

_new = object.__new__


class Lifted:
    """A tensor of the level below, on the tape of a `func.grad` level."""

    __slots__ = ("element_type", "level", "shape", "tensor")
    dtype = None

    def __init__(self, tensor, level):
        self.tensor, self.level = tensor, level
        value = tensor._value
        self.shape = value.shape
        dtype = value.dtype
        self.element_type = value.element_type if dtype is None else dtype


class ReverseLevel(Level):
    """One running `func.grad` or `func.vjp`."""

    records = True

    def __enter__(self):
        if LOCAL.packing is not None:
            raise RuntimeError(_NO_HOOKS)
        return super().__enter__()

    def lift(self, tensor, node=None):
        # wrap(Lifted(tensor, self), node), written out: each operation inside pays for it.
        lifted, handle = _new(Lifted), _new(TensorBase.handle_class)
        lifted.tensor, lifted.level = tensor, self
        value = tensor._value
        dtype = value.dtype
        lifted.shape = value.shape
        lifted.element_type = value.element_type if dtype is None else dtype
        handle._value, handle._node = lifted, node
        handle._grad = handle._view = handle._extra = None
        if STATE.special and LOCAL.inference:
            extra_of(handle).inference = True
        return handle

    def lower(self, handle):
        """The tensor below a handle of this level; anything else is itself below."""
        if isinstance(handle, TensorBase):
            value = handle._value
            if value.__class__ is Lifted and value.level is self:
                return value.tensor
        return handle

    def pair(self, prim, x, y):
        # `process`, written out for the operations that gradients of gradients are made of.
        if STATE.special or STATE.listeners or not self.outer_grad or not self.alive:
            return self.process(prim, (x, y), {})
        xv, yv, of_x, of_y, inner, numbers = x, y, None, None, None, True
        if isinstance(x, TensorBase):
            xv = x._value
            if xv.__class__ is Lifted and xv.level is self:
                of_x = x if x._node is LEAF else x._node
                x = xv.tensor
                xv = x._value
            if xv.dtype is None:
                inner = xv.level
            elif x._node is not None or not isinstance(xv, generic):
                numbers = False
        if isinstance(y, TensorBase):
            yv = y._value
            if yv.__class__ is Lifted and yv.level is self:
                of_y = y if y._node is LEAF else y._node
                y = yv.tensor
                yv = y._value
            if yv.dtype is None:
                if inner is None or yv.level.depth > inner.depth:
                    inner = yv.level
            elif y._node is not None or not isinstance(yv, generic):
                numbers = False
        if inner is not None:
            out = inner.pair(prim, x, y)
        else:
            out = wrap(prim.eval(xv, yv)) if numbers else below(prim, (x, y), {})
        if (of_x is None and of_y is None) or not prim.differentiable:
            return self.lift(out)
        needs = (of_x is not None, of_y is not None)
        plan = prim.plans.get(needs) or prim.plan(needs)
        keeps_x, keeps_y = plan.inputs
        saved = (
            x if keeps_x else None,
            y if keeps_y else None,
            out if plan.out else None,
            prim.kept_shapes((xv, yv)) if plan.shapes else None,
        )
        return self.lift(out, placeless(clock(), prim, (of_x, of_y), saved, {}))

    def process(self, prim, args, params):
        # Tensors from outside are constants here: only what this level made can be tracked.
        lowered, edges, tracked, numbers, inner = [], [], False, True, None
        for a in args:
            edge = None
            if isinstance(a, TensorBase):
                value = a._value
                if value.__class__ is Lifted and value.level is self:
                    node = a._node
                    if node is not None:
                        tracked, edge = True, a if node is LEAF else node
                    a = value.tensor
                    value = a._value
                if value.dtype is None:
                    numbers = False
                    if inner is None or value.level.depth > inner.depth:
                        inner = value.level
                # Scalars of nobody's tape: `below` would evaluate them at once.
                elif numbers and (a._node is not None or not isinstance(value, generic)):
                    numbers = False
            lowered.append(a)
            edges.append(edge)
        if numbers and prim.kind == "elementwise" and not STATE.listeners and not params:
            values = [a._value if isinstance(a, TensorBase) else a for a in lowered]
            out = wrap(prim.eval(*values))
        elif inner is not None and not STATE.special:
            out = inner.process(prim, lowered, params)
        elif self.outer_grad:
            out = below(prim, lowered, params)
        else:
            with self.outside():
                out = below(prim, lowered, params)
        if not self.alive:
            return out
        if tracked and prim.differentiable and (LOCAL.grad or not STATE.special):
            return record(prim, edges, lowered, params, out, self.lift)
        if out.__class__ is tuple:
            return tuple([self.lift(part) for part in out])
        return self.lift(out)
