"""The conjugate and the negative bit: views that conjugate and negate what they show when it is
read (`Unresolved`).

A view of an unresolved tensor is unresolved, too; every other operation computes with the elements.
Inside a transform the elements are computed at once, and the steps of the view say what a write has
to undo. Read `conj_view`, then `Resolving.process`.
"""

import numpy as np
from numpy import ndarray

from ..base.errors import hinted
from ..core.dispatch import computed, edges_of, link, record
from ..core.handle import TensorBase, Unresolved, wrap
from ..core.levels import Reading
from ..core.modes import LOCAL, STATE, grad_enabled
from ..core.versions import owner
from .arithmetic import imag, neg, real
from .base import conj
from .structural import as_real, detach

__all__ = ["BIT_STEPS", "Resolving", "bits_of", "conj_view", "neg_view", "signs_of", "stored",
           "turned", "unresolved_step"]  # fmt: skip

BIT_STEPS = (conj, neg)  # among the steps of a view: the bits


def conj_view(x):
    """The conjugate of a complex tensor as a view of it."""
    return _turned_view(conj, x)


def neg_view(x):
    """The negative of a tensor as a view of it."""
    return _turned_view(neg, x)


def _turned_view(prim, x):
    value = x._value
    staged = STATE.special and LOCAL.stage is not None
    if not staged and (value.dtype is not None or value.__class__ is Unresolved):
        value = x._array()
        out = turned(value, prim is conj, prim is neg)
        if x._node is not None and grad_enabled():
            result = record(prim, edges_of((x,)), [value], {}, out, wrap)
        else:
            result = wrap(out)
        for listener in STATE.listeners:
            listener.applied(prim, (x,), {}, result)
    else:
        result = prim(x)
    link(prim, {}, x, result)
    return result


def turned(value, conj=False, neg=False):
    """Memory, or what is unresolved, with these bits turned over."""
    if value.__class__ is Unresolved:
        value, conj, neg = value.memory, conj is not value.conj, neg is not value.neg
    return Unresolved(value, conj, neg) if conj or neg else value[...]


def stored(value, new):
    """What a value keeps in its memory where `new` is to be read."""
    if value.__class__ is not Unresolved:
        return new
    return Unresolved(np.asarray(new), value.conj, value.neg).resolved()


def unresolved_step(value, prim, params):
    """One step of a view from memory or from what is unresolved: (the next, perhaps several)."""
    if prim in BIT_STEPS:
        return turned(value, prim is conj, prim is neg)
    if value.__class__ is not Unresolved:
        return prim.eval(value, **params)
    conjugate, negative = value.conj, value.neg
    if prim is real or prim is imag:
        conjugate, negative = False, negative is not (conjugate and prim is imag)
    found = prim.eval(value.memory, **params)
    several = found.__class__ is tuple
    parts = [_seen(part, value.memory, conjugate, negative)
             for part in (found if several else (found,))]  # fmt: skip
    return tuple(parts) if several else parts[0]


def _seen(part, memory, conjugate, negative):
    if not conjugate and not negative:
        return part
    out = Unresolved(part, conjugate, negative)
    shared = part.__class__ is ndarray and owner(part) is owner(memory)
    return out if shared else out.resolved()


def bits_of(handle):
    """(conjugate bit, negative bit) of a handle; inside a transform its steps tell them."""
    value, view = handle._value, handle._view
    if value.__class__ is Unresolved:
        return value.conj, value.neg
    if value.dtype is not None:
        return False, False
    if view is None:
        return bits_of(value.tensor) if hasattr(value, "tensor") else (False, False)
    return signs_of(view.steps, *bits_of(view.base))


def signs_of(steps, conjugate=False, negative=False):
    """The bits that a view has, from those of its base."""
    for step, _ in steps:
        if step is conj:
            conjugate = not conjugate
        elif step is neg:
            negative = not negative
        elif step is imag or step is real:
            conjugate, negative = False, negative is not (conjugate and step is imag)
    return conjugate, negative


class Resolving(Reading):
    """The level of all unresolved values, below every transform."""

    depth = -0.5  # a trace has 0
    alive = by_hand = False

    @staticmethod
    def process(prim, args, params):
        value = args[0]._value if isinstance(args[0], TensorBase) else None
        if value.__class__ is Unresolved:
            if prim is conj or prim is detach:
                return _looked(prim, args, params, turned(value, conj=prim is conj))
            if prim.is_view and not (value.conj and prim is as_real):
                return _looked(prim, args, params, unresolved_step(value, prim, params))
        values, tracked = [], False
        for a in args:
            if isinstance(a, TensorBase):
                tracked = tracked or a._node is not None
                a = a._value
                if a.__class__ is Unresolved:
                    a = a.resolved()
            values.append(a)
        return computed(prim, args, values, params, tracked)

    @staticmethod
    def resolved(value):
        out = conj.eval(value.memory) if value.conj else value.memory
        return neg.eval(out) if value.neg else out

    @staticmethod
    def refuse_array(value):
        bit = "conjugate" if value.conj else "negative"
        call = "resolve_conj" if value.conj else "resolve_neg"
        raise RuntimeError(hinted(
            f"Can't call numpy() on Tensor that has {bit} bit set. Use tensor.{call}().numpy() "
            "instead.",
            "the memory holds the numbers before that; numpy(force=True) copies, too.",
        ))  # fmt: skip


def _looked(prim, args, params, out):
    if prim.differentiable and args[0]._node is not None and grad_enabled():
        return record(prim, edges_of(args), [args[0]._value, *args[1:]], params, out, wrap)
    return tuple([wrap(part) for part in out]) if out.__class__ is tuple else wrap(out)


Unresolved.level = Resolving()
