"""A second opinion on gradients: finite differences on the recorded graph.

The graph is computed again in double precision with one leaf moved a little to either side. Small
leaves are checked element by element, large ones along one direction.
"""

from time import perf_counter

import numpy as np

from ..recording.records import Record

__all__ = ["ELEMENTS", "NOISE", "PASSES", "SECONDS", "Replay", "Unknown", "check_passes", "wide"]

ELEMENTS = 24
SECONDS = 1.5
PASSES = 12
NOISE = 1e-6  # gradients of float32 below this are rounding, where values are about 1
ROUNDED, EPS = 16, float(np.finfo(np.float32).eps)  # so many roundings of the largest message
WIDE = {"f": np.float64, "c": np.complex128, "V": np.float64}


class Unknown(Exception):
    """The graph cannot be computed again."""


def check_passes(recording):
    """Fill `check` of each arrival: {"how", "numeric", "error", "ok"}, where it can be done."""
    until = perf_counter() + SECONDS
    for call in recording.passes[:PASSES]:
        try:
            replay = Replay(recording, call)
            replay.confirm()
        except (Unknown, ArithmeticError):
            continue
        for arrival in call.arrivals:
            if perf_counter() > until:
                return
            try:
                arrival.check = replay.check(arrival)
            except (Unknown, ArithmeticError):
                continue


class Replay:
    """The part of the graph below the seeds of one pass, ready to be computed again."""

    def __init__(self, recording, call):
        self.call, self.base = call, {}
        self.records = self.reached(recording, call)
        self.largest = largest_of(call)
        hooked = any(got.hooked for got in (*call.steps, *call.arrivals))
        if len(self.records) > 3000 or call.error is not None or hooked:
            raise Unknown
        given = {arrival.leaf.id: arrival.value for arrival in call.arrivals}
        for record in self.records:
            if record.kind in ("leaf", "constant"):
                shot = given.get(record.id, record.value)
                if shot is None or shot.array is None:
                    raise Unknown
                self.base[record.id] = wide(shot.array)

    def reached(self, recording, call):
        return recording.of_pass(call)

    def run(self, leaf=None, moved=None):
        """The values of all records, with one leaf replaced."""
        values = dict(self.base)
        if leaf is not None:
            values[leaf.id] = moved
        with np.errstate(all="ignore"):
            for record in self.records:
                if record.id not in values:
                    values[record.id] = self._computed(record, values)
        return values

    def _computed(self, record, values):
        if record.kind == "part":
            return np.asarray(values[record.inputs[0].id][record.index])
        if record.op in ("to_copy", "detach"):
            return values[record.inputs[0].id]
        evaluate = getattr(record.prim, "eval", None)
        if evaluate is None:
            raise Unknown
        ins = [_in_order(values[i.id]) if isinstance(i, Record) else i for i in record.inputs]
        try:
            out = evaluate(*ins, **record.params)
        except Exception as error:
            raise Unknown from error
        return out if isinstance(out, tuple) else np.asarray(out)

    def total(self, values):
        """What is differentiated: the seeds times their outputs."""
        total = 0.0
        for record, seed in self.call.seeds:
            if seed.array is None:
                raise Unknown
            total += float(np.sum(np.real(values[record.id] * np.conj(seed.array))))
        return total

    def confirm(self):
        """The graph computed again must give what was recorded."""
        values = self.run()
        for record, _ in self.call.seeds:
            shot = record.value
            if shot is None or shot.array is None or shot.dtype.kind not in "fV":
                raise Unknown
            if np.shape(values[record.id]) != shot.shape:
                raise Unknown  # of many examples at once, under a transform
            if not np.allclose(values[record.id], wide(shot.array), 1e-2, 1e-3, equal_nan=True):
                raise Unknown

    def check(self, arrival):
        leaf, gradient = arrival.leaf, arrival.gradient.array
        start = self.base.get(leaf.id)
        if gradient is None or start is None or start.dtype.kind != "f" or start.size == 0:
            return None
        if gradient.shape != start.shape:
            return None  # many gradients at once, under a transform
        noise = self.noise(arrival.gradient.dtype)
        gradient = wide(gradient)
        if start.size <= ELEMENTS:
            found = _verdict("elements", self.slopes(leaf, start), gradient, noise)
        else:
            direction = np.random.default_rng(0).standard_normal(start.shape)
            direction /= np.linalg.norm(direction)
            along = np.asarray(self._slope(leaf, start, direction))
            found = _verdict("direction", along, np.sum(gradient * direction), noise)
        # On a kink the quotient lies between the slopes of both sides: no second opinion.
        kinks = found is not None and not found["ok"] and any(r.kinks for r in self.records)
        return None if kinks else found

    def noise(self, dtype):
        """What is rounding alone in a gradient of this type: it grows with what was added up."""
        return max(NOISE, ROUNDED * EPS * self.largest) if dtype.itemsize < 8 else 0.0

    def slopes(self, leaf, start):
        """The derivative by each element of a leaf."""
        found = [self._slope(leaf, start, direction) for direction in _units(start)]
        return np.array(found).reshape(start.shape)

    def _slope(self, leaf, start, direction):
        step = 1e-6 * max(1.0, float(np.max(np.abs(start))))
        high = self.total(self.run(leaf, start + step * direction))
        low = self.total(self.run(leaf, start - step * direction))
        return (high - low) / (2 * step)


def largest_of(call):
    """The largest number in the messages of a pass."""
    shots = [m.value for step in call.steps for m in step.sent] + [v for _, v in call.seeds]
    found = [float(np.abs(wide(s.array)).max()) for s in shots
             if s is not None and s.array is not None and s.array.size]  # fmt: skip
    return max([v for v in found if np.isfinite(v)], default=0.0)


def wide(array):
    kind = WIDE.get(array.dtype.kind)
    return array if kind is None else array.astype(kind)


def _in_order(value):
    """Arrays as operations get them: NumPy's scalars where there are no axes."""
    return value[()] if isinstance(value, np.ndarray) and value.shape == () else value


def _units(start):
    for k in range(start.size):
        unit = np.zeros(start.size)
        unit[k] = 1.0
        yield unit.reshape(start.shape)


def _verdict(how, numeric, gradient, noise):
    scale = max(float(np.max(np.abs(gradient))), float(np.max(np.abs(numeric))))
    if scale <= noise:
        return None  # nothing but rounding: neither number says anything
    scale = max(scale, 1e-12)
    difference = float(np.max(np.abs(numeric - gradient)))
    error = difference / scale
    if not np.isfinite(error):
        return None
    return {
        "how": how,
        "numeric": [float(f"{v:.8g}") for v in np.ravel(numeric)],
        "error": float(f"{error:.2g}"),
        "ok": error < 1e-3 or difference < noise / 10,
    }
