"""torch.fx.passes.graph_drawer: its name, which refuses."""

from ...base.refusals import refused_classes

__all__ = ["FxGraphDrawer"]

(FxGraphDrawer,) = refused_classes(
    "fx.passes.graph_drawer", "FxGraphDrawer",
    "module.graph.print_tabular() and module.print_readable() show a graph as text; "
    "tidu.graph(f, *inputs) draws what a function computes.",
)  # fmt: skip
