"""torch.compile: checks its arguments, and gives the function or module that runs compiled."""

import warnings

from .base.errors import hinted
from .base.frames import user_depth
from .base.lazy import lazy_module
from .compiler.interface import BACKENDS, get_default_backend
from .compiler.machine import native
from .nn.modules.optimized import OptimizedModule

logging = lazy_module("logging")
optimized = lazy_module(f"{__package__}.compiler.calls.optimized")  # with all it needs: 20 ms

__all__ = ["OptimizedModule", "compile"]

_SAID: list = []
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")


def compile(model=None, *, fullgraph=False, dynamic=None, backend=None, mode=None,
            options=None, name=None, disable=False, recompile_limit=None,
            isolate_recompiles=False, shapes_spec=None):  # fmt: skip
    """`model`, a function or module, as one that runs compiled; a decorator when it is left out.

    The first call of each kind (shapes, types, constants, modes) records what the function does;
    from then on generated code does it. Where a value decides (`if loss > 1:`), each way is
    recorded when it is first taken, with a warning that names the line. A statement that cannot be
    recorded (printing, computing with `float(loss)`, the clock) runs eagerly between compiled
    parts, with a warning that says why. With `fullgraph=True` both are errors. Other sizes are
    recorded anew and share machine code; with `dynamic=True` another size is recorded before the
    first is compiled, so that one code serves them all.
    Convolutions of 3x3 in float32 may take Winograd's sums, here as in eager calls: errors of the
    same size, but where neighbouring pixels differ by many powers of ten an output that is small
    beside its neighbours keeps fewer digits. `TIDU_WINOGRAD=0` in the environment: direct sums.
    Warnings and log messages appear at the first call only. `f.explain()` tells what was made.

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
    backend = get_default_backend() if backend is None else backend
    if isinstance(backend, str) and backend not in BACKENDS:
        raise RuntimeError(
            f"Invalid backend: '{backend}', see `torch._dynamo.list_backends()` for available "
            "backends."
        )
    if not isinstance(backend, str):
        _check_backend(backend)
    if model is None:
        return lambda given: compile(given, fullgraph=fullgraph, dynamic=dynamic, backend=backend,
                                     mode=mode, options=options, disable=disable)  # fmt: skip
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if disable or getattr(model, "_tidu_disabled", False):
        return model
    is_module = hasattr(model, "_parameters") and hasattr(model, "forward")
    if backend in ("eager", "aot_eager") or not _available():
        return OptimizedModule(model) if is_module else model
    if is_module:
        return OptimizedModule(model, (fullgraph, dynamic))
    return optimized.Optimized(model, fullgraph, dynamic)


def _check_backend(backend):
    """A function of the program gets no graph here: the user hears of it."""
    if not callable(backend):
        raise RuntimeError(
            hinted(
                f"backend={str(backend)!r} raised:\n"
                f"TypeError: '{type(backend).__name__}' object is not callable",
                "name one of torch.compiler.list_backends(), or leave backend out.",
            )
        )
    warnings.warn(
        f"torch.compile does not call the backend {getattr(backend, '__name__', backend)}: what is "
        "recorded here is no torch.fx graph. Its own code generator compiles the function, with "
        "the same results; torch.fx.symbolic_trace gives a graph to look into.",
        UserWarning, stacklevel=user_depth(),
    )  # fmt: skip


def _available():
    """Whether machine code can be made; says once where it cannot."""
    available = native.available()
    if not (available or _SAID):
        _SAID.append(True)
        logging.getLogger("tidu.compile").warning(
            "torch.compile needs LLVM: pip install 'tidu[fast]'. Running eagerly."
        )
    return available
