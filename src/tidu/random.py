"""torch.random: seeds and the state of the default generator."""

import contextlib

from .base import streams
from .base.lazy import late
from .core.handle import wrap

__all__ = ["Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed",
           "manual_seed", "seed", "set_rng_state", "thread_safe_generator"]  # fmt: skip

__getattr__ = late(__name__, {})

Generator = streams.Generator
Generator.wrap_state = staticmethod(wrap)
default_generator = streams.default_generator


def manual_seed(seed):
    """Start the default stream at `seed`; the numbers that follow are PyTorch's.

    >>> import tidu as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


def seed():
    """Start the default stream anywhere; returns the seed chosen."""
    return default_generator.seed()


def initial_seed():
    return default_generator.initial_seed()


def get_rng_state():
    """The default generator's state, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Put the default generator back into a state from `get_rng_state`."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, device_type="cuda"):
    """Inside, draws do not advance the stream outside."""
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def thread_safe_generator():
    """None: a worker of a DataLoader is a process, which has a default generator of its own."""
