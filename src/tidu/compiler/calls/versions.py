"""A version: a compiled program, and what must hold of everything it was made from."""

from typing import NamedTuple

import numpy as np

from ...base import tree
from ...core.handle import TensorBase
from ...transforms.draws import place_of, return_to
from ..execution import program
from ..execution.compiled import Compiled, Entry, Gradient
from ..machine import native
from ..recording.breaks import Break
from ..recording.paths import Told, short
from ..recording.reach import hooks_seen
from ..recording.sameness import same_entries, same_items, same_keys
from ..recording.watches import Watches
from . import guards
from .ways import streams_in

__all__ = ["VALUE_ERRORS", "Version", "version_of"]

# What a step of a program may raise because of values.
VALUE_ERRORS = RuntimeError, ValueError, LookupError, ArithmeticError, TypeError


class TensorGuard(NamedTuple):
    """A tensor that is no argument, as the trial run found it."""

    handle: object  # or an Entry, which tells where it is kept
    shape: tuple
    dtype: object
    tracked: bool
    without_grad: bool
    order: object  # True: in C order; otherwise its strides
    hooks: object  # that a gradient meets there while the function runs; None where none arrives
    kind: type
    root: object  # of the function, to tell the user which tensor it is

    def refused(self):
        """Why the tensor is not as it was; None if it is."""
        handle, shape, dtype, tracked, without_grad, order, hooks, kind, root = self
        if handle.__class__ is Entry:
            handle = handle.tensor()
            if not isinstance(handle, TensorBase):
                return "an entry holds a tensor no longer"
        value, why = handle._value, None
        if value.dtype is not dtype or value.shape != shape:
            why = f"{value.dtype}{list(value.shape)}, it was {dtype}{list(shape)}"
        elif (handle._node is not None) is not tracked:
            why = f"requires_grad={not tracked}, it was {tracked}"
        elif (handle._grad is None) is not without_grad:
            why = "without a .grad, it had one" if handle._grad is None else "now with a .grad"
        elif value.__class__ is np.ndarray and (value.flags.c_contiguous or value.strides) != order:
            why = "in memory in another order than it was"
        elif hooks is not None and not same_entries(hooks_seen(handle), hooks):
            why = "with other hooks than it had"
        elif handle.__class__ is not kind:
            why = f"a {handle.__class__.__name__}, it was a {kind.__name__}"
        return why and Told(root, handle, why)


class Version:
    """A Compiled and what must hold for it."""

    __slots__ = ("asked", "compiled", "guards", "quick", "reached", "same", "streams", "tags",
                 "watches", "way")  # fmt: skip

    def __init__(self, compiled, watches, guards, same, tensors):
        self.compiled, self.watches, self.guards = compiled, watches, guards
        # Of each tensor among the arguments, the attributes of it that may be read.
        self.tags = [_tags(t, compiled.captured.program_names) for t in tensors]
        # The arguments that it reaches otherwise, too: {place: tensor}; what else it reaches.
        self.same = dict(same)
        self.reached = {id(h): h for h in compiled.given if isinstance(h, TensorBase)}
        self.asked, self.quick, self.way, self.streams = False, None, None, None

    def refused(self, floats=(), tensors=()):
        """Why this version is not for the call; None if it is."""
        if not self.reached.keys().isdisjoint(map(id, tensors)) or any(
            tensors[i] is not t for i, t in self.same.items()
        ):
            return "an argument is, or was, a tensor that the function reaches otherwise"
        names = self.compiled.captured.program_names
        for tensor, was in zip(tensors, self.tags, strict=False):
            now = tensor.__dict__ and _tags(tensor, names)
            if (now or was) and not (
                same_keys(now, was) and same_items(now.values(), was.values())
            ):
                return _retagged(now, was)
        numbers = self.compiled.captured.numbers_given
        if numbers is not None and not numbers.hold(floats):
            return "a comparison with a number comes out otherwise"
        for guard in self.guards:
            why = guard.refused()
            if why is not None:
                return why
        return self.watches.changed()

    def places(self):
        """Where the random streams stand that the program reads."""
        if self.streams is None:
            self.streams = streams_in(self.compiled.captured.graph)
        return [(g, place_of(g)) for g in self.streams]

    @staticmethod
    def back_to(places):
        for stream, place in places:
            return_to(stream, place)


def version_of(captured, reach, tensors, varying=False, make=None):
    """The Version of what was captured; `varying`: its code is to serve other sizes. `make`: what
    gives something to run in the place of a Compiled."""
    positions = {id(t): i for i, t in reversed(list(enumerate(tensors)))}
    met_inside = set(map(id, reach.tensors))
    gradients = {id(t._grad) for t in tensors}
    same = [(i, t) for i, t in enumerate(tensors) if id(t) in met_inside - gradients]
    used = captured.used()
    given, conditions, met = [], [], set(captured.arrivals)
    stored, inside = _stored(captured, reach)
    watched = captured.watched(reach)
    for old in captured.sources:  # a gradient is known by whose it is: it may be another tensor
        if old.grad is not None:
            stored.setdefault(id(old.grad), (Entry(Gradient(old.handle), None), True))
    for old in captured.sources:
        place = positions.get(id(old.handle))
        if place is None and id(old.handle) in inside and old.variable in used:
            raise Break("it reads a tensor in a container that it replaces")
        if place is None and id(old.handle) in inside:
            given.append(old.handle)
            continue
        if place is None and id(old.handle) in stored:
            entry, alike = stored[id(old.handle)]
            reads = old.variable in used or not alike
            if reads:
                conditions.append(_guard(entry, old, True, met, reach.root))
            given.append(entry if reads else None)
            continue
        given.append(old.handle if place is None else place)
        if place is None and (old.variable in used or old in met or id(old.handle) in watched.seen):
            array = old.value
            order = not isinstance(array, np.ndarray) or array.flags.c_contiguous or array.strides
            conditions.append(_guard(old.handle, old, order, met, reach.root))
    made = _compiled(captured, given, varying) if make is None else make(captured, given)
    for old, place in zip(captured.sources, given, strict=True):
        old.forget(replaced=place is None or place.__class__ is int)
    return Version(made, Watches(watched, captured.stores), conditions, same, tensors)


def _compiled(captured, given, varying):
    with native.together():
        program.begin(captured.graph)
        guards.begin()
        made = Compiled(captured, given, varying)
        guards.prepare()
    return made


def _tags(tensor, names):
    """The attributes of these names that a program has set on a tensor; None: all."""
    tags = tensor.__dict__
    return dict(tags) if names is None else {n: tags[n] for n in tags if n in names}


def _retagged(now, was):
    """That other attributes are set on an argument, in words."""
    missing = object()
    name = next((n for n in {**was, **now} if now.get(n, missing) is not was.get(n, missing)), None)
    if name is None:
        return "the attributes of an argument are in another order"
    told = [short(tags[name]) if name in tags else "missing" for tags in (now, was)]
    return f"the attribute {name} of an argument is {told[0]}, it was {told[1]}"


def _guard(handle, old, order, met, root):
    value, seen = old.value, hooks_seen(old.handle) if old in met else None
    return TensorGuard(
        handle, value.shape, value.dtype, old.node is not None, old.grad is None, order, seen,
        old.kind, root,
    )  # fmt: skip


def _stored(captured, reach):
    """({id of a tensor that each call replaces: (Entry, whether by one alike)}, the ids of those in
    containers that are replaced)."""
    found, inside, at = {}, set(), captured.count
    copies = {id(live): copy for live, copy in [*reach.dicts, *reach.lists]}
    for (live, key), form in zip(captured.stores, captured.forms, strict=True):
        olds = tree.leaves(copies[id(live)][key]) if id(live) in copies else []
        if form.type is None and olds:
            found[id(olds[0])] = Entry(live, key), _alike(captured, at, olds[0])
        else:
            inside.update(map(id, olds))
        at += form.num_leaves
    return found, inside


def _alike(captured, i, old):
    """Whether result i is like the tensor that it replaces, in all that Python can ask."""
    kind, what = captured.results[i]
    if kind != "output":
        return False
    out = captured.graph.outputs[what]
    value = old._value
    same = (out.shape, out.element_type) == (tuple(value.shape), value.dtype)
    tracked = i in captured.tracked or any(i == k for k, *_ in captured.refused)
    return same and tracked == (old._node is not None)
