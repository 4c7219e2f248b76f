"""torch.fx: its names, which refuse."""

from . import node, proxy
from .absent import (
    CodeGen,
    Graph,
    GraphModule,
    Interpreter,
    Node,
    Proxy,
    Tracer,
    Transformer,
    replace_pattern,
    symbolic_trace,
    wrap,
)
