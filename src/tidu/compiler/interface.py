"""torch.compiler's functions: what is left out, what is forgotten, what is asked."""

from functools import wraps

from ..lazy import lazy_module

optimized = lazy_module(__package__ + ".optimized")  # with all it needs: 20 ms

__all__ = ["allow_in_graph", "assume_constant_result", "cudagraph_mark_step_begin",
           "disable", "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends",
           "reset", "set_stance"]  # fmt: skip

BACKENDS = ("inductor", "eager", "aot_eager", "cudagraphs", "openxla", "tvm")


def is_compiling():
    """Whether the code is being compiled."""
    return optimized.running()


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn=None, recursive=True, *, reason=None):
    """The function, to be left out of compilation: a compiled caller runs eagerly."""
    if fn is None:
        return lambda given: disable(given, recursive, reason=reason)

    @wraps(fn)
    def plain(*args, **kwargs):
        if optimized.running():
            raise optimized.Break(
                f"it calls {fn.__qualname__}, which is marked with compiler.disable"
            )
        return fn(*args, **kwargs)

    plain._tidu_disabled = True
    return plain


def allow_in_graph(fn):
    """The function itself."""
    return fn


def assume_constant_result(fn):
    """The function itself."""
    return fn


def reset():
    """Forget what was compiled."""
    optimized.forget_all()


def cudagraph_mark_step_begin():
    """Nothing to mark on the CPU."""


def list_backends(exclude_tags=("debug", "experimental")):
    return list(BACKENDS)


class set_stance:
    """How compiled functions behave: here they always run eagerly."""

    def __init__(self, stance="default", **options):
        self.stance = stance

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __call__(self, fn):
        return fn
