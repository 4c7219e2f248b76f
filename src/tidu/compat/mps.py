"""torch.mps: Apple's GPUs, which are not used."""

from .base.lazy import standing

__all__ = ["current_allocated_memory", "device_count", "driver_allocated_memory", "empty_cache",
           "is_available", "manual_seed", "seed", "synchronize"]  # fmt: skip


def is_available():
    return False


def device_count():
    return 0


def manual_seed(seed):
    """Nothing to seed."""


def seed():
    """Nothing to seed."""


def _refused(name, what):
    def call(*args, **kwargs):
        raise RuntimeError(f"Cannot execute {what}() without MPS backend.")

    return standing(call, f"mps.{name}")


synchronize = _refused("synchronize", "deviceSynchronize")
empty_cache = _refused("empty_cache", "emptyCache")
current_allocated_memory = _refused("current_allocated_memory", "getCurrentAllocatedMemory")
driver_allocated_memory = _refused("driver_allocated_memory", "getDriverAllocatedMemory")
