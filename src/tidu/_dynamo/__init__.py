"""torch._dynamo: what programs ask of PyTorch's compiler front end, answered by tidu's."""

from ..compiler.interface import allow_in_graph, disable, list_backends, reset
from .explanation import explain
from .settings import config, mark_dynamic, mark_static, maybe_mark_dynamic, optimize
