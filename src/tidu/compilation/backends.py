"""Backends of torch.compile: names, and the functions that compile graphs.

`register_backend` gives a function a name, `lookup_backend` finds it. "inductor" and its kin as
names are our own code generator (`entry.py`), which needs no graph of torch's functions; the
functions here do the same for a graph that another backend hands on.
"""

import warnings
from functools import partial

from ..base.frames import user_depth
from ..base.lazy import lazy_module
from ..base.switches import switch
from ..compiler.calls.errors import BackendCompilerFailed, InvalidBackend

__all__ = [
    "OWN",
    "PLAIN",
    "PLAIN_COMPILERS",
    "Handing",
    "list_backends",
    "lookup_backend",
    "register_backend",
]

optimized = lazy_module(f"{__name__.partition('.')[0]}.compiler.calls.optimized")


def inductor(gm, example_inputs, *, mode=None, options=None):
    """The graph, compiled."""
    return optimized.Optimized(gm.forward)


def eager(gm, fake_tensor_inputs, *, mode=None, options=None):
    """The graph, called as it is."""
    return gm.forward


def aot_eager(gm, fake_tensor_inputs, *, mode=None, options=None):
    """The graph, called as it is: gradients are always recorded when it runs."""
    return gm.forward


OWN = ("inductor", "cudagraphs", "openxla", "tvm")  # which the code generator compiles
PLAIN = ("eager", "aot_eager")  # which run the function itself
PLAIN_COMPILERS = (eager, aot_eager)
_TAGS = {"eager": ("debug",), "aot_eager": ("debug",)}
_NAMED = {**dict.fromkeys(OWN, inductor), "eager": eager, "aot_eager": aot_eager}


def list_backends(exclude_tags=("debug", "experimental")):
    """The names that `backend=` may have, in order.

    >>> import tidu as torch
    >>> torch.compiler.list_backends()
    ['cudagraphs', 'inductor', 'openxla', 'tvm']
    """
    excluded = set(exclude_tags or ())
    return sorted([name for name in _NAMED if excluded.isdisjoint(_TAGS.get(name, ()))])


def register_backend(compiler_fn=None, name=None, tags=()):
    """Give a function a name: torch.compile(f, backend=name) has it compile graphs. A decorator
    without the function.

    Args:
        compiler_fn: called with a `torch.fx.GraphModule` and a list of example inputs, returns a
            function of these inputs.
        name: that of the function if left out.
        tags: words by which `list_backends` leaves it out.

    Raises:
        AssertionError: not a function, or the name is taken.

    >>> import tidu as torch
    >>> @torch._dynamo.register_backend
    ... def counting(gm, example_inputs):
    ...     print(len(gm.graph.nodes), "nodes")
    ...     return gm.forward
    >>> torch.compile(lambda x: x + 1, backend="counting")(torch.ones(1))
    3 nodes
    tensor([2.])
    >>> _ = _NAMED.pop("counting")  # examples have one process
    """
    if compiler_fn is None:
        return partial(register_backend, name=name, tags=tags)
    if not callable(compiler_fn):
        raise AssertionError(f"compiler_fn must be callable, got {type(compiler_fn)}")
    name = name or compiler_fn.__name__
    if name in _NAMED:
        raise AssertionError(f"duplicate name: {name}")
    _NAMED[name], _TAGS[name] = compiler_fn, tuple(tags)
    return compiler_fn


def lookup_backend(compiler_fn):
    """The function that a name of a backend stands for; a function is itself.

    Raises:
        torch._dynamo.exc.InvalidBackend: nobody has the name.
    """
    if not isinstance(compiler_fn, str):
        return compiler_fn
    if compiler_fn not in _NAMED:
        raise InvalidBackend(compiler_fn)
    return _NAMED[compiler_fn]


class Handing:
    """Hands graphs to a function that compiles them, with `mode` and `options` where they say
    something."""

    def __init__(self, backend, mode=None, options=None):
        self.backend = backend
        self.words = {} if mode in (None, "default") else {"mode": mode}
        if options:
            self.words["options"] = options

    def __call__(self, gm, example_inputs):
        """What the function gives; None if it failed and `suppress_errors` is set."""
        try:
            run = self.backend(gm, example_inputs, **self.words)
            if not callable(run):
                raise AssertionError("compiler_fn did not return callable")
        except Exception as error:
            failed = BackendCompilerFailed(self.backend, error)
            if not switch("_dynamo", "suppress_errors"):
                raise failed.with_traceback(error.__traceback__) from None
            warnings.warn(f"{failed}\nIt runs eagerly.", stacklevel=user_depth())
            return None
        return run
