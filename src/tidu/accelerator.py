"""torch.accelerator: whichever GPU there is; here there is none."""

__all__ = ["current_accelerator", "current_device_idx", "current_device_index", "current_stream",
           "device_count", "device_index", "empty_cache", "is_available", "max_memory_allocated",
           "memory_allocated", "set_device_idx", "set_device_index", "set_stream",
           "synchronize"]  # fmt: skip


def is_available():
    """False: tensors live on the CPU."""
    return False


def current_accelerator(check_available=False):
    """None: there is no accelerator.

    >>> import tidu as torch
    >>> torch.accelerator.current_accelerator() or "cpu"
    'cpu'
    """
    return None


def device_count():
    return 0


def _absent(*args, **kwargs):
    """There is no accelerator to ask."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


current_device_index = current_device_idx = set_device_index = set_device_idx = _absent
synchronize = current_stream = set_stream = empty_cache = _absent
memory_allocated = max_memory_allocated = device_index = _absent
