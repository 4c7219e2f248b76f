"""What a program keeps outside of tensors and containers: arrays of NumPy and other memory, and
sources of random numbers."""

import hashlib
import pickle
from random import Random

import numpy as np

__all__ = ["Buffer", "Buffers"]


class Buffer:
    """Memory that no tensor shows (an array of NumPy, a bytearray), as it is when this is made."""

    __slots__ = ("form", "kept", "thing")

    def __init__(self, thing):
        self.thing, self.form, self.kept = thing, _form(thing), _digest(thing)

    def differs(self):
        return _form(self.thing) != self.form or _digest(self.thing) != self.kept


class Source:
    """A source of random numbers of Python or NumPy, as it stands when this is made."""

    __slots__ = ("state", "thing")

    def __init__(self, thing):
        self.thing, self.state = thing, self._now()

    def _now(self):
        if isinstance(self.thing, Random):
            return self.thing.getstate()
        return pickle.dumps(self._bits().state)

    def _bits(self):
        names = ("bit_generator", "_bit_generator")
        return next((getattr(self.thing, n) for n in names if hasattr(self.thing, n)), self.thing)

    def differs(self):
        return self._now() != self.state

    def undo(self):
        if isinstance(self.thing, Random):
            self.thing.setstate(self.state)
        else:
            self._bits().state = pickle.loads(self.state)


class Buffers:
    """Such memory, and such sources, during a trial run, which must not change them: what is small
    is kept, large arrays refuse to be written."""

    def __init__(self, things, sources=()):
        self.small, self.locked = [], []
        self.sources = [Source(s) for s in sources]
        for thing in things:
            large = memory_size(thing) > _SMALL
            if not large:
                self.small.append(Buffer(thing))
            elif isinstance(thing, np.ndarray) and thing.flags.writeable:
                thing.flags.writeable = False
                self.locked.append(thing)

    def changed(self):
        """What was changed, in words."""
        if any(b.differs() for b in self.small):
            return "it writes into an array of NumPy, or into a bytearray"
        if any(s.differs() for s in self.sources):
            return "it draws from a random source of Python or NumPy"
        return None

    def undo(self):
        for s in self.sources:
            if s.differs():
                s.undo()
        for thing in self.locked:
            thing.flags.writeable = True
        for b in self.small:
            if b.differs() and b.form == _form(b.thing) and isinstance(b.kept, bytes):
                _write(b.thing, b.kept)


_SMALL = 1 << 12  # bytes that are kept for a trial run
_KEPT = 1 << 16  # bytes that are kept, not their digest, for as long as a program lives


def memory_size(thing):
    return thing.nbytes if isinstance(thing, np.ndarray) else memoryview(thing).nbytes


def _form(thing):
    return (thing.shape, thing.dtype, thing.strides) if isinstance(thing, np.ndarray) else None


def _digest(thing):
    if isinstance(thing, np.ndarray):
        if thing.dtype.hasobject:
            return tuple(map(id, thing.flat))
        if thing.nbytes <= _KEPT:
            return thing.tobytes()
        thing = np.ascontiguousarray(thing).reshape(-1).view(np.uint8)
    data = memoryview(thing).cast("B")
    return bytes(data) if data.nbytes <= _KEPT else (hashlib.blake2b(data).digest(),)


def _write(thing, data):
    if isinstance(thing, np.ndarray):
        thing[...] = np.frombuffer(data, thing.dtype).reshape(thing.shape)
    else:
        memoryview(thing).cast("B")[:] = data
