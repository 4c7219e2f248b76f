"""torch.distributed.rpc.api: its names, which refuse."""

from .calls import (
    RRef,
    get_worker_info,
    init_rpc,
    remote,
    rpc_async,
    rpc_sync,
    shutdown,
)

__all__ = ["RRef", "get_worker_info", "init_rpc", "remote", "rpc_async", "rpc_sync", "shutdown"]


def _require_initialized(func):
    """`func`, of PyTorch's decorator for functions that need a running network of processes."""
    return func
