"""torch.jit: programs are Python here; scripting gives back what it was given."""

from ..base.lazy import late
from .scripting import (
    Attribute,
    Error,
    Final,
    Future,
    ScriptFunction,
    ScriptModule,
    TracerWarning,
    _get_trace_graph,
    _overload,
    _overload_method,
    annotate,
    export,
    fork,
    freeze,
    ignore,
    interface,
    is_scripting,
    is_tracing,
    isinstance,
    load,
    optimize_for_inference,
    save,
    script,
    script_if_tracing,
    script_method,
    set_fusion_strategy,
    trace,
    trace_module,
    unused,
    wait,
)

__all__ = ["Attribute", "Error", "Final", "ScriptFunction", "ScriptModule", "TracerWarning",
           "annotate", "export", "fork", "freeze", "ignore", "interface", "is_scripting",
           "is_tracing", "isinstance", "load", "optimize_for_inference", "save", "script",
           "script_if_tracing", "script_method", "set_fusion_strategy", "trace", "trace_module",
           "unused", "wait"]  # fmt: skip

__getattr__ = late(__name__, {"annotations": ".annotations"})
