"""torch.compiler's names; the files beside make machine code through LLVM (extra `fast`)."""

from ..base.lazy import late
from .guard_filters import (
    keep_portable_guards_unsafe,
    keep_tensor_guards_unsafe,
    skip_all_guards_unsafe,
    skip_guard_on_all_nn_modules_unsafe,
    skip_guard_on_globals_unsafe,
    skip_guard_on_inbuilt_nn_modules_unsafe,
)
from .interface import (
    NestedCompileRegionOptions,
    allow_in_graph,
    assume_constant_result,
    cudagraph_mark_step_begin,
    disable,
    get_default_backend,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    load_compiled_function,
    nested_compile_region,
    reset,
    set_default_backend,
    set_enable_guard_collectives,
    set_stance,
    substitute_in_graph,
    wrap_numpy,
)

__all__ = ["CacheInfo", "NestedCompileRegionOptions", "allow_in_graph", "assume_constant_result",
           "compile", "cudagraph_mark_step_begin", "disable", "get_default_backend", "is_compiling",
           "is_dynamo_compiling", "is_exporting", "keep_portable_guards_unsafe",
           "keep_tensor_guards_unsafe", "list_backends", "load_cache_artifacts",
           "load_compiled_function", "nested_compile_region", "reset", "save_cache_artifacts",
           "set_default_backend", "set_enable_guard_collectives", "set_stance",
           "skip_all_guards_unsafe", "skip_guard_on_all_nn_modules_unsafe",
           "skip_guard_on_globals_unsafe", "skip_guard_on_inbuilt_nn_modules_unsafe",
           "substitute_in_graph", "wrap_numpy"]  # fmt: skip

__getattr__ = late(__name__, {
    "compile": "..compilation:compile", "config": ".config",
    "list_backends": "..compilation.backends:list_backends",
    "CacheInfo": ".artifacts:CacheInfo",
    "load_cache_artifacts": ".artifacts:load_cache_artifacts",
    "save_cache_artifacts": ".artifacts:save_cache_artifacts",
})  # fmt: skip
