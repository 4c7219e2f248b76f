"""Switches of PyTorch's compiler front end: kept, without an effect here."""

from ..compilation import compile
from ..refusals import refused_functions
from ..settings import Switches

__all__ = ["config", "explain", "mark_dynamic", "mark_static", "optimize"]

config = Switches(
    suppress_errors=False, cache_size_limit=8, recompile_limit=8, verbose=False,
    capture_scalar_outputs=False, automatic_dynamic_shapes=True, optimize_ddp=True,
)  # fmt: skip

(explain,) = refused_functions(
    "_dynamo", "explain", "f = torch.compile(f), call it, and f.explain() tells what was made."
)


def mark_dynamic(t, index, **bounds):
    """Nothing to do: each shape has a version of its own."""


mark_static = mark_dynamic


def optimize(backend="inductor", *, nopython=False, **options):
    """torch.compile under its old name."""
    return lambda given: compile(given, backend=backend, fullgraph=nopython)
