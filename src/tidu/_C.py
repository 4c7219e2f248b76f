"""torch._C: the few names of PyTorch's C++ part that programs ask for."""

from .errors import LinAlgError as _LinAlgError
from .overrides import DisableTorchFunctionSubclass
from .random import Generator, default_generator
from .size import Size

__all__ = ["_LinAlgError", "DisableTorchFunctionSubclass", "Generator", "Size", "default_generator"]


def _get_tracing_state():
    """What torch.jit.trace is recording: nothing, ever."""


def _log_api_usage_once(event):
    """Nothing is counted."""
