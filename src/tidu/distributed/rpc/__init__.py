"""torch.distributed.rpc: its names, which refuse."""

from . import api, functions
from .calls import (
    BackendType,
    RpcBackendOptions,
    RRef,
    TensorPipeRpcBackendOptions,
    WorkerInfo,
    get_worker_info,
    init_rpc,
    is_available,
    remote,
    rpc_async,
    rpc_sync,
    shutdown,
)
