"""torch.compile: checks its arguments, and gives the function or module that runs compiled."""

from functools import partial

from ..base.lazy import lazy_module
from ..compiler.interface import get_default_backend
from ..compiler.machine import native
from ..nn.modules.optimized import OptimizedModule
from .backends import OWN, PLAIN, Handing, lookup_backend
from .options import check_mode, check_options

logging = lazy_module("logging")
_ROOT = __name__.partition(".")[0]
optimized = lazy_module(f"{_ROOT}.compiler.calls.optimized")  # with all it needs: 20 ms
handed = lazy_module(f"{__package__}.handed")

__all__ = ["OptimizedModule", "compile"]

_SAID: list = []


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

    backend: a name of `torch.compiler.list_backends()`, or a function. It is called with a
    `torch.fx.GraphModule` and a list of example inputs for each part that is recorded, and returns
    a function of the inputs (the module itself, say) that then runs in its place; gradients flow
    through what it returns. `mode` and `options`, where given, are handed on to it.

    Raises:
        RuntimeError: an unknown backend, mode or option, or both of the last.
        torch._dynamo.exc.BackendCompilerFailed: at a call, where `backend` fails.

    >>> import tidu as torch
    >>> f = torch.compile(lambda x: x * 2)
    >>> f(torch.ones(1))
    tensor([2.])
    >>> def shown(gm, example_inputs):
    ...     print([node.name for node in gm.graph.nodes])
    ...     return gm.forward
    >>> torch.compile(lambda x: x.sin() + 1, backend=shown)(torch.zeros(1))
    ['l_x_', 'sin', 'add', 'output']
    tensor([1.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    backend = get_default_backend() if backend is None else backend
    lookup_backend(backend)
    if backend == "inductor":
        check_mode(mode)
        check_options(options or {})
    if model is None:
        return partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable,
        )  # fmt: skip
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if disable or getattr(model, "_tidu_disabled", False):
        return model
    is_module = hasattr(model, "_parameters") and hasattr(model, "forward")
    if (backend in PLAIN and not fullgraph) or not _available():
        return OptimizedModule(model) if is_module else model
    given = fullgraph, dynamic, backend, mode, options
    return OptimizedModule(model, given) if is_module else compiled(model, *given)


def compiled(function, fullgraph, dynamic, backend=OWN[0], mode=None, options=None):
    """A function that runs compiled: by our own code, or by what a backend gives for its graphs."""
    if backend in OWN:
        return optimized.Optimized(function, fullgraph, dynamic)
    hand = Handing(lookup_backend(backend), mode, options)
    return handed.HandedOn(function, fullgraph, dynamic, hand=hand)


def _available():
    """Whether machine code can be made; says once where it cannot."""
    available = native.available()
    if not (available or _SAID):
        _SAID.append(True)
        logging.getLogger("tidu.compile").warning("%s: %s. Running eagerly.", *native.needed())
    return available
