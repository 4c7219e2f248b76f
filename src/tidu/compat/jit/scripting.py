"""torch.jit: script and trace give the function itself, which runs as Python."""

import logging

from ..base.refusals import refused_functions
from ..frontend.machinery import JITException as Error
from ..futures import Future

__all__ = ["Attribute", "Error", "Final", "ScriptFunction", "ScriptModule", "TracerWarning",
           "annotate", "export", "fork", "freeze", "ignore", "interface", "is_scripting",
           "is_tracing", "isinstance", "load", "optimize_for_inference", "save", "script",
           "script_if_tracing", "script_method", "set_fusion_strategy", "trace", "trace_module",
           "unused", "wait"]  # fmt: skip


class TracerWarning(Warning):
    """What torch.jit.trace may warn of; nothing does here."""


def _overload(func):
    """The function: a form of it for the script compiler."""
    return func


_overload_method = _overload
(_get_trace_graph,) = refused_functions(
    "jit", "_get_trace_graph", "torch.fx.symbolic_trace(f) and tidu.graph(f, *inputs) give graphs."
)
_LOG = logging.getLogger("tidu.jit")
_SAID = set()
_isinstance = isinstance


def _say(what):
    if what not in _SAID:
        _SAID.add(what)
        _LOG.info("torch.jit.%s returns what it is given: it runs as Python.", what)


def script(obj=None, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """`obj` itself: a function, a module or a class, which runs as Python.

    >>> import tidu as torch
    >>> torch.jit.script(lambda x: x + 1)(torch.zeros(1))
    tensor([1.])
    """
    _say("script")
    if obj is not None and not callable(obj) and not hasattr(obj, "__dict__"):
        raise TypeError(f"{type(obj)} is a built-in class")
    return script if obj is None else obj


def trace(func=None, example_inputs=None, optimize=None, check_trace=True, check_inputs=None,
          check_tolerance=1e-5, strict=True, example_kwarg_inputs=None, **hidden):  # fmt: skip
    """`func` itself, which runs as Python; it is called once on the example, as tracing does."""
    _say("trace")
    if func is None:
        return trace
    if example_kwarg_inputs is not None:
        func(**example_kwarg_inputs)
    elif example_inputs is not None:
        func(*(example_inputs if _isinstance(example_inputs, (tuple, list)) else (example_inputs,)))
    return func


def trace_module(mod, inputs, **options):
    """`mod` itself."""
    _say("trace_module")
    return mod


def _same(obj=None, *args, **kwargs):
    """The function or module itself."""
    return _same if obj is None else obj


script_method = export = interface = script_if_tracing = freeze = optimize_for_inference = _same


def ignore(drop=False, **kwargs):
    """Marks what script would leave to Python; everything is."""
    return drop if callable(drop) else _same


def unused(fn):
    """Marks what script would leave out."""
    return fn


def _no_archive(*args, **kwargs):
    raise NotImplementedError(
        "TorchScript archives are not available. Save a state_dict with torch.save and load it "
        "into "
        "the module."
    )


save = load = _no_archive


def is_scripting():
    return False


def is_tracing():
    return False


def annotate(the_type, the_value):
    """The value."""
    return the_value


def isinstance(obj, target_type):
    """isinstance, for the types TorchScript knows."""
    return _isinstance(obj, target_type)


def fork(func, *args, **kwargs):
    """A future of func(*args), which is computed at once; `wait` gives it."""
    future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future):
    """The value of a future."""
    return future.wait()


def set_fusion_strategy(strategy):
    """Nothing to fuse."""
    return strategy


class Attribute:
    """A value with a type, for TorchScript."""

    def __init__(self, value, type):
        self.value, self.type = value, type


class Final:
    """Final[int] in an annotation."""

    def __class_getitem__(cls, item):
        return item


class _NoInstances(type):
    def __instancecheck__(cls, instance):
        return False


class ScriptModule(metaclass=_NoInstances):
    """The type of compiled modules; there are none."""


class ScriptFunction(metaclass=_NoInstances):
    """The type of compiled functions; there are none."""
