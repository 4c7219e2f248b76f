"""Level: one running transform. Levels nest; the deeper one handles an operation first."""

import weakref
from contextlib import contextmanager, nullcontext

from .handle import TensorBase, element_type, wrap
from .modes import LOCAL, count_levels, set_grad

__all__ = ["Around", "Level", "Reading", "Recorder", "StandIn"]

_NOTHING = nullcontext()


class Reading:
    """What handles operations whose values it has wrapped. `told`: whether listeners hear of it."""

    told = True

    def process(self, prim, args, params):
        raise NotImplementedError

    def left(self, handles):
        """Whether these hold no value of this level any more, after another thread that had put
        them there was waited for."""
        return False

    def pair(self, prim, x, y):
        """`process` for an elementwise primitive of one type of floats and nobody listening."""
        return self.process(prim, (x, y), {})


class Around:
    """Base of values that say of a `tensor` of the level below more than its elements."""

    __slots__ = ()
    dtype = None

    @property
    def shape(self):
        return self.tensor._value.shape

    @property
    def element_type(self):
        return element_type(self.tensor)


class StandIn:
    """A variable of a program that is being recorded, in the place of an array."""

    __slots__ = ("element_type", "level", "shape", "variable")
    dtype = None

    def __init__(self, variable, level):
        self.variable, self.level = variable, level
        self.shape, self.element_type = variable.shape, variable.element_type


class Recorder(Reading):
    """The level of stand-ins that rules are run on to derive others: above all transforms that may
    be running, and unheard. `steps` are what it has recorded, `known` those that can be found."""

    depth = 1 << 30
    alive, told = True, False

    def __init__(self):
        self.steps, self.known = [], {}

    def handle(self, variable):
        return wrap(StandIn(variable, self))

    def plain(self, x):
        """The variable of a handle of this level, the array of another; else the number itself."""
        if not isinstance(x, TensorBase):
            return x
        value = x._value
        return value.variable if value.__class__ is StandIn else value


class Level(Reading):
    """`depth` orders the levels of a thread; `process(prim, args, params)` is the transform.

    Use it as a context; afterwards it is no longer `alive` and its handles count as plain ones.
    """

    by_hand = False  # whether the user begins and ends the level, rather than a transform
    records = False  # whether entering switches gradient recording on for its own tape

    def __enter__(self):
        LOCAL.levels = levels = (*LOCAL.levels, self)
        count_levels(1)
        self.depth = len(levels)
        self.alive = True
        self.borrowed = []
        self.outer_grad = set_grad(True) if self.records else LOCAL.grad
        return self

    def __exit__(self, *exc):
        levels = tuple([level for level in LOCAL.levels if level is not self])
        count_levels(len(levels) - len(LOCAL.levels))
        LOCAL.levels = levels
        self.alive = False
        if self.records:
            set_grad(self.outer_grad)
        for reference in self.borrowed:
            self._give_back(reference)
        return False

    def borrow(self, handle):
        """Remember a handle from outside that was written with values of this level."""
        self.borrowed.append(weakref.ref(handle))

    def _give_back(self, reference):
        """After the transform, such a handle holds the value below instead of a dead one."""
        handle = reference()
        if handle is None or getattr(handle._value, "level", None) is not self:
            return
        below = handle._value.tensor
        handle._value, handle._node = below._value, below._node
        if below._value.dtype is None:
            below._value.level.borrow(handle)

    def outside(self):
        """A context in which recording is as it was where the transform was called."""
        return _NOTHING if self.outer_grad or not LOCAL.grad else _paused()


@contextmanager
def _paused():
    was = set_grad(False)
    try:
        yield
    finally:
        set_grad(was)
