"""torch.distributed for one process: a group of rank 0 alone. More processes are not available."""

from ..base.lazy import late
from .single import (
    Backend,
    ProcessGroup,
    ReduceOp,
    all_gather,
    all_gather_into_tensor,
    all_gather_object,
    all_reduce,
    all_to_all,
    barrier,
    broadcast,
    broadcast_object_list,
    destroy_process_group,
    gather,
    get_backend,
    get_default_backend_for_device,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    irecv,
    is_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    isend,
    monitored_barrier,
    new_group,
    recv,
    reduce,
    reduce_scatter,
    scatter,
    send,
)  # fmt: skip

__getattr__ = late(__name__, {
    "autograd": ".autograd", "device_mesh": ".device_mesh", "rpc": ".rpc",
})  # fmt: skip
