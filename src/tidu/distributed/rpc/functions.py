"""torch.distributed.rpc.functions: a mark for functions that give futures."""

from .calls import async_execution

__all__ = ["async_execution"]
