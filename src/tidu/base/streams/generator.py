"""The random source: PyTorch's CPU generator (MT19937) on top of NumPy's.

A `Generator` hands out raw 32-bit words; `uniform`, `normal` and the other modules of this folder
turn them into numbers. The words of the current block of 624 are kept, so a small draw is a slice;
NumPy's source always stands at the end of that block. Compiled code, where there is some, keeps the
block's state instead. Read `Generator.words` first.
"""

from __future__ import annotations

import os
import struct
import sys
from _thread import allocate_lock
from importlib import import_module
from operator import index as as_integer

import numpy as np

from ..devices import CPU
from ..devices import device as named_device
from ..lazy import Place
from ..process.forks import across
from ..process.memory import leave_code
from .check import refuse
from .engine import ENGINE

BLOCK = 624
DEFAULT_SEED = 67280421310721
STATE_SIZE = 5056

# seed, left, seeded, next | 624 words of 8 bytes | x, y, rho, valid | float sample, valid
_HEAD = struct.Struct("<Qiiq")
_TAIL = struct.Struct("<dddixxxxf?xxx")
_FEW = 64  # blocks up to which the raw words, of 64 bits each, are the quicker way
_NOTHING = np.zeros(BLOCK, dtype=np.uint32)
_KEY = "key"  # in a place: its words are the state of a block
RESTARTS: list = []  # called before a stream starts anew; what they raise stops it
READINGS: list = []  # called before a program is told where one stands, or began; as above


def temper(key: np.ndarray) -> np.ndarray:
    """The output words of a block of MT19937 state."""
    words = key ^ (key >> np.uint32(11))
    words ^= (words << np.uint32(7)) & np.uint32(0x9D2C5680)
    words ^= (words << np.uint32(15)) & np.uint32(0xEFC60000)
    words ^= words >> np.uint32(18)
    return words


class Generator:
    """A stream of random words, equal to `torch.Generator` on the CPU for the same seed.

    >>> generator = Generator().manual_seed(1)
    >>> generator.initial_seed()
    1
    >>> generator.words(2).tolist()
    [1791095845, 4282876139]
    """

    __module__ = Place("torch._C", __name__)
    # How a state leaves through `get_state`: the tensor layer puts its wrapper here.
    wrap_state = staticmethod(lambda state: state)

    def __init__(self, device=None):
        self.device = CPU if device is None else named_device(device)
        if self.device.type != "cpu":
            kind = self.device.type
            refuse(
                f"Cannot get {kind.upper()} generator without ATen_{kind} library.",
                "random numbers are drawn on the CPU here; write Generator() instead.",
            )
        self._lock = allocate_lock()
        self._source = self._raw = None
        self._restart(DEFAULT_SEED)

    def _restart(self, seed: int) -> None:
        self._seed = seed
        self._words = _NOTHING
        self._position = BLOCK
        self._key = None  # The block's state, once compiled code writes the words,
        self._kept = None  # and a copy of it while a `place` holds one.
        self._pending = True  # NumPy's source is seeded when the first word is asked for.
        self.next_normal = None  # The second Box-Muller value, kept for the next small draw.

    # -- seeds ----------------------------------------------------------------------------------

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream at `seed`, any integer in [-2**63, 2**64 - 1]; returns itself."""
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            refuse(
                f"manual_seed expected a long, but got {type(seed).__name__}",
                "give a whole number, such as manual_seed(0).",
            )
        seed = as_integer(seed)
        if not -(2**63) <= seed < 2**64:
            refuse(
                "Overflow when unpacking long long",
                f"a seed lies between -2**63 and 2**64 - 1, {seed} does not.",
                ValueError,
            )
        for ask in RESTARTS:
            ask()
        with self._lock:
            self._restart(seed % 2**64)
        return self

    def seed(self) -> int:
        """Restart the stream at a seed from the operating system; returns that seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed that the stream started from."""
        for ask in READINGS:
            ask()
        return self._seed

    # -- words ----------------------------------------------------------------------------------

    def words(self, count: int) -> np.ndarray:
        """The next `count` 32-bit words as uint32; the array is not to be written to."""
        if self._key is not None:
            words = np.empty(count, np.uint32)
            self.write_words(words, count)
            return words
        with self._lock:
            start = self._position
            stop = start + count
            if stop <= BLOCK:
                self._position = stop
                return self._words[start:stop]
            return self._words_across_blocks(count)

    def write_words(self, out: np.ndarray, count: int) -> bool:
        """Write `count` words over the memory of `out`; False if that takes compiled code."""
        draws = ENGINE.draws
        if draws is None:
            if not ENGINE.ready(count):
                return False
            draws = ENGINE.draws
        if not count:
            return True
        with self._lock:
            if self._key is None:
                self._key, self._words = self._ready_source().get_state()[1], _NOTHING
            if self._position + count > BLOCK:
                self._kept = None
            draws.words(self._key, out, self._position, count)
            self._position = (self._position + count - 1) % BLOCK + 1
        return True

    def words64(self, count: int) -> np.ndarray:
        """The next `count` 64-bit words as uint64: the high half of each is drawn first."""
        pairs = self.words(2 * count).view(np.uint64)
        swapped = pairs << np.uint64(32)
        np.right_shift(pairs, np.uint64(32), out=(low := np.empty_like(swapped)))
        swapped |= low
        return swapped

    def _words_across_blocks(self, count: int) -> np.ndarray:
        source = self._ready_source()
        tail = self._words[self._position :]
        missing = count - tail.size
        blocks = -(-missing // BLOCK)
        if blocks <= _FEW:
            fresh = self._raw.random_raw(blocks * BLOCK).astype(np.uint32)
        else:
            fresh = source.randint(0, 2**32, blocks * BLOCK, dtype=np.uint32)
        self._position = missing - (blocks - 1) * BLOCK
        # A copy, so that one large draw does not keep its words alive.
        self._words = fresh if blocks == 1 else fresh[-BLOCK:].copy()
        if not tail.size:
            return fresh[:missing]
        return np.concatenate((tail, fresh[:missing]))

    def _ready_source(self):
        if self._source is None:
            self._renew_source()
        if self._pending:
            self._source.seed(self._seed & 0xFFFFFFFF)
        self._pending = False
        return self._source

    def _renew_source(self):
        if "numpy.random" not in sys.modules:
            import_module("numpy.random")  # brings OpenSSL and seven other sources
            leave_code("libcrypto")
            leave_code("numpy/random/")
        self._raw = np.random.MT19937(0)
        self._source = np.random.RandomState(self._raw)

    def place(self) -> tuple:
        """Where the stream stands, for `return_to`; costs little."""
        with self._lock:
            if self._key is not None:
                if self._kept is None:
                    self._kept = self._key.copy()
                return (self._kept, self._position, _KEY, self._seed)
            state = None if self._pending else self._source.get_state()
            return (self._words, self._position, state, self._seed)

    def return_to(self, place: tuple) -> None:
        """Stand again where `place` was taken."""
        with self._lock:
            words, self._position, state, self._seed = place
            self._key, self._kept = (words.copy(), words) if state is _KEY else (None, None)
            self._words = _NOTHING if state is _KEY else words
            self._pending = state is None
            if state is not None and state is not _KEY:
                self._source.set_state(state)

    # -- state ----------------------------------------------------------------------------------

    def state_bytes(self) -> bytes:
        """The state in PyTorch's own layout of 5056 bytes."""
        with self._lock:
            fresh = self._pending
            key = self._ready_source().get_state()[1] if self._key is None else self._key
            self._pending = fresh
            left, following = (1, 0) if fresh else (BLOCK + 1 - self._position, self._position)
            cached = self.next_normal
            return b"".join(
                (
                    _HEAD.pack(self._seed, left, 1, following),
                    key.astype("<u8").tobytes(),
                    _TAIL.pack(0.0, cached or 0.0, 0.0, cached is not None, 0.0, False),
                )
            )

    def load_state_bytes(self, state: bytes) -> None:
        """Take over a state in PyTorch's layout. RuntimeError if it is none."""
        if len(state) != STATE_SIZE:
            refuse(
                f"Expected a CPUGeneratorImplState of size {STATE_SIZE} but found the input RNG "
                f"state size to be {len(state)}",
                "give back what get_rng_state() returned.",
            )
        seed, left, seeded, following = _HEAD.unpack_from(state)
        _, cached, _, valid, _, _ = _TAIL.unpack_from(state, STATE_SIZE - _TAIL.size)
        key = np.frombuffer(state, dtype="<u8", count=BLOCK, offset=_HEAD.size).astype(np.uint32)
        exhausted = left == 1 and following in (0, BLOCK)
        if seeded != 1 or not (exhausted or (1 < left <= BLOCK and following == BLOCK + 1 - left)):
            refuse("Invalid mt19937 state", "give back what get_rng_state() returned.")
        for ask in RESTARTS:
            ask()
        with self._lock:
            self._renew_source()
            self._source.set_state(("MT19937", key, BLOCK))
            self._seed = seed
            self._pending, self._key, self._kept = False, None, None
            self._words = temper(key)
            self._position = BLOCK if exhausted else following
            self.next_normal = cached if valid else None

    def get_state(self):
        """The state as 5056 bytes of uint8, PyTorch's layout."""
        for ask in READINGS:
            ask()
        return self.wrap_state(np.frombuffer(bytearray(self.state_bytes()), dtype=np.uint8))

    def set_state(self, state) -> Generator:
        """Take over a state from `get_state`, of this library or of PyTorch; the generator."""
        if not hasattr(state, "__array__"):
            refuse(
                f"expected a torch.ByteTensor, but got {type(state).__name__}",
                "give back what get_state() returned.",
                TypeError,
            )
        array = np.asarray(state)
        if array.dtype != np.uint8:
            refuse(
                "RNG state must be a torch.ByteTensor",
                "give back what get_state() returned.",
                TypeError,
            )
        self.load_state_bytes(array.tobytes())
        return self

    def clone_state(self) -> Generator:
        """A second generator that stands at the same place."""
        for ask in READINGS:
            ask()
        clone = type(self)(self.device)
        clone.load_state_bytes(self.state_bytes())
        return clone

    def get_offset(self) -> int:  # type: ignore[return]
        refuse("CPU Generator does not use offset", "use get_state() to keep a position.")

    def set_offset(self, offset: int) -> None:
        refuse("CPU Generator does not use offset", "use set_state() to return to a position.")

    def __deepcopy__(self, memo) -> Generator:
        return self.clone_state()

    __copy__ = clone_state

    def __reduce__(self):
        return _restored, (self.state_bytes(),)

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {id(self):#x}>"


def _restored(state: bytes) -> Generator:
    generator = Generator()
    generator.load_state_bytes(state)
    return generator


default_generator = Generator()
across(default_generator._lock)
default_generator.seed()
