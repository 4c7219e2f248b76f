"""Calls of torch's functions and Tensor's methods with proxies, while a program is traced.

The interceptor stands around calls for the time of a trace alone (`frontend/calls.py`); elsewhere a
function that meets a proxy asks its class, as it asks any that has `__torch_function__`.
"""

from contextlib import contextmanager

from ..base.lazy import lazy_module
from ..frontend.calls import INSIDE, Interceptor, intercept, release
from .spelling import form_of, function_name

__all__ = ["StandIn", "first_proxy", "intercepting", "record_call"]

torch = lazy_module(__name__.partition(".")[0])


class StandIn:
    """Base of what stands for a value of a traced program: `Proxy`."""


def first_proxy(value):
    """The first proxy in nested arguments, or None."""
    if isinstance(value, StandIn):
        return value
    if isinstance(value, dict):
        value = tuple(value.values())
    elif isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    if isinstance(value, (tuple, list)):
        for part in value:
            found = first_proxy(part)
            if found is not None:
                return found
    return None


def normal(function, args, kwargs):
    """The arguments as PyTorch records them: some functions fill in defaults."""
    if function is torch.einsum and len(args) == 2 and isinstance(args[1], (list, tuple)):
        args = (args[0], *args[1])
    form = form_of(function)
    if form is None or form[0] == ["*"]:
        if form is not None:
            kwargs = {**form[1], **kwargs}
        return args, kwargs
    names, words = form
    given = dict(zip([*names, *words], args, strict=False))
    if len(args) > len(names) + len(words) or given.keys() & kwargs.keys():
        return args, kwargs
    given |= kwargs
    if not given.keys() <= {*names, *words} or not given.keys() >= set(names):
        return args, kwargs
    return tuple([given[name] for name in names]), {
        name: given.get(name, default) for name, default in words.items()
    }


def record_call(function, args, kwargs, method=None):
    """The proxy for the result of a call with proxies among its arguments; `method`: the name, if
    the function is Tensor's."""
    tracer = first_proxy((args, kwargs)).tracer
    if method is not None:
        return tracer.create_proxy("call_method", method, args, kwargs)
    args, kwargs = normal(function, args, kwargs)
    return tracer.create_proxy("call_function", function, args, kwargs,
                               name=function_name(function))  # fmt: skip


class _Recorder(Interceptor):
    """Records calls with proxies among their arguments."""

    order = 3

    def around(self, seen, call, /, *args, **kwargs):
        if first_proxy((args, kwargs)) is None:
            return call(*args, **kwargs)
        if seen.namespace == "Tensor":
            return record_call(seen.function, args, kwargs, seen.shown)
        return record_call(seen.function, args, kwargs)

    def wants(self, seen):
        """Of what has no public name `_assert` alone; others may have named more."""
        return seen.namespace != INSIDE or seen.name == "_assert"


_RECORDER = _Recorder()


@contextmanager
def intercepting():
    """A block in which calls with proxies are recorded."""
    intercept(_RECORDER, [(torch._assert, "_assert")])
    try:
        yield
    finally:
        release(_RECORDER)
