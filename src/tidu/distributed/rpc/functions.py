"""torch.distributed.rpc.functions: a mark for functions that give futures."""

from .absent import async_execution

__all__ = ["async_execution"]
