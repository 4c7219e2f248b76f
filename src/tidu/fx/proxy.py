"""torch.fx.proxy: its names, which refuse."""

from .absent import GraphAppendingTracer, Proxy

__all__ = ["GraphAppendingTracer", "Proxy"]
