"""What `compile` returns: a function that keeps a compiled version for each kind of call."""

import os
import sys
import weakref
from functools import update_wrapper
from operator import is_
from threading import RLock, get_ident
from types import MethodType

import numpy as np

from ...base import tree
from ...base.errors import out_of_memory
from ...base.process.forks import across
from ...base.switches import switch
from ...core.handle import TensorBase
from ...core.modes import LOCAL, STATE, UNHURRIED
from ...core.native import waiting
from ..machine import shared_code
from ..recording.breaks import (
    Break,
    Hooked,
    Surroundings,
    Wanted,
    code_of,
    codes_below,
    frames_of,
    from_outside,
    stops_of,
)
from ..recording.capture import capture
from ..recording.growing import append_only
from ..recording.numbers import for_all
from ..recording.rates import newly_changed
from ..recording.reach import Reach, hooks_at, tensors_in
from ..recording.starting import Begun, clears, starts
from . import guards, limits
from .callees import Callees
from .dynamic import is_dynamic, learn
from .guards import MISS, TAKEN
from .keys import floats_in, is_varying, key_of, opened, overlap
from .quick import RUNNING, quick_for
from .stretches import form_of, parted
from .telling import Telling, explained
from .versions import VALUE_ERRORS, version_of
from .ways import Way, captured_way, follow

__all__ = ["STANCE", "Break", "Optimized", "Wanted", "counts", "forget_all", "reached", "running"]

_COUNTS = {"captured": 0, "compiled": 0, "eager": 0}
STANCE = ["default"]  # what `compiler.set_stance` said last
WATCHERS: list = []  # told of each version: f(name, captured, compiled)
_ONE = across(RLock())  # one thread at a time makes trial runs
_ALL: weakref.WeakSet = weakref.WeakSet()


def counts():
    """How many versions were made so far, how many calls took one, and how many ran eagerly."""
    return {**_COUNTS, "compiled": _COUNTS["compiled"] + int(TAKEN[0])}


def running():
    """Whether a trial run is under way."""
    return bool(RUNNING)


def forget_all():
    for optimized in list(_ALL):
        optimized.forget()
    shared_code.forget()


def _watched():
    """Whether somebody wants to see each operation, or to change it."""
    if not STATE.special:
        return False
    return LOCAL.function_modes or any(each is not UNHURRIED for each in STATE.listeners)


def _missed(*args):
    return MISS


class _ValueError(Exception):
    """A step of a program could not be done with these values."""


class Optimized:
    """`function`, which a call runs by a version of it: the program made for this kind of call
    (shapes, types, constants, modes), if all it was made from is as it was. Otherwise a trial run
    makes a version (`_compile`); where none can be made, the function runs in stretches or eagerly
    (`_otherwise`). `limits.py` says how many are made, `telling.py` what the user hears.

    `whole`: the Telling of the function of which this is a stretch.
    """

    def __init__(self, function, fullgraph=False, dynamic=None, whole=None):
        function = _inside(function)
        self.function, self.fullgraph, self.dynamic = function, fullgraph, dynamic
        self.telling = Telling(function, whole)
        self.forget()
        update_wrapper(self, function)
        self.own = {*vars(self), "own"}  # other attributes are the user's
        _ALL.add(self)

    def forget(self):
        self.versions = {}  # key -> its versions, the last made first
        self.instead = {}  # key -> what runs where it can't be compiled as a whole
        self.cut_at = {}  # the lines of a break -> the function in stretches, or None
        self.form, self.stretches = form_of(self.function), []
        self.trials = {}  # key -> how many calls of its kind changed their surroundings
        self.rated = frozenset()  # keys of parameter groups whose numbers are inputs
        self.telling.forget()
        self.plain = False  # a stretch in which no tensor is computed
        self.met, self.fixed = set(), set()  # keys of sizes that came once; of floats that matter
        self.quick = []  # the fast paths of versions that have one, the last made first
        self.short = _missed  # which tries them

    def reach_through(self):
        return self.function

    def __reduce__(self):
        """By its name where it stands under that (as a decorated function does), as functions are;
        otherwise with its function."""
        name, found = getattr(self, "__qualname__", None), sys.modules.get(self.__module__)
        for part in name.split(".") if isinstance(name, str) else ():
            found = getattr(found, part, None)
        return name if found is self else (Optimized, (self.function, self.fullgraph, self.dynamic))

    def __get__(self, instance, owner=None):
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args, **kwargs):
        if not kwargs:
            try:
                result = self.short(*args)
            except MemoryError as error:
                raise out_of_memory(error) from None
            except Exception as error:
                if not self._stopped() or not isinstance(error, VALUE_ERRORS):
                    raise
                return self.function(*args)  # nothing is written yet: the error in eager's words
            if result is not MISS:
                return result
        return self._call(args, kwargs)

    def _stopped(self):
        """Whether the fast path that has just failed may do so because of values."""
        failed = [q for q in self.quick if guards.failed(q.block)]
        return any(q.compiled.forward.many or q.compiled.forward.stops for q in failed)

    def _call(self, args, kwargs):
        if self.plain:
            return self.function(*args, **kwargs)
        if RUNNING:
            if RUNNING[-1] == get_ident():
                return self.function(*args, **kwargs)
            with _ONE:  # another thread's trial run holds stand-ins in the tensors
                pass
        if _watched() or LOCAL.levels or STANCE[-1] == "force_eager":
            return self.function(*args, **kwargs)
        leaves, spec = tree.flatten((args, kwargs))
        tensors = tensors_in(leaves)
        key = key_of(leaves, spec)
        if key in self.instead and not all(map(is_, form_of(self.function), self.form)):
            self.forget()
        if key is None or key in self.instead:
            _COUNTS["eager"] += 1
            run = self.instead.get(key) or self._beside_arrays(args) or self.function
            return run(*args, **kwargs)
        floats = floats_in(leaves)
        kept, why = self.versions.setdefault(key, []), None
        for version in [*kept, *self.versions.get(opened(key), ())] if floats else kept:
            refused = version.refused(floats, tensors)
            why = why or refused  # of the version made last
            if refused is None:
                if version.compiled.writes and overlap(tensors, version.compiled.reached()):
                    _COUNTS["eager"] += 1  # memory is written that others of its tensors share
                    return self.function(*args, **kwargs)
                _COUNTS["compiled"] += 1
                return self._by(version, tensors, args, kwargs, floats)
        return self._compile(key, kept, why, tensors, args, kwargs)

    def _by(self, version, tensors, args, kwargs, floats=()):
        """A call by a version."""
        if version.way is not None:
            return follow(version, tensors, lambda answers: self._compile(
                version.way.key, version.way.family, None, tensors, args, kwargs, answers,
            ))  # fmt: skip
        return self._ran(version, tensors, args, kwargs, floats)

    def _ran(self, version, tensors, args, kwargs, floats, undo=lambda: None):
        """The same by its program; `undo` is called where that ends with nothing done."""
        try:
            result = self._run(version, tensors, floats)
        except MemoryError as error:
            undo()
            raise out_of_memory(error) from None
        except _ValueError:
            undo()  # the function itself may catch it; what it raises is in its own words
        else:
            return self._shorter(version, result, args, kwargs)
        _COUNTS["eager"] += 1
        return self.function(*args, **kwargs)

    @staticmethod
    def _run(version, tensors, floats):
        """The program; an error that depends on values has changed nothing."""
        forward = version.compiled.forward
        if not (forward.many or forward.stops):
            return version.compiled(tensors, floats)
        places = version.places()
        try:
            return version.compiled(tensors, floats)
        except VALUE_ERRORS as error:
            version.back_to(places)
            raise _ValueError from error

    def _shorter(self, version, result, args, kwargs):
        """The result; the fast path of the version is found, or brought up to date."""
        if not (kwargs or STATE.special):
            if version.quick is not None:
                version.quick.refresh(args)
            elif not version.asked:
                version.asked, version.quick = True, quick_for(version, args)
            if version.quick is not None:  # it comes first, and the one last used goes
                others = [q for q in self.quick if q is not version.quick]
                self.quick = [version.quick, *others[: limits.QUICK - 1]]
                guards.chain([q.block for q in self.quick])
                self.short = version.quick.call
        return result

    # --- making a version ------------------------------------------------------------------

    def _compile(self, key, kept, why, tensors, args, kwargs, answers=()):
        with _ONE:
            captured = self._trial(key, kept, why, tensors, args, kwargs, answers)
        return captured()

    def _trial(self, key, kept, why, tensors, args, kwargs, answers):
        """What to call: a new version, or the function itself."""
        instead = self._untried(key, kept, why, args, kwargs, answers)
        if instead is not None:
            return instead
        RUNNING.append(get_ident())
        found = version = begun = ended = None
        first_step = False
        try:
            reach, varying = self._looked(key, args, kwargs, tensors)
            first_step = not (answers or self.trials.get(key)) and starts(self.function, reach)
            if first_step:
                begun, recorded, first_step = self._begun(key, tensors, args, kwargs, reach)
                if first_step and not self.fullgraph:  # where it may break at nothing else
                    return lambda: self._tried(key, args, kwargs)
            if begun is None:
                recorded = self._recording(key, args, kwargs, reach, answers)
            captured, answers, open_, reach = recorded
            if open_:
                kept = self.versions.setdefault(opened(key), [])
            if self.telling.is_stretch and not captured.graph.equations:
                self.plain, self.short = True, _missed
                return lambda: self.function(*args, **kwargs)
            version = self._version(captured, reach, tensors, varying)
            if answers:
                version.way = Way(answers, kept, key, captured.graph)
        except Break as error:
            found = error.with_traceback(None)  # which holds what was recorded so far
            found.__context__ = None
        except Exception as error:  # the user's own error, or one that stand-ins have caused
            if self.fullgraph or from_outside(error):
                raise
            text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            found = Break(text, frames_of(error))
        except BaseException as error:
            if from_outside(error):
                raise
            ended = error.with_traceback(None)
        finally:
            RUNNING.pop()
            if begun is not None and version is None:
                begun.undo()
        if ended is not None:
            return lambda: self._ended(ended, args, kwargs)
        if found is not None:
            return lambda: self._broken(key, found, args, kwargs, first_step)
        self._keep(version, kept, captured)
        given = version, tensors, args, kwargs, floats_in(tree.leaves((args, kwargs)))
        return lambda: self._by(*given) if begun is None else self._ran(*given, begun.undo)

    def _untried(self, key, kept, why, args, kwargs, answers):
        """What to call where no version is to be made; None if one is."""
        if STANCE[-1] == "fail_on_recompile":
            raise self.telling.no_recompile()
        if STANCE[-1] == "eager_on_recompile" or limits.waits(self.versions, self.met, key):
            _COUNTS["eager"] += 1
            return lambda: self.function(*args, **kwargs)
        if not answers:
            self.telling.of_another(self.versions, key, why)
            if any(self.versions.values()) and switch("_dynamo", "error_on_recompile"):
                raise self.telling.recompiled(why)
        many = limits.too_many(self.versions, key, kept, answers)
        if many:
            found = Break(many)
            return lambda: self._otherwise(key, found, args, kwargs)
        return None

    def _looked(self, key, args, kwargs, tensors):
        """(the Reach of a call, whether its version is to serve other sizes)."""
        dynamic = is_dynamic(self.dynamic, tensors)
        varying = dynamic or limits.varies(self.versions, key)
        if dynamic and not limits.known(self.versions, key):
            self._learn(args, kwargs, tensors)
        for version in self.versions.get(key, ()):
            self.rated |= newly_changed(version.watches)
        return self._reached(args, kwargs), varying

    def _reached(self, args, kwargs, hooks=False):
        return reached(self.function, args, kwargs, hooks, self.rated)

    def _keep(self, version, kept, captured):
        _COUNTS["captured"] += 1
        for watch in WATCHERS:
            watch(self.telling.name, captured, version.compiled)
        kept.insert(0, version)

    def _begun(self, key, tensors, args, kwargs, reach):
        """(Begun, what `_recording` gives, whether the first step is still to come) of a call in
        which optimizers seem to take their first step. It may drop gradients at its begin, or, in a
        second attempt, at its end."""
        for gradients in (True, False) if clears(self.function, reach) else ():
            begun, held = Begun(reach, gradients), False
            if not begun.ready:
                break
            if any(id(t) in begun.blanks for t in tensors):  # a call's kind tells its gradient
                begun.undo()
                break
            try:
                ready = self._reached(args, kwargs)
                recorded = self._recording(key, args, kwargs, ready, ())
                captured, answers, *_ = recorded
                held = not answers and begun.holds(captured)
                if held:
                    return begun, recorded, False
                if not begun.steps(captured):
                    return None, None, False
                if not begun.drops(captured):
                    break
            except Exception as error:  # the user's own, too: the function itself will raise it
                if from_outside(error):
                    raise
                break
            finally:
                if not held:
                    begun.undo()
        return None, None, True

    def _recording(self, key, args, kwargs, reach, answers):
        """What `_recorded` gives, and the Reach it was made with."""
        try:
            return *self._recorded(key, args, kwargs, reach, answers), reach
        except Hooked:
            reach = self._reached(args, kwargs, hooks=True)
            return *self._recorded(key, args, kwargs, reach, answers), reach

    def _learn(self, args, kwargs, tensors):
        """What other sizes change in the code, before any is made."""
        learn(self.function, args, kwargs, tensors, reached)

    def _version(self, captured, reach, tensors, varying):
        return version_of(captured, reach, tensors, varying)

    def _recorded(self, key, args, kwargs, reach, answers):
        """(Captured, the answers it was made with, whether it serves all floats)."""
        captured = None if answers else self._for_all_floats(key, args, kwargs, reach)
        if captured is not None:
            return captured, answers, True
        return *self._captured(args, kwargs, reach, answers), False

    def _for_all_floats(self, key, args, kwargs, reach):
        """A Captured for any floats in the place of those among the arguments, once a second one
        has come; None where that is not so, or cannot be."""
        kind = opened(key)
        if kind is None or kind in self.fixed:
            return None
        if not any(made and k != key and opened(k) == kind for k, made in self.versions.items()):
            return None
        leaves, spec = tree.flatten((args, kwargs))
        places = [i for i, a in enumerate(leaves) if is_varying(a)]

        def run(numbers):
            given = list(leaves)
            if numbers is not None:
                for i, number in zip(places, numbers.given, strict=True):
                    given[i] = number
            return capture(self.function, *tree.unflatten(spec, given), reach, None, numbers)

        captured = for_all([leaves[i] for i in places], run)
        if captured is None:
            self.fixed.add(kind)
        return captured

    def _captured(self, args, kwargs, reach, answers):
        if self.fullgraph:
            return capture(self.function, args, kwargs, reach), ()
        return captured_way(self.function, args, kwargs, reach, answers, self.telling.of_question)

    # --- what can't be recorded --------------------------------------------------------------

    def _ended(self, error, args, kwargs):
        """The call eagerly, so that what the function does before it ends the program is done."""
        self.function(*args, **kwargs)
        raise error  # it came from another thread: the function itself doesn't raise it

    def _broken(self, key, error, args, kwargs, first_step):
        if isinstance(error, Surroundings) and (first_step or not self.fullgraph):
            if self.trials.get(key, 0) < limits.TRIALS - 1:
                return self._tried(key, args, kwargs)
        return self._otherwise(key, error, args, kwargs)

    def _tried(self, key, args, kwargs):
        """The call eagerly, as it changes its surroundings; another may be recorded."""
        self.trials[key] = self.trials.get(key, 0) + 1
        with waiting():
            return self.function(*args, **kwargs)

    def _otherwise(self, key, error, args, kwargs):
        """The call in stretches, or eagerly; from now on for all of its kind."""
        if self.fullgraph:
            raise self.telling.refusal(error)
        run = self._in_stretches(error)
        eagerly = run is None
        run = self.function if eagerly else run
        result = run(*args, **kwargs)  # if this fails too, the error is the user's
        self.instead[key] = run
        self.telling.of_break(error, eagerly)
        _COUNTS["eager"] += 1
        return result

    def _in_stretches(self, error):
        """The function with what stands before and after the break compiled; None: eagerly."""
        code = code_of(self.function)
        if code is None or os.environ.get("TIDU_STRETCHES") == "0":
            return None
        stops = stops_of(error, code)
        if stops is None:
            return None
        at = tuple(sorted({line for own, line in error.frames if own is code})) or error.reason
        if at not in self.cut_at:
            callees = Callees(codes_below(error, code), self._stretch)
            self.cut_at[at] = parted(self.function, stops, self._stretch, callees)
        return self.cut_at[at]

    def _beside_arrays(self, args):
        """The function in stretches beside what is done with NumPy's arrays among the arguments."""
        code = code_of(self.function)
        if code is None or self.fullgraph:
            return None
        given = args if code is getattr(self.function, "__code__", None) else (None, *args)
        names = frozenset(n for n, a in zip(code.co_varnames, given, strict=False)
                          if isinstance(a, np.ndarray))  # fmt: skip
        if not names:
            return None
        return self._in_stretches(Break("it is given an array of NumPy", names=names))

    def _stretch(self, function):
        made = Optimized(function, False, self.dynamic, self.telling)
        self.stretches.append(made)
        return made

    def with_stretches(self):
        """This function, its stretches, and theirs."""
        return [self, *[f for s in self.stretches for f in s.with_stretches()]]

    def explain(self):
        """How many versions there are, of how many operations and loops, and why."""
        return explained(self)


def _inside(function):
    """What was compiled before it is compiled again: a function, or a method as it was read."""
    while isinstance(getattr(function, "__func__", function), Optimized):
        if isinstance(function, MethodType):
            function = MethodType(function.__func__.function, function.__self__)
        else:
            function = function.function
    return function


def reached(function, args, kwargs, hooks=False, rated=frozenset()):
    """The Reach of a call."""
    leaves = tree.leaves((args, kwargs))
    given = [a for a in leaves if isinstance(a, TensorBase)] if hooks else ()
    called = [hook for a in given for attached in hooks_at(a) for hook in attached.values()]
    tags = [value for a in leaves if isinstance(a, TensorBase) for value in a.__dict__.values()]
    kinds = [type(a) for a in leaves if isinstance(a, TensorBase)]
    root = function, [a for a in leaves if not isinstance(a, TensorBase)], called, tags, kinds
    reach = Reach(root, hooks=hooks, rated=rated)
    aside = append_only(reach)
    return Reach(root, aside, hooks=hooks, rated=rated) if aside else reach
