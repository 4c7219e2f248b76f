"""Where a value is reduced whose own loop reduces over other axes.

A loop reduces over one set of axes. `reducing` finds another that goes through the same memory and
reduces over these, or begins one; and what makes the value goes there if nothing else reads it, so
that it is computed where it is added up and lies in no memory.
"""

from ...program.ir import Variable
from .steps import Fused, reads_of, step_of, within

__all__ = ["reducing"]


def reducing(made, e, x, step, axes):
    """The place of the step of a plan in which `e` reduces x over these axes; not `step`, which
    computes x, if one does."""
    maker = _goes_along(made, e, x, step)
    ins = [x] if maker is None else [i for i in maker.ins if isinstance(i, Variable)]
    k = _alike(made, x.shape, axes, ins)
    if k is None:
        made.steps.append(Fused(x.shape))
        k = len(made.steps) - 1
    if maker is not None:
        step.equations.remove(maker)
        step.inside.remove(x)
        made.steps[k].equations.append(maker)
        made.steps[k].inside.add(x)
        made.ready[x] = within(k)
    return k


def _goes_along(made, e, x, step):
    """The equation that makes x, if this reduction alone reads it, and what it reads lies in memory
    in any case: then x need not."""
    if not isinstance(step, Fused) or x not in step.inside or x in made.refs:
        return None
    if step.operands or made.readers[x] != [e]:
        return None
    (maker,) = [one for one in step.equations if one.outs[0] is x]
    inside = [i for i in maker.ins if i in step.inside and i not in made.refs]
    later = all(made.places[made.readers[i][-1]] > made.places[e] for i in inside)
    reads = any(isinstance(i, Variable) for i in maker.ins)
    return maker if reads and later and len(inside) <= 1 else None


def _alike(made, shape, axes, ins):
    """The last nest that reduces over these axes, goes through some of these and may read all."""
    first = max(step_of(made.ready[i]) for i in ins)
    for k in range(len(made.steps) - 1, first, -1):
        step = made.steps[k]
        alike = isinstance(step, Fused) and (step.shape, step.reduced) == (tuple(shape), axes)
        if alike and not step.operands and not set(ins).isdisjoint(reads_of(step)):
            return k
    return None
