"""One device, on which work is done in the order in which it is asked for."""

__all__ = ["Stream", "StreamContext", "current_device", "current_stream", "device_count",
           "is_available", "set_device", "stream", "synchronize"]  # fmt: skip


class Stream:
    """Stands for the only order of work there is."""

    def __init__(self, priority=-1):
        self.priority = priority

    def wait_stream(self, stream):
        """Nothing to wait for."""


class StreamContext:
    """`with torch.cpu.stream(s):` changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return None


_CURRENT = Stream()


def stream(stream):
    """A context that changes nothing."""
    return StreamContext(stream)


def current_stream(device=None):
    """The only stream."""
    return _CURRENT


def current_device():
    """The device's name."""
    return "cpu"


def set_device(device):
    """There is no other."""


def device_count():
    """One."""
    return 1


def is_available():
    """True."""
    return True


def synchronize(device=None):
    """All work is done when its call returns."""
