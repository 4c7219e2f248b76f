"""Buffers that take the place of others: what a loop writes can lie where it reads, for the last
time, the element of the same index.

A loop over elements reads all it needs of an element before it writes there, and no other element:
so both arrays need the room of one. `heirs(plan, lives)` is the way in.
"""

from math import prod

from .steps import Fused, reads_of

__all__ = ["heirs"]


def heirs(made, lives):
    """{buffer: the one before it in its place}, in the order of the steps. `lives`: {buffer: (the
    first step that writes it, the last that reads it)} of those that may share memory."""
    found, given_up = {}, set()
    for k, step in enumerate(made.steps):
        if not isinstance(step, Fused) or step.operands:
            continue
        read, written = _uses(made, step, reads_of(step)), _uses(made, step, step.inside)
        for slot, how in written.items():
            if how is None or slot not in lives or lives[slot][0] != k:
                continue
            for other, same in read.items():
                ends = other in lives and lives[other][1] == k and other not in given_up
                if ends and same == how and other not in written:
                    found[slot] = other
                    given_up.add(other)
                    break
    return found


def _uses(made, step, variables):
    """{buffer: how a step goes through it, (strides, bytes of an element)}; None where it reads or
    writes in two ways, or not each element of the buffer once."""
    found = {}
    for v in variables:
        ref = made.refs.get(v)
        if ref is not None:
            whole = not ref.offset and made.buffers[ref.buffer][1] == prod(step.shape)
            how = (tuple(ref.broadcast(step.shape)), ref.dtype.itemsize) if whole else None
            found[ref.buffer] = how if found.setdefault(ref.buffer, how) == how else None
    return found
