"""What kind of call a call is: the key under which its versions are kept.

Sizes, types and modes of the arguments, and their constants. `difference` says in words in what
two keys differ; `loosened` is a key without the sizes.
"""

from itertools import pairwise
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ...base.dtypes import DEFAULT
from ...base.naming import RENAMED
from ...core.handle import LEAF, TensorBase, is_inference
from ...core.modes import LOCAL, OTHERS, STATE, grad_enabled
from ...core.node import NOWHERE, Node, ends_here
from ...core.versions import owner
from ..recording.reach import hooks_seen

__all__ = ["difference", "floats_in", "is_varying", "key_of", "loosened", "opened",
           "overlap"]  # fmt: skip

_OWN = __name__.partition(".")[0]


class Key(NamedTuple):
    """A kind of call: how the arguments are nested, a part for each, and the modes."""

    spec: tuple
    parts: tuple
    grad: bool
    inference: bool
    default: object  # data type
    others: object  # what the modes of `core.modes.OTHERS` say, or None


class TensorPart(NamedTuple):
    """A tensor among the arguments."""

    kind: type
    shape: tuple
    dtype: object
    # None, LEAF, Node where it was computed from what requires a gradient, or NOWHERE
    tracked: object
    gradient: object  # None, or (shape, dtype, tracked, order) of its `.grad`
    same: int  # the number of the tensor it is among the arguments
    order: object  # True: in C order; otherwise its strides
    hooks: tuple = ()  # that a gradient meets there
    inference: bool = False  # whether it was made in inference mode, while that is left


class ConstantPart(NamedTuple):
    """Anything else; `value` may be ANY of its type."""

    kind: type
    value: object


ANY = object()


def is_varying(leaf):
    """Whether an argument is a number that may be an input of a program (see `numbers.py`)."""
    return leaf.__class__ is float and isfinite(leaf)


def floats_in(leaves):
    return [a for a in leaves if a.__class__ is float and isfinite(a)]


def key_of(leaves, spec):
    """What decides which version serves: None where that can't be told."""
    seen, parts = {}, []
    for leaf in leaves:
        if isinstance(leaf, TensorBase):
            gradient = None if leaf._grad is None else _form(leaf._grad)
            form = None if gradient is False else _form(leaf)
            if not form:
                return None
            same = seen.setdefault(id(leaf), len(seen))
            *first, order = form
            left = not LOCAL.inference and is_inference(leaf)
            parts.append(
                TensorPart(leaf.__class__, *first, gradient, same, order, _hooks(leaf), left)
            )
        else:
            parts.append(ConstantPart(leaf.__class__, _identity(leaf)))
    try:
        others = tuple([told() for told in OTHERS.values()]) if STATE.special else None
        key = Key(_plain(spec), tuple(parts), grad_enabled(), LOCAL.inference, DEFAULT.numpy,
                  others if others and any(others) else None)  # fmt: skip
        hash(key)
    except TypeError:
        return None
    return key


def _form(tensor):
    """(shape, dtype, whether it is tracked, order) of a tensor; False where that can't be told."""
    value = tensor._value
    if value.dtype is None:
        return False
    order = value.flags.c_contiguous or value.strides
    node = tensor._node
    if node is not None and node is not LEAF:
        node = NOWHERE if ends_here(node) else Node
    return value.shape, value.dtype, node, order


def _hooks(tensor):
    """The hooks of a tensor, one by one where it is a leaf."""
    if tensor._node is None:
        return ()
    seen = hooks_seen(tensor)
    if not seen or tensor._node is not LEAF:
        return tuple(map(type, seen))
    return tuple([tuple(map(_Same, hooks.values())) for hooks in seen])


def loosened(key):
    """A key without the sizes of the tensors and without numbers."""
    return key._replace(parts=tuple([_loosened(p) for p in key.parts]))


def opened(key):
    """A key that is the same for all floats among the arguments; None where there are none."""
    if not any(map(_is_open, key.parts)):
        return None
    return key._replace(parts=tuple([
        ConstantPart(float, ANY) if _is_open(p) else p for p in key.parts
    ]))  # fmt: skip


def _is_open(part):
    """Whether it is a float that may be another one at another call."""
    if part.__class__ is TensorPart or part.kind is not float or part.value is ANY:
        return False
    return isfinite(float.fromhex(part.value))


def _loosened(part):
    if part.__class__ is TensorPart:
        gradient = part.gradient and (len(part.gradient[0]), *part.gradient[1:])
        return part._replace(shape=len(part.shape), gradient=gradient)
    return ConstantPart(part.kind, ANY) if part.kind in (int, float) else part


def difference(key, other, names=()):
    """In what a call of the first kind differs from one of the other, in words; `names`: of the
    parameters of the function."""
    if key.spec != other.spec:
        return "its arguments are nested in another way, or are others"
    for i, (part, old) in enumerate(zip(key.parts, other.parts, strict=True)):
        if part != old:
            return f"{_paths(key.spec, names)[i]}: {_difference(part, old)}"
    modes = {"grad": "whether gradients are recorded", "inference": "inference mode",
             "default": "the default data type", "others": " or ".join(OTHERS)}  # fmt: skip
    for field, name in modes.items():
        if getattr(key, field) != getattr(other, field):
            return f"{name} is not what it was"
    return None


def _paths(spec, names):
    """How a user writes each of the arguments: `x`, `batch['mask']`, `layers[0]`."""
    given, named = spec[2]
    words = [*names[: len(given[2])], *[f"argument {i}" for i in range(len(names), len(given[2]))]]
    found = [
        path for word, part in zip(words, given[2], strict=True) for path in _inner(part, word)
    ]
    for word, part in zip(named[1], named[2], strict=True):
        found += _inner(part, word)
    return found


def _inner(spec, path):
    kind, context, children = spec
    if kind is None:
        return [path]
    keys = context if isinstance(context, tuple) and len(context) == len(children) else None
    keys = keys if issubclass(kind, dict) and keys else range(len(children))
    return [inner for key, child in zip(keys, children, strict=True)
            for inner in _inner(child, f"{path}[{key!r}]")]  # fmt: skip


def _difference(part, old):
    if part.__class__ is not TensorPart or old.__class__ is not TensorPart:
        return f"it is {_told(part)}, it was {_told(old)}"
    if (part.shape, part.dtype) != (old.shape, old.dtype):
        return f"a tensor is {_told(part)}, it was {_told(old)}"
    names = {"tracked": "whether it requires a gradient, or is a leaf", "gradient": "its .grad",
             "kind": "its class",
             "same": "which argument it also is",
             "order": "the order in which it lies in memory",
             "hooks": "which hooks it has",
             "inference": "whether it was made in inference mode"}  # fmt: skip
    field = next(f for f in names if getattr(part, f) != getattr(old, f))
    return f"{names[field]} is not what it was"


def _told(part):
    if part.__class__ is TensorPart:
        return f"{part.dtype}{list(part.shape)}"
    what = part.value
    if what is ANY:
        return f"any {part.kind.__name__}"
    what = what.thing if what.__class__ is _Same else what
    text = repr(what) if part.kind is not float else repr(float.fromhex(what))
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
    own = kind.__module__.partition(".")[0] == _OWN or kind in RENAMED
    if own and kind.__hash__ is not None:
        return leaf
    return _Same(leaf) if kind.__hash__ is not None else leaf


def overlap(tensors, others):
    """Whether two of the tensors (that are not the same), or one of them and one of `others`, may
    share memory."""
    given = {id(t): t._value for t in tensors}
    if _meet([*given.values()]):
        return True
    roots = {id(owner(value)) for value in given.values()}
    near = {id(t): t._value for t in others if id(owner(t._value)) in roots}
    return bool(near) and _meet([*{**given, **near}.values()])


def _meet(values):
    spans = [byte_bounds(v) for v in values if v.__class__ is np.ndarray and v.size]
    spans.sort()
    return any(start < end for (_, end), (start, _) in pairwise(spans))


def _plain(spec):
    context = spec.context
    return (spec.type, tuple(context) if isinstance(context, list) else context,
            tuple([_plain(child) for child in spec.children_specs]))  # fmt: skip
