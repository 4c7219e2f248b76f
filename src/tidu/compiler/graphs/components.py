"""Nests taken apart into what has nothing to do with each other.

The schedule puts all equations over one space into one nest. Where they share no value and read no
array together, one loop would only be longer: apart, loops for parameters of one shape are the same
function, and each keeps few streams of memory open. `parted` is the way in.
"""

from ...program.ir import Variable

__all__ = ["parted"]


def parted(step, refs, make):
    """The steps that a nest is; `make(shape)` gives an empty one."""
    if len(step.equations) < 2 or step.operands:
        return [step]
    groups = _Groups()
    written = {refs[v].buffer for v in step.inside if v in refs}
    for e in step.equations:
        _join(groups, step, e, refs, written)
    for k, (_, term, out) in enumerate(step.reductions):
        groups.join(("reduction", k), term if term in step.inside else _memory(refs, term))
        groups.join(("reduction", k), ("memory", refs[out].buffer))
    parts = {}
    for e in step.equations:
        parts.setdefault(groups.of(e.outs[0]), ([], []))[0].append(e)
    for k, reduction in enumerate(step.reductions):
        parts.setdefault(groups.of(("reduction", k)), ([], []))[1].append(reduction)
    if len(parts) == 1:
        return [step]
    out = []
    for equations, reductions in parts.values():
        part = make(step.shape)
        part.equations, part.reductions = equations, reductions
        part.reduced = step.reduced if reductions else None
        part.inside = {v for e in equations for v in e.outs}
        out.append(part)
    return out


def _memory(refs, v):
    return "memory", refs[v].buffer


def _join(groups, step, e, refs, written):
    """With the equations whose values it uses, and with all that reads or writes what it does;
    numbers of no dimensions that many read do not count, unless one of them writes there."""
    (out,) = e.outs
    if out in refs:
        groups.join(out, _memory(refs, out))
    for v in e.ins:
        if isinstance(v, Variable):
            if v in step.inside:
                groups.join(out, v)
            elif refs[v].size > 1 or refs[v].buffer in written:
                groups.join(out, _memory(refs, v))


class _Groups:
    """Things joined pair by pair."""

    def __init__(self):
        self.parents = {}

    def of(self, thing):
        while (parent := self.parents.get(thing, thing)) is not thing:
            thing = parent
        return thing

    def join(self, a, b):
        a, b = self.of(a), self.of(b)
        if a is not b and a != b:
            self.parents[a] = b
