"""torch.compile, and the functions that compile what it records (its backends)."""

from .entry import OptimizedModule, compile

__all__ = ["OptimizedModule", "compile"]
