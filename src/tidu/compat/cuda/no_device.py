"""What torch.cuda answers where no GPU can be used: zeros, nothing to do, or a clear error."""

from collections import OrderedDict

from ..base.devices import device as any_device
from ..base.errors import hinted

_MISSING = hinted(
    "Torch not compiled with CUDA enabled",
    "tidu computes on the CPU; ask torch.cuda.is_available() before using a GPU.",
)


class CudaError(RuntimeError):
    """An error of the CUDA runtime."""


class OutOfMemoryError(RuntimeError):
    """GPU memory ran out; never raised here, but programs catch it."""


def is_available():
    """False: tensors live on the CPU.

    >>> import tidu as torch
    >>> "cuda" if torch.cuda.is_available() else "cpu"
    'cpu'
    """
    return False


def device_count():
    """The number of GPUs: 0."""
    return 0


def is_initialized():
    return False


def is_bf16_supported(including_emulation=True):
    return False


def is_current_stream_capturing():
    return False


def get_arch_list():
    return []


def _absent(*args, **kwargs):
    """There is no GPU to ask."""
    raise AssertionError(_MISSING)


init = current_device = get_device_name = get_device_capability = _absent
get_device_properties = synchronize = mem_get_info = initial_seed = _absent
get_rng_state = set_rng_state = current_stream = default_stream = _absent
can_device_access_peer = ipc_collect = current_blas_handle = utilization = _absent


def _nothing(*args, **kwargs):
    """Nothing to do without a GPU."""


empty_cache = manual_seed = manual_seed_all = seed = seed_all = _nothing
reset_peak_memory_stats = reset_accumulated_memory_stats = _nothing
reset_max_memory_allocated = reset_max_memory_cached = _nothing
set_per_process_memory_fraction = _nothing


def _none_used(device=None):
    """Bytes of GPU memory: 0."""
    return 0


memory_allocated = max_memory_allocated = memory_reserved = max_memory_reserved = _none_used
memory_cached = max_memory_cached = _none_used


def memory_stats(device=None):
    return OrderedDict()


def memory_summary(device=None, abbreviated=False):
    return "No GPU memory is in use: tidu computes on the CPU.\n"


def get_rng_state_all():
    return []


def set_rng_state_all(new_states):
    """Nothing to set; a state from a machine with GPUs is refused."""
    if len(new_states):
        _absent()


def _index(wanted):
    if wanted is None:
        return -1
    if isinstance(wanted, int):
        return wanted
    wanted = any_device(wanted)
    if wanted.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {wanted}")
    return 0 if wanted.index is None else wanted.index


def set_device(device):
    """Choose a GPU; negative numbers choose none, everything else is an error here."""
    if _index(device) >= 0:
        _absent()


class device:
    """The context that makes a GPU the current one; None or a negative number does nothing."""

    def __init__(self, device):
        self.idx = _index(device)

    def __enter__(self):
        if self.idx >= 0:
            _absent()

    def __exit__(self, *exc):
        return False


class device_of(device):
    """The context of the GPU a tensor is on; tensors here are on none."""

    def __init__(self, obj):
        self.idx = -1


class StreamContext:
    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        if self.stream is not None:
            _absent()

    def __exit__(self, *exc):
        return False


stream = StreamContext


class Stream:
    """A queue of GPU work; cannot be made here."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


class CUDAGraph:
    """Recorded GPU work; cannot be made here: torch.compile records whole steps."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("Tried to instantiate dummy base class CUDAGraph")


class graph:
    """A block whose GPU work is recorded; cannot be entered here."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("torch.cuda.graph requires CUDA support")


class Event:
    """A mark in a queue of GPU work; cannot be made here."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("Tried to instantiate dummy base class Event")
