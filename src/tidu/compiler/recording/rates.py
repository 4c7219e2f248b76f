"""Numbers of parameter groups that may be others at each call: `Rate`.

Learning rates always are, as long as they are floats. Momentum, betas and the decay of weights are
constants of a program until one of them has changed between calls, as some schedulers have it; from
then on they are inputs, too, and zero is another program: what is not there is not computed.
"""

from typing import NamedTuple

__all__ = ["VARYING", "Rate", "Rated", "is_group", "newly_changed", "rates_of"]

VARYING = ("lr", "initial_lr")  # what schedulers change at each step
_RATED = ("betas", "momentum", "weight_decay")


class Rate(NamedTuple):
    """A number of a parameter group; `place`: where it stands in a tuple."""

    group: dict
    key: str
    place: int | None = None

    def value(self, group=None):
        """The number there is, here or in a copy of the group."""
        thing = (self.group if group is None else group)[self.key]
        return thing if self.place is None else thing[self.place]

    def put(self, number):
        if self.place is not None:
            there = self.group[self.key]
            number = (*there[: self.place], number, *there[self.place + 1 :])
        self.group[self.key] = number


def is_group(thing):
    """Whether a dictionary is a parameter group, whose learning rate may change between calls."""
    return "params" in thing and isinstance(thing.get("lr"), float)


def rates_of(group, rated):
    """The rates of a group; `rated`: keys that have been seen to change."""
    found = [Rate(group, "lr")]
    for key in rated:
        value = group.get(key)
        if _may_vary(value):
            places = range(len(value)) if isinstance(value, tuple) else (None,)
            found += [Rate(group, key, place) for place in places]
    return found


def _may_vary(value):
    values = value if type(value) is tuple else (value,)
    return bool(values) and all(type(v) is float and v != 0 for v in values)


def newly_changed(watches):
    """The keys of groups whose numbers are no longer those of a version, and may vary."""
    return {
        key for m in watches.mappings if m.rates for key in _RATED
        if key in m.keys and _may_vary(m.copy[key]) and _may_vary(m.live.get(key))
        and m.live[key] != m.copy[key]
    }  # fmt: skip


class Rated:
    """What must hold of an entry that is an input: numbers stand there, as many, and none is zero.
    A learning rate may be any float."""

    __slots__ = ("copy", "key", "live")

    def __init__(self, live, key, copy):
        self.live, self.key, self.copy = live, key, copy

    def difference(self):
        """(key, what is there, what was there), or None."""
        now, was = self.live.get(self.key), self.copy
        if self.key in VARYING:
            return None if isinstance(now, float) else (self.key, now, was)
        if type(now) is type(was) and _may_vary(now) and (now is was or _many(now) == _many(was)):
            return None
        return self.key, now, was


def _many(value):
    return len(value) if isinstance(value, tuple) else None
