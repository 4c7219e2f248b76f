"""torch.compiler's functions: what is left out, what is forgotten, what is asked."""

import inspect
from dataclasses import dataclass
from functools import wraps

import numpy as np

from ..base import tree
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..base.switches import switch
from ..core.handle import TensorBase, wrap
from ..core.modes import count_special

optimized = lazy_module(__package__ + ".calls.optimized")  # with all it needs: 20 ms

__all__ = ["NestedCompileRegionOptions", "allow_in_graph", "assume_constant_result",
           "cudagraph_mark_step_begin", "disable", "get_default_backend", "graph_break",
           "is_compiling", "is_dynamo_compiling", "is_exporting", "load_compiled_function",
           "nested_compile_region", "reset", "set_default_backend",
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

    force_backend: "eager" is the stance "force_eager"; no other can take the place of theirs.

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
        if force_backend in ("eager", "aot_eager"):
            stance = "force_eager"
        elif force_backend not in (None, "inductor"):
            raise NotImplementedError(hinted(
                f"set_stance(force_backend={force_backend!r}) is not part of tidu",
                "give it to torch.compile, or to torch.compiler.set_default_backend before that.",
            ))  # fmt: skip
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
                        skip_signature_check=False):  # fmt: skip
    """A decorator that leaves functions as they are: calls of `original_fn` can be recorded.

    Raises:
        TypeError: no function, or its parameters are not those of `original_fn`.
    """
    if not callable(original_fn):
        raise TypeError(f"substitute_in_graph expects a function but got {type(original_fn)!r}")

    def decorated(traceable_fn):
        if not callable(traceable_fn):
            raise TypeError(f"@substitute_in_graph(...) expects a function but got "
                            f"{type(traceable_fn)!r}")  # fmt: skip
        if not skip_signature_check:
            _same_parameters(original_fn, traceable_fn)
        return traceable_fn

    return decorated


def _same_parameters(original, other):
    try:
        given, wanted = (inspect.signature(f).parameters.values() for f in (other, original))
    except ValueError:  # a function of C without a signature
        return
    if [(p.name, p.kind) for p in given] != [(p.name, p.kind) for p in wanted]:
        raise TypeError(hinted(
            f"Signature mismatch between {original} and {other}: {inspect.signature(original)} "
            f"and {inspect.signature(other)}", "give it the same parameters.",
        ))  # fmt: skip


@dataclass
class NestedCompileRegionOptions:
    """What compiles a nested region, in PyTorch; kept."""

    fw_compiler: object = None
    bw_compiler: object = None
    partitioner: object = None
    decompositions: dict | None = None


def nested_compile_region(fn=None, *, options=None, max_reuse_entries=8, reuse_hash_fn=None):
    """The function itself: a compiled caller records what it does."""
    if options is not None and not switch("_dynamo", "enable_invoke_subgraph_regional_compile"):
        raise RuntimeError(
            "nested_compile_region config is an experimental feature for testing only."
        )
    return nested_compile_region if fn is None else fn


def load_compiled_function(file, *, f_globals=None, external_data=None):
    """Refused: there are no files of compiled functions."""
    raise NotImplementedError(hinted(
        "torch.compiler.load_compiled_function is not part of tidu",
        "torch.compile finds again what other processes have compiled; "
        "torch.compiler.save_cache_artifacts takes it to other machines.",
    ))  # fmt: skip


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
