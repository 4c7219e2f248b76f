"""torch._dynamo: what programs ask of PyTorch's compiler front end, answered by tidu's."""

from ..compilation.backends import list_backends, lookup_backend, register_backend
from ..compiler.interface import (
    allow_in_graph,
    assume_constant_result,
    disable,
    graph_break,
    is_compiling,
    reset,
    set_stance,
    substitute_in_graph,
)
from . import backends, config, eval_frame, exc, testing, utils
from .eval_frame import OptimizedModule
from .explanation import explain
from .settings import (
    mark_dynamic,
    mark_static,
    mark_static_address,
    maybe_mark_dynamic,
    optimize,
    run,
)
