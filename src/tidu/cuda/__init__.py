"""torch.cuda on a machine without: nothing is available, and asking for a device says so."""

from . import amp
from .absent import (
    CudaError, Event, OutOfMemoryError, Stream, StreamContext, can_device_access_peer, current_blas_handle,
    current_device, current_stream, default_stream, device, device_count, device_of, empty_cache,
    get_arch_list, get_device_capability, get_device_name, get_device_properties, get_rng_state,
    get_rng_state_all, init, initial_seed, ipc_collect, is_available, is_bf16_supported,
    is_current_stream_capturing, is_initialized, manual_seed, manual_seed_all, max_memory_allocated,
    max_memory_cached, max_memory_reserved, mem_get_info, memory_allocated, memory_cached,
    memory_reserved, memory_stats, memory_summary, reset_accumulated_memory_stats,
    reset_max_memory_allocated, reset_max_memory_cached, reset_peak_memory_stats, seed, seed_all,
    set_device, set_per_process_memory_fraction, set_rng_state, set_rng_state_all, stream, synchronize,
    utilization,
)  # fmt: skip
from .types import (
    BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor,
    IntTensor, LongTensor, ShortTensor,
)  # fmt: skip

has_half = True
default_generators = ()
