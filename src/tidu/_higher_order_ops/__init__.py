"""Branches and loops as operations, as torch._higher_order_ops has them."""

from .cond import cond
from .map import map
from .scan import scan
from .while_loop import while_loop

__all__ = ["cond", "map", "scan", "while_loop"]
