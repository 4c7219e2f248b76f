"""torch.compiler's functions: what is left out, what is forgotten, what is asked."""

from functools import wraps

import numpy as np

from ..base import tree
from ..base.lazy import lazy_module
from ..core.handle import TensorBase, wrap
from ..core.modes import count_special

optimized = lazy_module(__package__ + ".calls.optimized")  # with all it needs: 20 ms

__all__ = ["allow_in_graph", "assume_constant_result", "cudagraph_mark_step_begin", "disable",
           "get_default_backend", "graph_break", "is_compiling", "is_dynamo_compiling",
           "is_exporting", "nested_compile_region", "reset", "set_default_backend",
           "set_enable_guard_collectives", "set_stance", "substitute_in_graph",
           "wrap_numpy"]  # fmt: skip


def is_compiling():
    """Whether the code is being compiled."""
    return optimized.running()


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn=None, recursive=True, *, reason=None):
    """`fn`, which no compiled function takes in: it runs eagerly, and so does the statement of the
    compiled caller that calls it; what stands before and after that statement is compiled. Under
    `fullgraph=True` that is an error.

    Without `fn` a decorator. `recursive` has no effect: what a disabled function calls runs
    eagerly too, unless it is compiled itself; `reason` is kept for nobody.
    """
    if fn is None:
        return lambda given: disable(given, recursive, reason=reason)
    if not callable(fn):
        raise AssertionError("fn must be callable")

    @wraps(fn)
    def plain(*args, **kwargs):
        if optimized.running():
            raise optimized.Break(
                f"it calls {fn.__qualname__}, which is marked with compiler.disable"
            )
        return fn(*args, **kwargs)

    plain._tidu_disabled = True
    return plain


def graph_break(msg=""):
    """Cuts the compiled function that calls it: this statement runs eagerly, what stands before and
    after it is compiled. Under `fullgraph=True` that is an error; elsewhere nothing happens.

    >>> import tidu as torch
    >>> torch._dynamo.graph_break()
    """
    if optimized.running():
        raise optimized.Wanted(f"it calls torch._dynamo.graph_break({msg!r})")


def allow_in_graph(fn):
    """The function itself, or each of a list of functions."""
    if not all(map(callable, fn if isinstance(fn, (list, tuple)) else [fn])):
        raise AssertionError("allow_in_graph expects a callable")
    return fn


def assume_constant_result(fn):
    """The function itself."""
    return fn


def reset():
    """Forget what was compiled."""
    optimized.forget_all()


def cudagraph_mark_step_begin():
    """Nothing to mark on the CPU."""


_STANCES = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile",
            "eager_then_compile", "aot_eager_then_compile")  # fmt: skip


class set_stance:
    """How compiled functions behave from now on, in a `with` block, or in a decorated function.

    "force_eager": as if they were not compiled; "eager_on_recompile": what is compiled is used, all
    else runs eagerly; "fail_on_recompile": all else is an error; "default" and the others compile.

    >>> import tidu as torch
    >>> f = torch.compile(lambda x: x * 2)
    >>> with torch.compiler.set_stance("force_eager"):
    ...     f(torch.ones(1))
    tensor([2.])
    """

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        if stance not in _STANCES:
            raise ValueError(f"invalid stance {stance!r}, should be one of: {', '.join(_STANCES)}")
        self.stance, self.was = stance, optimized.STANCE[-1]
        _take(stance)

    def __enter__(self):
        _take(self.stance)
        return self

    def __exit__(self, *exc):
        _take(self.was)
        return False

    def __call__(self, fn):
        _take(self.was)

        @wraps(fn)
        def within(*args, **kwargs):
            with set_stance(self.stance):
                return fn(*args, **kwargs)

        return within


def _take(stance):
    """While another than the default holds, the fast paths of calls are not taken."""
    was, optimized.STANCE[-1] = optimized.STANCE[-1], stance
    count_special((stance != "default") - (was != "default"))


def substitute_in_graph(original_fn, *, can_constant_fold_through=False,
                        skip_signature_check=False, is_embedded_type=False):  # fmt: skip
    """A decorator that leaves functions as they are: calls of `original_fn` can be recorded."""
    return lambda fn: fn


def nested_compile_region(fn=None, options=None):
    """The function itself: a compiled caller records what it does."""
    return nested_compile_region if fn is None else fn


def wrap_numpy(fn):
    """A function of NumPy's arrays as one of tensors (and of whatever else it is given).

    >>> import numpy, tidu as torch
    >>> torch.compiler.wrap_numpy(numpy.sort)(torch.tensor([2.0, 1.0]))
    tensor([1., 2.])
    """

    @wraps(fn)
    def wrapped(*args, **kwargs):
        given = tree.map(lambda a: a.numpy() if isinstance(a, TensorBase) else a, (args, kwargs))
        out = fn(*given[0], **given[1])
        return tree.map(lambda a: wrap(a) if isinstance(a, np.ndarray) else a, out)

    return wrapped


_DEFAULT = ["inductor"]


def get_default_backend():
    """The backend that `compile` takes where none is named."""
    return _DEFAULT[-1]


def set_default_backend(backend):
    """Name the backend, or give the function, that `compile` takes where none is named; None: the
    one it takes at first."""
    if not (backend is None or isinstance(backend, str) or callable(backend)):
        raise TypeError(f"backend must be a string or callable, got {type(backend)}")
    _DEFAULT[-1] = "inductor" if backend is None else backend


def set_enable_guard_collectives(enabled):
    """Kept, without an effect (there is one process); returns what it was."""
    was, _COLLECTIVES[-1] = _COLLECTIVES[-1], bool(enabled)
    return was


_COLLECTIVES = [False]
