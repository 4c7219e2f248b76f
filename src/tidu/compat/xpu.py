"""torch.xpu: Intel's GPUs, which are not used."""

__all__ = ["current_device", "device_count", "empty_cache", "get_device_name", "is_available",
           "manual_seed", "manual_seed_all", "max_memory_allocated", "memory_allocated",
           "set_device", "synchronize"]  # fmt: skip


def is_available():
    return False


def device_count():
    return 0


def memory_allocated(device=None):
    return 0


max_memory_allocated = memory_allocated


def _nothing(*args, **kwargs):
    """Nothing to do without a GPU."""


def _absent(*args, **kwargs):
    """There is no GPU to ask."""
    raise AssertionError("Torch not compiled with XPU enabled")


manual_seed = manual_seed_all = empty_cache = _nothing
synchronize = set_device = current_device = get_device_name = _absent
