"""torch.compile and torch.compiler: checks of arguments, and what runs instead of a function."""

import logging
from functools import wraps

from ..lazy import lazy_module
from . import native

optimized = lazy_module(__package__ + ".optimized")  # with all it needs: 20 ms

__all__ = ["allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin",
           "disable", "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends",
           "reset", "set_stance"]  # fmt: skip

_LOG = logging.getLogger("tidu.compile")
_SAID = []
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_BACKENDS = ("inductor", "eager", "aot_eager", "cudagraphs", "openxla", "tvm")


def compile(model=None, *, fullgraph=False, dynamic=None, backend="inductor", mode=None,
            options=None, disable=False, **others):  # fmt: skip
    """`model`, a function or module, as one that runs compiled; a decorator when it is left out.

    The first call of each kind (shapes, types, constants, modes) records what the function does;
    from then on generated code does it. Python side effects happen at that first call only, as in
    PyTorch. What cannot be recorded runs eagerly, with a warning that names the line, or is an
    error with `fullgraph=True`. `f.explain()` tells what was made.

    >>> import tidu as torch
    >>> f = torch.compile(lambda x: x * 2)
    >>> f(torch.ones(1))
    tensor([2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if isinstance(backend, str) and backend not in _BACKENDS:
        raise RuntimeError(
            f"Invalid backend: '{backend}', see `torch._dynamo.list_backends()` for available "
            "backends."
        )
    if model is None:
        return lambda given: compile(given, fullgraph=fullgraph, dynamic=dynamic, backend=backend,
                                     mode=mode, options=options, disable=disable)  # fmt: skip
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if disable or backend in ("eager", "aot_eager") or getattr(model, "_tidu_disabled", False):
        return model
    if not native.available():
        if not _SAID:
            _SAID.append(True)
            _LOG.warning("torch.compile needs LLVM: pip install 'tidu[fast]'. Running eagerly.")
        return model
    if hasattr(model, "_parameters") and hasattr(model, "forward"):
        return _module(model, fullgraph, dynamic)
    return optimized.Optimized(model, fullgraph, dynamic)


def _module(module, fullgraph, dynamic):
    """The module's twin: the same parameters and submodules, with a compiled `forward`."""
    twin = object.__new__(module.__class__)
    twin.__dict__.update(module.__dict__)
    bound = module.__class__.forward.__get__(twin)
    twin.__dict__["forward"] = optimized.Optimized(bound, fullgraph, dynamic)
    twin.__dict__["_orig_mod"] = module
    return twin


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
    return list(_BACKENDS)


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
