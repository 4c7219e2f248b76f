"""What `compile` returns: a function that keeps a compiled version for each kind of call."""

import logging
import os
import warnings
from functools import update_wrapper
from itertools import pairwise
from threading import RLock, get_ident

import numpy as np
from numpy.lib.array_utils import byte_bounds

from .. import tree
from ..core.handle import TensorBase
from ..core.modes import LOCAL, STATE, grad_enabled
from ..core.native import waiting
from ..dtypes import DEFAULT
from ..errors import hinted
from .capture import Break, capture
from .compiled import Compiled, Entry, Gradient
from .growing import append_only
from .quick import MISS, quick_for
from .reach import Reach
from .sizes import is_dynamic, known_at_another_size
from .ways import WAYS, Way, captured_way, follow

__all__ = ["COUNTS", "Optimized", "forget_all", "running"]

_LOG = logging.getLogger("tidu.compile")
_KEPT = 8  # versions of one function before it runs eagerly
_TRIALS = 3  # calls that may change their surroundings (an optimizer's first step) before that
_OWN = __name__.partition(".")[0]
COUNTS = {"captured": 0, "compiled": 0, "eager": 0}
WATCHERS: list = []  # told of each version: f(name, captured, compiled)
_RUNNING = []  # the thread of each trial run under way
_ONE = RLock()  # one thread at a time makes trial runs
_ALL = []


def running():
    """Whether a trial run is under way."""
    return bool(_RUNNING)


def forget_all():
    for optimized in _ALL:
        optimized.versions.clear()
        optimized.refused.clear()
        optimized.quick.clear()


class _Version:
    """A Compiled and what must hold for it."""

    __slots__ = ("asked", "compiled", "guards", "quick", "reach", "way")

    def __init__(self, compiled, reach, guards):
        self.compiled, self.reach, self.guards = compiled, reach, guards
        self.asked, self.quick, self.way = False, None, None

    def refused(self):
        """Why this version is not for the call; None if it is."""
        for handle, shape, dtype, tracked, empty, whole in self.guards:
            if handle.__class__ is Entry:
                handle = handle.tensor()
                if not isinstance(handle, TensorBase):
                    return "an entry holds a tensor no longer"
            value = handle._value
            if value.dtype is not dtype or value.shape != shape:
                return f"a tensor is {value.dtype}{list(value.shape)}, it was {dtype}{list(shape)}"
            if (handle._node is not None) is not tracked or (handle._grad is None) is not empty:
                return "a tensor's requires_grad is not what it was, or whether it has a .grad"
            if whole and value.__class__ is np.ndarray and not value.flags.c_contiguous:
                return "a tensor lies in memory in another order"
        return self.reach.changed()


class Optimized:
    """Calls `function`; each kind of call (shapes, types, constants, modes) is compiled once."""

    def __init__(self, function, fullgraph=False, dynamic=None):
        self.function, self.fullgraph, self.dynamic = function, fullgraph, dynamic
        self.versions, self.refused, self.trials, self.reasons = {}, {}, {}, []
        self.quick = []  # the short ways of versions that have one, the last used first
        update_wrapper(self, function)
        self.own = {*vars(self), "own"}  # other attributes are the user's
        _ALL.append(self)

    def reach_through(self):
        return self.function

    def __reduce__(self):
        return Optimized, (self.function, self.fullgraph, self.dynamic)

    def __get__(self, instance, owner=None):
        return self if instance is None else _Bound(self, instance)

    def __call__(self, *args, **kwargs):
        if not (kwargs or STATE.special or _RUNNING or LOCAL.depth):
            for quick in self.quick:
                result = quick.run(args)
                if result is not MISS:
                    COUNTS["compiled"] += 1
                    return result
        return self._call(args, kwargs)

    def _call(self, args, kwargs):
        if _RUNNING:
            if _RUNNING[-1] == get_ident():
                return self.function(*args, **kwargs)
            with _ONE:  # another thread's trial run holds stand-ins in the tensors
                pass
        if STATE.listeners or LOCAL.depth:
            return self.function(*args, **kwargs)
        leaves, spec = tree.flatten((args, kwargs))
        tensors = [a for a in leaves if isinstance(a, TensorBase)]
        key = _key(leaves, spec)
        if key is None or key in self.refused:
            COUNTS["eager"] += 1
            return self.function(*args, **kwargs)
        kept = self.versions.setdefault(key, [])
        why = None
        for version in kept:
            why = version.refused()
            if why is None:
                if version.compiled.stamped and _overlap(tensors):
                    break
                COUNTS["compiled"] += 1
                return self._by(version, tensors, args, kwargs)
        else:
            return self._compile(key, kept, why, tensors, args, kwargs)
        COUNTS["eager"] += 1  # memory is written that two of the arguments share
        return self.function(*args, **kwargs)

    def _by(self, version, tensors, args, kwargs):
        """A call by a version; afterwards its short way is found, or brought up to date."""
        if version.way is not None:
            return follow(version, tensors, lambda answers: self._compile(
                version.way.key, version.way.family, None, tensors, args, kwargs, answers,
            ))  # fmt: skip
        result = version.compiled(tensors)
        if not (kwargs or STATE.special):
            if version.quick is not None:
                version.quick.refresh(args)
            elif not version.asked:
                version.asked, version.quick = True, quick_for(version, args)
                if version.quick is not None:
                    self.quick.insert(0, version.quick)
        return result

    def _compile(self, key, kept, why, tensors, args, kwargs, answers=()):
        with _ONE:
            captured = self._trial(key, kept, why, tensors, args, kwargs, answers)
        return captured()

    def _trial(self, key, kept, why, tensors, args, kwargs, answers):
        """What to call: a new version, or the function itself."""
        if kept and not answers:
            self._tell_again(why)
        if is_dynamic(self, tensors) and known_at_another_size(key, self.versions):
            self.refused[key] = "its sizes vary"
            COUNTS["eager"] += 1
            return lambda: self.function(*args, **kwargs)
        many = self._too_many(kept, why, answers)
        if many:
            found = Break(many)
            return lambda: self._eagerly(key, found, args, kwargs)
        reach = _reached(self.function, args, kwargs)
        _RUNNING.append(get_ident())
        found = version = None
        try:
            captured, answers = self._captured(args, kwargs, reach, answers)
            version = _version(captured, reach, tensors)
            if answers:
                version.way = Way(answers, kept, key, captured.graph)
        except Break as error:
            found = error
        except Exception as error:  # the user's own error, or one that stand-ins have caused
            if self.fullgraph:
                raise
            found = Break(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        finally:
            _RUNNING.pop()
        if found is not None:
            return lambda: self._broken(key, found, args, kwargs)
        COUNTS["captured"] += 1
        for watch in WATCHERS:
            watch(_name(self.function), captured, version.compiled)
        kept.insert(0, version)
        return lambda: self._by(version, tensors, args, kwargs)

    def _too_many(self, kept, why, answers):
        """Why no other version is made, in words."""
        if answers and len(kept) >= WAYS:
            return f"values decided {WAYS} times that it went another way"
        count = sum(map(len, self.versions.values()))
        return count >= _KEPT * (1 if why else 4) and f"it was compiled {_KEPT} times"

    def _captured(self, args, kwargs, reach, answers):
        if self.fullgraph:
            return capture(self.function, args, kwargs, reach), ()
        return captured_way(self.function, args, kwargs, reach, answers, self._tell_question)

    def _tell_question(self, line):
        """Once for each line that asks for a value: it makes several programs of one function."""
        text = f"{_name(self.function)}: the value of a tensor decides what it does.\n  {line}"
        if text not in self.reasons:
            self.reasons.append(text)
            warnings.warn(text + "\nEach way it goes is compiled.", stacklevel=8)

    def _broken(self, key, error, args, kwargs):
        if "surroundings" in error.reason and not self.fullgraph:
            self.trials[key] = self.trials.get(key, 0) + 1
            if self.trials[key] < _TRIALS:
                with waiting():
                    return self.function(*args, **kwargs)
        return self._eagerly(key, error, args, kwargs)

    def _eagerly(self, key, error, args, kwargs):
        at = f"\n  {error.line}" if error.line else ""
        text = f"{_name(self.function)} cannot be compiled as one graph: {error.reason}.{at}"
        if self.fullgraph:
            raise RuntimeError(hinted(
                text, "with fullgraph=True this is an error; without it the function runs eagerly. "
                "Use torch.where for a choice by value, and keep item(), print() and numpy() out.",
            ))  # fmt: skip
        result = self.function(*args, **kwargs)  # if this fails too, the error is the user's
        self.refused[key] = error.reason
        self.reasons.append(text)
        warnings.warn(text + "\nIt runs eagerly.", stacklevel=6)
        COUNTS["eager"] += 1
        return result

    def _tell_again(self, why):
        text = f"{_name(self.function)} is compiled again: {why}"
        self.reasons.append(text)
        if "recompiles" in os.environ.get("TIDU_LOGS", ""):
            _LOG.warning(text)
        else:
            _LOG.info(text)

    def explain(self):
        """How many versions there are, of how many operations and loops, and why."""
        lines = [f"{_name(self.function)}: {sum(map(len, self.versions.values()))} version(s)"]
        for kept in self.versions.values():
            for version in kept:
                c = version.compiled
                for name, program in (("forward", c.forward), ("backward", c.reverse)):
                    if program is not None:
                        lines.append(f"  {name}: {program.summary()}")
        return "\n".join([*lines, *self.reasons])


class _Bound:
    """A compiled function read as a method."""

    def __init__(self, optimized, instance):
        self.optimized, self.instance = optimized, instance

    def __call__(self, *args, **kwargs):
        return self.optimized(self.instance, *args, **kwargs)


def _reached(function, args, kwargs):
    root = function, [a for a in tree.leaves((args, kwargs)) if not isinstance(a, TensorBase)]
    reach = Reach(root)
    aside = append_only(reach)
    return Reach(root, aside) if aside else reach


def _name(function):
    return getattr(function, "__qualname__", None) or type(function).__name__


def _version(captured, reach, tensors):
    positions = {id(t): i for i, t in reversed(list(enumerate(tensors)))}
    used = {i for e in captured.graph.equations for i in e.ins if hasattr(i, "shape")}
    used.update(captured.graph.outputs)
    used.update(old.variable for old, _ in captured.written)
    used.update(what.variable for kind, what in captured.results if kind == "same")
    used.update(what[0].variable for kind, what in captured.results if kind == "view")
    given, guards = [], []
    stored, inside = _stored(captured, reach)
    reach.forget(captured.stores)
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
            place = entry if reads else old.handle
            if reads:
                guards.append((place, old.value.shape, old.value.dtype, old.node is not None,
                               old.grad is None, True))  # fmt: skip
            given.append(place)
            continue
        given.append(old.handle if place is None else place)
        if place is None:
            whole = isinstance(old.value, np.ndarray) and old.value.flags.c_contiguous
            guards.append((old.handle, old.value.shape, old.value.dtype, old.node is not None,
                           old.grad is None, whole))  # fmt: skip
    return _Version(Compiled(captured, given), reach, guards)


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
    return same and (i in captured.tracked) == (old._node is not None)


def _key(leaves, spec):
    """What decides which version serves: None where that can't be told."""
    seen, parts = {}, []
    for leaf in leaves:
        if isinstance(leaf, TensorBase):
            value = leaf._value
            if value.dtype is None:
                return None
            same = seen.setdefault(id(leaf), len(seen))
            parts.append((value.shape, value.dtype.num, leaf._node is not None,
                          leaf._grad is None, same, value.flags.c_contiguous))  # fmt: skip
        else:
            parts.append((leaf.__class__, _identity(leaf)))
    try:
        key = (_plain(spec), tuple(parts), grad_enabled(), LOCAL.inference, DEFAULT.numpy)
        hash(key)
    except TypeError:
        return None
    return key


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
    if kind.__module__.partition(".")[0] == _OWN and kind.__hash__ is not None:
        return leaf
    return _Same(leaf) if kind.__hash__ is not None else leaf


def _overlap(tensors):
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
