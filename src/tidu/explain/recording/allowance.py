"""How much of a loop is written down: the first rounds in full, then the program runs on alone.

A training loop does the same thing a thousand times. Each line that calls backward, with the
modules run before it, may use a share of what a whole recording may hold.
"""

from weakref import WeakKeyDictionary

__all__ = ["Allowance"]

SHARE = 5  # loops of which all that they may use fits into a recording
BYTES = 4000  # for each operation, on average
ROUNDS = 3  # that are written down whatever they take


class Loop:
    """What the rounds of one loop have taken: backward calls, records, bytes of copies."""

    __slots__ = ("bytes", "calls", "records")

    def __init__(self):
        self.calls = self.records = self.bytes = 0


class Allowance:
    """Keeps the accounts of a Recorder."""

    def __init__(self, limit):
        self.records, self.bytes = limit // SHARE, limit // SHARE * BYTES
        self.loops, self.signs, self.met, self.current = {}, WeakKeyDictionary(), set(), ()
        self.before, self.copied = (0, 0), 0

    # --- modules ---------------------------------------------------------------------------------

    def _sign(self, module):
        """What a module is alike: its class and its parameters' shapes; None without parameters."""
        if module not in self.signs:
            shapes = tuple([tuple(p.shape) for p in module.parameters()])
            self.signs[module] = (type(module), shapes) if shapes else None
        return self.signs[module]

    def knows(self, module):
        """Whether a module like this was called from outside before."""
        sign = self._sign(module)
        return sign is None or sign in self.met

    def use(self, module):
        """The module is called from outside."""
        sign = self._sign(module)
        if sign is not None and sign not in self.current:
            self.current = (*self.current, sign)
            self.met.add(sign)

    # --- accounts --------------------------------------------------------------------------------

    def _loop(self, place):
        return self.loops.setdefault((id(place), self.current), Loop())

    def close(self, place):
        """(how many rounds were written down, the classes of the modules that ran in them)."""
        calls, modules = self._loop(place).calls, [kind.__name__ for kind, _ in self.current]
        self.current = ()
        return calls, modules

    def has_room(self, place):
        """Whether one more round of the loop may be written down."""
        loop = self._loop(place)
        full = loop.records > self.records or loop.bytes > self.bytes
        return loop.calls < ROUNDS or not full

    def spend(self, *shots):
        for shot in shots:
            if shot is not None and shot.array is not None:
                self.copied += shot.array.nbytes

    def settle(self, place, records, copied):
        """A round has ended: what came since the last one was its work."""
        loop = self._loop(place)
        loop.calls += 1
        loop.records += records - self.before[0]
        loop.bytes += copied - self.before[1] + self.copied
        self.before, self.copied, self.current = (records, copied), 0, ()
