"""What a thread has switched: gradient recording, inference, and who listens.

`STATE.special` counts the threads that left the default (and the listeners), so the usual case
is told by reading one integer; the thread's own settings are consulted only when it is nonzero.
"""

import threading

from ..base.process.forks import across

__all__ = [
    "LOCAL",
    "OTHERS",
    "STATE",
    "UNHURRIED",
    "count_levels",
    "count_special",
    "grad_enabled",
    "listen",
    "set_grad",
    "set_inference",
    "set_tracer",
    "setting",
    "tell_recorded",
    "unlisten",
]


class _State:
    __slots__ = ("inference", "levels", "listeners", "special", "tracers")

    def __init__(self):
        self.special = 0
        self.levels = 0  # how many transforms are running, in all threads
        self.inference = False  # whether inference mode was ever entered
        self.listeners = ()
        self.tracers = 0  # how many threads have a tracer, of which only `LOCAL` knows


class _Local(threading.local):
    grad = True
    inference = False
    asked = False  # in inference mode, where nothing is recorded: whether it is asked for
    levels = ()  # the running transforms, the outermost first
    batches = ()  # the running vmaps, the outermost first
    replaying = False  # whether steps are done again for somebody who looks at the graph
    packing = None  # the user's (pack, unpack) for values that nodes save, the innermost pair
    no_packing = None  # the refusal of such hooks, while they are forbidden
    job = None  # the pass whose hooks are being run
    stage = None  # the level that records the body of a branch or loop: every operation is its
    tracer = None  # what records this thread's random draws, while a function is traced
    by_rules = False  # whether a backward pass is recorded, whose rules compute in any type
    function_modes = 0  # how many TorchFunctionModes it is in
    wanted = False  # whether the pass that runs was asked for certain inputs only


STATE = _State()
LOCAL = _Local()
_LOCK = across(threading.Lock())


def grad_enabled():
    """Whether this thread records operations for backward."""
    return not STATE.special or LOCAL.grad


def set_grad(enabled):
    """Switch recording in this thread; returns what it was."""
    was = LOCAL.grad
    if was != enabled:
        LOCAL.grad = enabled
        with _LOCK:
            STATE.special += -1 if enabled else 1
    return was


def setting(table, name):
    """A setting of the process, for the program that asks for it: what records the program takes
    note, as its next call may find another."""
    noted = getattr(LOCAL.tracer, "settings", None)
    if noted is not None:
        noted.append((table, name))
    return table[name] if isinstance(table, dict) else getattr(table, name)


OTHERS: dict = {}  # what a thread may have switched besides, in words: a function that tells how


def count_special(change):
    """A thread leaves the default in one of `OTHERS` (+1), or comes back to it (-1)."""
    with _LOCK:
        STATE.special += change


def count_levels(change):
    """A transform begins in a thread (+1), or ends (-1)."""
    with _LOCK:
        STATE.levels += change


def set_tracer(tracer):
    """Let `tracer`, or nothing, record this thread; returns what did."""
    was, LOCAL.tracer = LOCAL.tracer, tracer
    if (was is None) != (tracer is None):
        with _LOCK:
            STATE.tracers += -1 if tracer is None else 1
    return was


def set_inference(enabled):
    was = LOCAL.inference
    LOCAL.inference = enabled
    if enabled:
        STATE.inference = True
    return was


def listen(listener):
    """Tell `listener` of every operation (`applied`) and every backward pass (`passed`)."""
    with _LOCK:
        STATE.listeners = (*STATE.listeners, listener)
        STATE.special += 1


def unlisten(listener):
    with _LOCK:
        rest = list(STATE.listeners)
        rest.remove(listener)
        STATE.listeners = tuple(rest)
        STATE.special -= 1


def tell_recorded(prim, args, params, result):
    """Tell those who want to know of a node that was made outside `below`."""
    for listener in STATE.listeners:
        told = getattr(listener, "recorded", None)
        if told is not None:
            told(prim, args, params, result)


class _Unhurried:
    """Listens to nothing; while it stands among the listeners, operations pass `below`."""

    def applied(self, prim, args, params, result):
        """One operation was applied."""

    pass_begins = pass_ends = visited = lambda self, *args: None


UNHURRIED = _Unhurried()
