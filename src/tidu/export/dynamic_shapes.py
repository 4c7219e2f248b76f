"""torch.export.dynamic_shapes: the axes that torch.export would leave open."""

from .absent import Dim, dims

__all__ = ["Dim", "dims"]
