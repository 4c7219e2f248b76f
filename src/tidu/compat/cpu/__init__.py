"""torch.cpu: the questions that torch.cuda answers, asked of the CPU."""

from . import amp
from .device import (
    Stream,
    StreamContext,
    current_device,
    current_stream,
    device_count,
    is_available,
    set_device,
    stream,
    synchronize,
)

__all__ = ["Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count",
           "is_available", "set_device", "stream", "synchronize"]  # fmt: skip
