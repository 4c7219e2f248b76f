"""torch.profiler and torch.autograd.profiler: what ran, how often and how long, as a table."""

from .events import EventList, FunctionEvent, FunctionEventAvg
from .profile import emit_nvtx, profile, record_function
from .scheduling import (
    ProfilerAction,
    ProfilerActivity,
    kineto_available,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "EventList", "FunctionEvent", "FunctionEventAvg", "ProfilerAction", "ProfilerActivity",
    "emit_nvtx", "kineto_available", "profile", "record_function", "schedule",
    "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip
