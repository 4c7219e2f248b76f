"""torch.fx.node: its names, which refuse."""

from .absent import Node, map_aggregate, map_arg

__all__ = ["Argument", "Node", "Target", "map_aggregate", "map_arg"]

Argument = Target = object  # for annotations
