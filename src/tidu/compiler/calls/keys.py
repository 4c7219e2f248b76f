"""What kind of call a call is: the key under which its versions are kept.

Sizes, types and modes of the arguments, and their constants. `difference` says in words in what
two keys differ; `loosened` is a key without the sizes.
"""

from itertools import pairwise

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ...core.handle import TensorBase
from ...core.modes import LOCAL, OTHERS, STATE, grad_enabled
from ...dtypes import DEFAULT
from ..recording.numbers import is_open

__all__ = ["difference", "key_of", "loosened", "opened", "overlap"]

_OWN = __name__.partition(".")[0]


def key_of(leaves, spec):
    """What decides which version serves: None where that can't be told."""
    seen, parts = {}, []
    for leaf in leaves:
        if isinstance(leaf, TensorBase):
            value = leaf._value
            if value.dtype is None:
                return None
            same = seen.setdefault(id(leaf), len(seen))
            parts.append((value.shape, value.dtype, leaf._node is not None,
                          leaf._grad is None, same,
                          value.flags.c_contiguous or value.strides))  # fmt: skip
        else:
            parts.append((leaf.__class__, _identity(leaf)))
    try:
        others = tuple([told() for told in OTHERS.values()]) if STATE.special else None
        key = (_plain(spec), tuple(parts), grad_enabled(), LOCAL.inference, DEFAULT.numpy,
               others if others and any(others) else None)  # fmt: skip
        hash(key)
    except TypeError:
        return None
    return key


def loosened(key):
    """A key without the sizes of the tensors and without numbers."""
    spec, parts, *modes = key
    return spec, tuple([_loosened(p) for p in parts]), *modes


def opened(key):
    """A key that is the same for all floats among the arguments; None where there are none."""
    spec, parts, *modes = key
    if not any(map(is_open, parts)):
        return None
    return spec, tuple([(float,) if is_open(p) else p for p in parts]), *modes


def _loosened(part):
    if len(part) > 2:
        return (len(part[0]), *part[1:])
    return part[:1] if part[0] in (int, float) else part


def difference(key, other):
    """In what a call of the first kind differs from one of the other, in words."""
    spec, parts, *modes = key
    was, olds, *others = other
    if spec != was:
        return "its arguments are nested in another way, or are others"
    for i, (part, old) in enumerate(zip(parts, olds, strict=True)):
        if part != old:
            return f"argument {i}: {_part(part, old)}"
    names = ("whether gradients are recorded", "inference mode", "the default data type",
             " or ".join(OTHERS))  # fmt: skip
    for name, now, before in zip(names, modes, others, strict=True):
        if now != before:
            return f"{name} is not what it was"
    return None


def _part(part, old):
    if len(part) != len(old) or len(part) <= 2:
        return f"it is {_told(part)}, it was {_told(old)}"
    if part[:2] != old[:2]:
        return f"a tensor is {_told(part)}, it was {_told(old)}"
    what = ("whether it requires a gradient", "whether it has a .grad", "which argument it also is",
            "the order in which it lies in memory")  # fmt: skip
    k = next(k for k in range(2, 6) if part[k] != old[k])
    return f"{what[k - 2]} is not what it was"


def _told(part):
    if len(part) == 1:
        return f"any {part[0].__name__}"
    if len(part) > 2:
        return f"{part[1]}{list(part[0])}"
    what = part[1]
    what = what.thing if what.__class__ is _Same else what
    text = repr(what) if part[0] is not float else repr(float.fromhex(what))
    return text if len(text) <= 40 else text[:37] + "..."


class _Same:
    """Stands for an object in a key: equal to itself alone, whatever its class says."""

    __slots__ = ("thing",)

    def __init__(self, thing):
        self.thing = thing

    def __eq__(self, other):
        return other.__class__ is _Same and self.thing is other.thing

    def __hash__(self):
        return id(self.thing)


def _identity(leaf):
    """What tells a constant from others: 0.0 is not -0.0, and a user's `==` decides nothing."""
    kind = leaf.__class__
    if kind in (int, str, bool, bytes, type(None), type):
        return leaf
    if kind is float:
        return leaf.hex()
    if kind is complex:
        return leaf.real.hex(), leaf.imag.hex()
    if isinstance(leaf, np.generic):
        return leaf.dtype, leaf.tobytes()
    if kind.__module__.partition(".")[0] == _OWN and kind.__hash__ is not None:
        return leaf
    return _Same(leaf) if kind.__hash__ is not None else leaf


def overlap(tensors):
    """Whether two of the tensors (that are not the same) may share memory."""
    spans = []
    for value in {id(t): t._value for t in tensors}.values():
        if value.__class__ is np.ndarray and value.size:
            spans.append(byte_bounds(value))
    spans.sort()
    return any(start < end for (_, end), (start, _) in pairwise(spans))


def _plain(spec):
    context = spec.context
    return (spec.type, tuple(context) if isinstance(context, list) else context,
            tuple([_plain(child) for child in spec.children_specs]))  # fmt: skip
