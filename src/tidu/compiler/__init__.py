"""torch.compiler's names; the files beside make machine code through LLVM (extra `fast`)."""

from ..base.lazy import late
from .interface import (
    allow_in_graph,
    assume_constant_result,
    cudagraph_mark_step_begin,
    disable,
    get_default_backend,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    nested_compile_region,
    reset,
    set_default_backend,
    set_enable_guard_collectives,
    set_stance,
    substitute_in_graph,
    wrap_numpy,
)

__all__ = ["allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin",
           "disable", "get_default_backend", "is_compiling", "is_dynamo_compiling", "is_exporting",
           "list_backends", "nested_compile_region", "reset", "set_default_backend",
           "set_enable_guard_collectives", "set_stance", "substitute_in_graph",
           "wrap_numpy"]  # fmt: skip

__getattr__ = late(
    __name__,
    {"compile": "..compilation:compile", "list_backends": "..compilation.backends:list_backends"},
)
