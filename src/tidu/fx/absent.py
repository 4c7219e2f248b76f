"""torch.fx rewrites programs as graphs of calls; tidu shows graphs of its own instead."""

from ..refusals import refused_classes, refused_functions

_HINT = (
    "tidu has graphs of its own: tidu.graph(f, *inputs) shows what a function computes, "
    "torch.compile runs it as one program, and forward hooks read what a layer gives."
)

Graph, GraphModule, Interpreter, Node, Proxy, Tracer, Transformer = refused_classes(
    "fx", "Graph GraphModule Interpreter Node Proxy Tracer Transformer", _HINT
)
(CodeGen,) = refused_classes("fx", "CodeGen", _HINT)
(GraphAppendingTracer,) = refused_classes("fx.proxy", "GraphAppendingTracer", _HINT)
symbolic_trace, replace_pattern, wrap = refused_functions(
    "fx", "symbolic_trace replace_pattern wrap", _HINT
)
map_arg, map_aggregate = refused_functions("fx.node", "map_arg map_aggregate", _HINT)
