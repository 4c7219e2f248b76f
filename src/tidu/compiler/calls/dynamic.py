"""Sizes that vary, where `dynamic=True` or `mark_dynamic` says so: learnt before anything is made.

The function is recorded once more, with another leading size: the numbers in which the texts of
the two differ are then read from a table by the machine code that is made (`shared_code.py`), so
that it serves all sizes.
"""

from math import gcd

import numpy as np

from ...base import tree
from ...core.handle import LEAF, wrap
from ..machine import shared_code
from ..recording.breaks import Undecided
from ..recording.capture import capture
from .versions import version_of

__all__ = ["at_other_sizes", "is_dynamic", "learn"]

_MARKS = "_dynamo_dynamic_indices"


def is_dynamic(dynamic, tensors):
    """Whether sizes vary: all of them, or those of a tensor marked by `mark_dynamic`."""
    return bool(dynamic) or any(_MARKS in t.__dict__ for t in tensors)


def learn(function, args, kwargs, tensors, reached):
    """Note the texts that other sizes have; nothing is learnt where they make an error."""
    for given, others in at_other_sizes(args, kwargs, tensors):
        reach = reached(function, *given)
        try:
            captured = capture(function, *given, reach)
            with shared_code.noting():
                version_of(captured, reach, others, True)
        except (Exception, Undecided):
            continue
        return


def at_other_sizes(args, kwargs, tensors):
    """((args, kwargs), the tensors among them) for other sizes that a function may take."""
    for sizes in _candidates(tensors):
        others = {id(t): _at(t, s) for t, s in zip(tensors, sizes, strict=True)}
        if not any(t is None for t in others.values()):
            given = tree.map(lambda a, others=others: others.get(id(a), a), (args, kwargs))
            yield given, [others[id(t)] for t in tensors]


def _candidates(tensors):
    """Lists of shapes to try: the marked sizes changed, or the leading ones, wherever an argument
    has them, and then in the first place alone."""
    shapes = [tuple(t._value.shape) for t in tensors]
    marked = {s[a] for s, t in zip(shapes, tensors, strict=True)
              for a in t.__dict__.get(_MARKS, ()) if s[a] > 1}  # fmt: skip
    leading = marked or {s[0] for s in shapes if s and s[0] > 1}
    if not leading:
        return []
    first = max(leading)
    out = []
    for more in (_step(leading), first):  # twice the size, where halves are taken
        out.append([tuple([n + more * (n in leading) for n in s]) for s in shapes])
        out.append([tuple([n + more * (n == first) for n in s]) for s in shapes])
        out.append([(s[0] + more * (s[0] == first), *s[1:]) if s else s for s in shapes])
    return out


def _step(sizes):
    """What to add, so that the new sizes are such as networks seldom have elsewhere: where a size
    equals another, loops are joined that are apart at all other sizes."""
    return next((k for k in range(1, 60) if all(gcd(n + k, 30) == 1 for n in sizes)), 1)


def _at(tensor, shape):
    """A tensor of another size in the place of this one; None where it can't be made."""
    value = tensor._value
    if shape == tuple(value.shape):
        return tensor
    if tensor._grad is not None or tensor._extra is not None:
        return None
    other = wrap(np.zeros(shape, value.dtype))
    other._node = LEAF if tensor._node is not None else None
    return other
