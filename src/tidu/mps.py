"""torch.mps: Apple's GPUs, which are not used."""

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


def _refused(what):
    def call(*args, **kwargs):
        raise RuntimeError(f"Cannot execute {what}() without MPS backend.")

    return call


synchronize, empty_cache = _refused("deviceSynchronize"), _refused("emptyCache")
current_allocated_memory = _refused("getCurrentAllocatedMemory")
driver_allocated_memory = _refused("getDriverAllocatedMemory")
