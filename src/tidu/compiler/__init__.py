"""torch.compiler's names; the files beside make machine code through LLVM (extra `fast`)."""

from ..lazy import late
from .interface import (
    allow_in_graph,
    assume_constant_result,
    cudagraph_mark_step_begin,
    disable,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    list_backends,
    reset,
    set_stance,
)

__all__ = ["allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin",
           "disable", "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends",
           "reset", "set_stance"]  # fmt: skip

__getattr__ = late(__name__, {"compile": "..compilation:compile"})
