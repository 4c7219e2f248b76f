"""torch.monitor: counters of a program, and events that handlers are told of."""

import datetime
import enum
import time

from .base.refusals import refused_classes

__all__ = ["STAT_EVENT", "Aggregation", "Event", "EventHandlerHandle", "Stat",
           "TensorboardEventHandler", "data_value_t", "log_event", "register_event_handler",
           "unregister_event_handler"]  # fmt: skip

STAT_EVENT = "torch.monitor.Stat"
data_value_t = int | float | bool | str
_HANDLERS: dict = {}


class Aggregation(enum.Enum):
    """What a `Stat` makes of its values."""

    VALUE, MEAN, COUNT, SUM, MAX, MIN = 0, 2, 3, 4, 5, 6

    def __str__(self):
        return f"Aggregation.{self.name}"


_COMPUTED = {
    Aggregation.MIN: min, Aggregation.MAX: max, Aggregation.SUM: sum, Aggregation.COUNT: len,
    Aggregation.MEAN: lambda values: sum(values) / len(values),
}  # fmt: skip


class Event:
    """Something that happened: its name, when, and numbers or texts of it."""

    def __init__(self, name, timestamp, data):
        if not isinstance(timestamp, datetime.datetime):
            raise TypeError(
                f"Event(): timestamp must be a datetime.datetime, not {type(timestamp).__name__}"
            )
        self.name, self.timestamp = name, timestamp
        self.data = {k: float(v) if isinstance(v, bool) else v for k, v in data.items()}


class EventHandlerHandle:
    """What `register_event_handler` gives, to take the handler away again."""


def register_event_handler(callback):
    """Have `callback` told of each event from now on.

    >>> import datetime
    >>> seen = []
    >>> handle = register_event_handler(seen.append)
    >>> log_event(Event("start", datetime.datetime.now(), {"step": 1}))
    >>> unregister_event_handler(handle)
    >>> seen[0].name, seen[0].data
    ('start', {'step': 1})
    """
    handle = EventHandlerHandle()
    _HANDLERS[handle] = callback
    return handle


def unregister_event_handler(handler):
    """Tell it nothing more."""
    _HANDLERS.pop(handler, None)


def log_event(event):
    """Tell all handlers."""
    for callback in list(_HANDLERS.values()):
        callback(event)


class Stat:
    """Values of a name, aggregated over windows of time: each full window is logged as an event.

    window_size: a datetime.timedelta. With `max_samples`, a window is logged at so many values, and
    the rest of it counts no more. `get` has what was logged last.
    """

    def __init__(self, name, aggregations, window_size, max_samples=None):
        if not isinstance(window_size, datetime.timedelta):
            raise TypeError(
                "Stat(): window_size must be a datetime.timedelta, not "
                f"{type(window_size).__name__}"
            )
        self.name, self._most = name, max_samples
        self._kinds = [kind for kind in _COMPUTED if kind in set(aggregations)]
        self._window, self._values = window_size.total_seconds(), []
        self._begun, self._full = self._number(), False
        self._last = dict.fromkeys(self._kinds, 0.0)

    count = property(lambda self: len(self._values), doc="How many values the window has.")

    def _number(self):
        return int(time.time() / self._window)

    def add(self, v):
        """One more value; the window before is logged if it is over."""
        if self._number() != self._begun:
            self._log()
            self._begun, self._full = self._number(), False
        if self._full:
            return
        self._values.append(float(v))
        if self._most is not None and len(self._values) >= self._most:
            self._log()
            self._full = True

    def get(self):
        """{aggregation: number} of what was logged last."""
        return dict(self._last)

    def _log(self):
        if not self._values:
            return
        self._last = {kind: float(_COMPUTED[kind](self._values)) for kind in self._kinds}
        self._values = []
        data = {f"{self.name}.{kind.name.lower()}": v for kind, v in self._last.items()}
        log_event(Event(STAT_EVENT, datetime.datetime.now(), data))

    def __del__(self):
        if hasattr(self, "_last"):
            self._log()


(TensorboardEventHandler,) = refused_classes(
    "monitor", "TensorboardEventHandler",
    "register_event_handler(lambda event: writer.add_scalars(event.name, event.data)) does it.",
)  # fmt: skip
