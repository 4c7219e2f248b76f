"""torch._inductor.utils: a compiler that starts anew."""

from contextlib import contextmanager

from ..compiler.interface import reset

__all__ = ["fresh_cache", "fresh_inductor_cache"]


@contextmanager
def fresh_cache(cache_entries=None, dir=None, delete=True):
    """A block that forgets before and after it what was compiled."""
    reset()
    yield
    reset()


fresh_inductor_cache = fresh_cache
