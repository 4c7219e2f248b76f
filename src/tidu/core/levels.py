"""Level: one running transform. Levels nest; the deeper one handles an operation first."""

from contextlib import contextmanager, nullcontext

from .modes import LOCAL, set_grad

__all__ = ["Level"]

_NOTHING = nullcontext()


class Level:
    """`depth` orders the levels of a thread; `process(prim, args, params)` is the transform.

    Use it as a context; afterwards it is no longer `alive` and its handles count as plain ones.
    """

    records = False  # whether entering switches gradient recording on for its own tape

    def __enter__(self):
        LOCAL.depth += 1
        self.depth = LOCAL.depth
        self.alive = True
        self.outer_grad = set_grad(True) if self.records else LOCAL.grad
        return self

    def __exit__(self, *exc):
        LOCAL.depth -= 1
        self.alive = False
        if self.records:
            set_grad(self.outer_grad)
        return False

    def outside(self):
        """A context in which recording is as it was where the transform was called."""
        return _NOTHING if self.outer_grad or not LOCAL.grad else _paused()

    def process(self, prim, args, params):
        raise NotImplementedError


@contextmanager
def _paused():
    was = set_grad(False)
    try:
        yield
    finally:
        set_grad(was)
