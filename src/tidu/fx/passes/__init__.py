"""torch.fx.passes: steps from graph to graph."""

from . import graph_drawer, infra, shape_prop, split_module
