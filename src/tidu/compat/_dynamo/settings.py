"""Sizes that vary (`mark_dynamic`), and torch.compile under its old names."""

from functools import wraps

from ..compilation import compile
from ..compiler.interface import set_stance

__all__ = ["mark_dynamic", "mark_static", "mark_static_address", "maybe_mark_dynamic", "optimize",
           "run"]  # fmt: skip


def mark_dynamic(t, index, **bounds):
    """Tells compiled functions that sizes of `t` along the axis (or axes) `index` vary."""
    axes = index if isinstance(index, (list, tuple)) else (index,)
    for axis in axes:
        if not isinstance(axis, int) or not -t.dim() <= axis < t.dim():
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-t.dim()}, {t.dim() - 1}], "
                f"but got {axis})"
            )
    held = t.__dict__.setdefault("_dynamo_dynamic_indices", set())
    held.update([axis % t.dim() for axis in axes])


maybe_mark_dynamic = mark_dynamic


def mark_static(t, index=None):
    """Tells compiled functions that sizes of `t` do not vary, along `index` or at all."""
    held = t.__dict__.get("_dynamo_dynamic_indices", set())
    axes = range(t.dim()) if index is None else index
    held.difference_update([a % t.dim() for a in ([axes] if isinstance(axes, int) else axes)])
    if not held:
        t.__dict__.pop("_dynamo_dynamic_indices", None)


def mark_static_address(t, guard=True):
    """Accepted: a compiled function asks where its tensors lie at each call."""


def optimize(backend="inductor", *, nopython=False, disable=False, dynamic=None, **options):
    """torch.compile under its old name, as a decorator."""
    return lambda given: compile(given, backend=backend, fullgraph=nopython, dynamic=dynamic,
                                 disable=disable)  # fmt: skip


def run(fn=None):
    """`fn`, a compiled function, as one that uses what is compiled and compiles nothing."""
    if fn is None:
        return run

    @wraps(fn)
    def running(*args, **kwargs):
        with set_stance("eager_on_recompile"):
            return fn(*args, **kwargs)

    return running
