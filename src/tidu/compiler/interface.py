"""torch.compile: checks its arguments and gives the function itself, which runs eagerly."""

import logging

__all__ = ["allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin",
           "disable", "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends",
           "reset", "set_stance"]  # fmt: skip

_LOG = logging.getLogger("tidu.compile")
_SAID = []
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_BACKENDS = ("inductor", "eager", "aot_eager", "cudagraphs", "openxla", "tvm")


def compile(model=None, *, fullgraph=False, dynamic=None, backend="inductor", mode=None,
            options=None, disable=False, **others):  # fmt: skip
    """`model` (a function or module), which runs eagerly; a decorator when it is left out.

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
    if not _SAID and not disable:
        _SAID.append(True)
        _LOG.info("torch.compile runs the function as it is, eagerly.")
    return model


def is_compiling():
    """Whether the code is being compiled."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn=None, recursive=True, *, reason=None):
    """Marks what is not to be compiled."""
    return (lambda given: given) if fn is None else fn


def allow_in_graph(fn):
    """The function itself."""
    return fn


def assume_constant_result(fn):
    """The function itself."""
    return fn


def reset():
    """Forget what was compiled."""


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
