"""torch.accelerator: whichever GPU there is; here there is none."""

from contextlib import contextmanager
from importlib import import_module

from .base.devices import device as any_device
from .base.errors import hinted
from .base.refusals import refused_classes

__all__ = ["Event", "Graph", "Stream",
           "current_accelerator", "current_device_idx", "current_device_index",
           "current_stream", "device_count", "device_index", "empty_cache", "get_device_capability",
           "get_device_module", "is_available", "max_memory_allocated", "memory_allocated",
           "set_device_idx", "set_device_index", "set_stream", "synchronize"]  # fmt: skip


(Graph,) = refused_classes(
    "accelerator", "Graph", "torch.compile makes one program of a whole training step on the CPU."
)


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
memory_allocated = max_memory_allocated = get_device_capability = _absent


@contextmanager
def device_index(device):
    """A block in which another accelerator is used; with None, as it is."""
    if device is not None:
        _absent()
    yield


def get_device_module(device=None):
    """torch.cpu for the CPU, torch.cuda for a GPU ...; what they say of themselves is true here.

    >>> import tidu as torch
    >>> torch.get_device_module().device_count()
    1
    """
    kind = "cpu" if device is None else any_device(device).type
    try:
        return import_module(f"{__name__.rpartition('.')[0]}.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        ) from None


def _linked(device):
    """A device that can have streams: the CPU."""
    device = any_device(device)
    if device.type != "cpu":
        raise RuntimeError(f"PyTorch is not linked with support for {device.type} devices")
    return device


class Stream:
    """An order of work; on the CPU all work is done in the order in which it is asked for."""

    __module__ = "torch"

    def __init__(self, device=None, *, priority=0):
        self.device = _linked("cpu" if device is None else device)
        self.stream_id, self.device_index, self.device_type = 0, -1, 0

    def query(self):
        """True: all work is done."""
        return True

    def synchronize(self):
        """Nothing to wait for."""

    wait_stream = wait_event = lambda self, other: None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __repr__(self):
        return "torch.Stream device_type=cpu, device_index=-1, stream_id=0"


class Event:
    """A mark in an order of work; the CPU has none, as in PyTorch."""

    __module__ = "torch"

    def __init__(self, device=None, *, enable_timing=False, blocking=False, interprocess=False):
        self.device = _linked("cpu" if device is None else device)
        self.event_id = 0

    def _refused(self, *args):
        """RuntimeError: time.perf_counter measures work on the CPU."""
        raise RuntimeError(
            hinted(
                "cpu backend doesn't support events.",
                "time.perf_counter() before and after measures work on the CPU.",
            )
        )

    record = elapsed_time = wait = _refused

    def query(self):
        """True: all work is done."""
        return True

    def synchronize(self):
        """Nothing to wait for."""

    def __repr__(self):
        return "torch.Event device_type=cpu, device_index=-1, event_flag=0, event_id=0"
