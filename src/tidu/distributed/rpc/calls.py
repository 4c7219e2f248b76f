"""Calls to other processes, which there are none to answer."""

from ...base.refusals import refused_classes, refused_functions

_HINT = (
    "a program runs in one process here; call the function directly, or share work with "
    "torch.multiprocessing."
)

init_rpc, shutdown, rpc_sync, rpc_async, remote, get_worker_info = refused_functions(
    "distributed.rpc", "init_rpc shutdown rpc_sync rpc_async remote get_worker_info", _HINT
)
RRef, RpcBackendOptions, TensorPipeRpcBackendOptions, WorkerInfo = refused_classes(
    "distributed.rpc", "RRef RpcBackendOptions TensorPipeRpcBackendOptions WorkerInfo", _HINT
)
BackendType = type(
    "BackendType", (), {"TENSORPIPE": "TENSORPIPE", "__module__": "torch.distributed.rpc"}
)


def is_available():
    """False: there are no other processes to call."""
    return False


def async_execution(fn):
    """Marks a function whose result is a future; it stays as it is."""
    return fn
