"""__torch_function__: classes that intercept torch's functions, Tensor subclasses or not.

Nothing of it is on the way of an ordinary call. The first class that has the method puts `_CLASSES`
around each public function (`switch_on`, `frontend/calls.py`), and a subclass of Tensor gets
methods of its own that ask it (`dress`). Read `dispatch`.
"""

import functools
import inspect
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType, SimpleNamespace
from weakref import WeakSet

from .core.handle import TensorBase
from .core.modes import LOCAL, count_special
from .frontend.calls import (
    ALONE,
    FACTORIES,
    NAMESPACES,
    UNDER,
    UNSEEN,
    Ignored,
    Interceptor,
    intercept,
    public_functions,
    public_one,
    release,
)

__all__ = ["BaseTorchFunctionMode", "DisableTorchFunctionSubclass", "TorchFunctionMode",
           "enable_reentrant_dispatch", "get_ignored_functions",
           "get_default_nowrap_functions", "get_overridable_functions", "get_testing_overrides",
           "handle_torch_function",
           "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic",
           "is_tensor_like", "is_tensor_method_or_property", "resolve_name",
           "wrap_torch_function"]  # fmt: skip


class _State(threading.local):
    off = 0
    modes = ()  # the function modes of this thread, the innermost last


_STATE = _State()
_ROOT = __name__.rpartition(".")[0]
# Functions PyTorch never hands to a class: they make tensors, or set and ask what is no tensor's.
IGNORED = FACTORIES | UNSEEN


@contextmanager
def DisableTorchFunctionSubclass():
    """A block in which no class is asked."""
    _STATE.off += 1
    try:
        yield
    finally:
        _STATE.off -= 1


enable_reentrant_dispatch = DisableTorchFunctionSubclass


def _disabled_torch_function_impl(cls, func, types, args=(), kwargs=None):
    """Of classes whose results are plain tensors: __torch_function__ = this."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


_DRESSED: set = set()
_ASKING: WeakSet = WeakSet()  # subclasses of Tensor with a __torch_function__ of their own
# Classes known not to intercept; others join them when they are first met.
_PLAIN = Ignored((int, float, complex, bool, str, type(None)))


def _intercepts(kind):
    """Whether values of a class are asked before torch's function runs."""
    if kind in _PLAIN:
        return False
    method = getattr(kind, "__torch_function__", None)
    plain = method is None or kind is TensorBase.handle_class or _is_off(method)
    if plain and kind.__module__ in _SETTLED and kind not in (list, tuple):
        _PLAIN.add(kind)
    return not plain


_SETTLED = ("builtins", "torch", "torch.nn.parameter")  # where no class gets the method later


def _is_off(method):
    return getattr(getattr(method, "__func__", method), "plain_results", False)


_disabled_torch_function_impl.plain_results = True  # type: ignore[attr-defined]


def overloaded(args, kwargs):
    """The classes to ask, subclasses first, in the order of their first argument."""
    kinds = []
    for value in (*args, *kwargs.values()):
        for inner in value if value.__class__ in (list, tuple) else (value,):
            kind = type(inner)
            if kind not in kinds and _intercepts(kind):
                places = [i for i, other in enumerate(kinds) if issubclass(kind, other)]
                kinds.insert(places[0] if places else len(kinds), kind)
    return kinds


def dispatch(public, kinds, args, kwargs):
    """The result of the first class that takes the call; TypeError if none does."""
    given = tuple(kinds)
    for kind in kinds:
        result = kind.__torch_function__(public, given, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{resolve_name(public)}' on types that implement "
        f"__torch_function__: {list(kinds)}"
    )


# --- functions ----------------------------------------------------------------------------------


class _Classes(Interceptor):
    """Asks the classes of a function's arguments first."""

    order, methods, ignored = 1, False, _PLAIN

    def wants(self, seen):
        if seen.namespace == "Tensor":  # what no function does, to a tensor that need not be asking
            name = seen.name
            return (
                name == "type_as" or name.endswith("_") and (name[:2] != "__" or name in _IN_PLACE)
            )
        return super().wants(seen) and seen.name not in IGNORED

    def around(self, seen, call, /, *args, **kwargs):
        if not _STATE.off and (kinds := overloaded(args, kwargs)):
            public = seen.function if seen.namespace != "Tensor" else public_one(seen.function)
            return dispatch(public, kinds, args, kwargs)
        return call(*args, **kwargs)


_IN_PLACE = frozenset(f"__{name}__" for name in "iand ior ixor ilshift irshift".split())


_CLASSES = _Classes()
_ON: list = []


def switch_on():
    """Let torch's functions ask the classes of their arguments, from now on."""
    if not _ON:
        _ON.append(_CLASSES)
        intercept(_CLASSES)


def ask(fast, slow, args, words):
    """The result of the class among the arguments that takes the call; else slow(...)."""
    kinds = () if _STATE.off else overloaded(args, words)
    if not kinds:
        return slow(*args, **words)
    public = public_one(fast)
    # Other classes are asked for the method where subclasses of Tensor are for the operator.
    public = TensorBase.handle_class.eq if public.__name__ == "__eq__" else public
    return dispatch(public, kinds, args, words)


# --- modes: every call in a block ----------------------------------------------------------------


class TorchFunctionMode:
    """In a block `with mode:` each call of a torch function comes to its __torch_function__.

    There the mode itself is off, so `func(*args, **kwargs)` does what was asked. Modes nest: what
    the inner one calls, the outer one sees. NotImplemented passes the call on.

    >>> import tidu as torch
    >>> class Names(torch.overrides.TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return func(*args, **(kwargs or {}))
    >>> with Names():
    ...     x = torch.ones(2) + 1
    ones
    add
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError

    def __enter__(self):
        intercept(_MODES)
        _STATE.modes = (*_STATE.modes, self)
        LOCAL.function_modes += 1
        count_special(1)
        return self

    def __exit__(self, *exc):
        count_special(-1)
        LOCAL.function_modes -= 1
        _STATE.modes = _STATE.modes[:-1]
        release(_MODES)

    @classmethod
    def push(cls, *args, **kwargs):
        """An instance; `with Mode():` says the same."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """The mode that changes nothing."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class _Modes(Interceptor):
    """Gives calls to the innermost mode of the thread."""

    def around(self, seen, call, /, *args, **kwargs):
        modes = outer = _STATE.modes
        if not modes or _gives_way(seen.function, args):
            return call(*args, **kwargs)
        public = public_one(seen.function)
        kinds = tuple(overloaded(args, kwargs))
        try:
            while modes:
                mode, modes = modes[-1], modes[:-1]
                _STATE.modes = modes
                result = mode.__torch_function__(public, kinds, args, kwargs)
                if result is not NotImplemented:
                    return result
            raise TypeError(
                f"Multiple dispatch failed for '{resolve_name(public)}'; all __torch_function__ "
                "handlers returned NotImplemented:"
            )
        finally:
            _STATE.modes = outer


def _gives_way(function, args):
    """Whether a function is an operator's method that leaves these operands to Python."""
    takes = getattr(function, "takes", None)
    return takes is not None and not all(
        takes(value)
        or (hasattr(type(value), "__torch_function__") and not isinstance(value, TensorBase))
        for value in args
    )


_MODES = _Modes()


# --- subclasses of Tensor -----------------------------------------------------------------------

_GIVEN = ("T", "mT", "H", "mH", "real", "imag", "data")
_TURNED = frozenset("radd rsub rmul rtruediv rpow rmatmul rfloordiv rmod rand ror rxor rlshift "
                    "rrshift".split())  # fmt: skip
_KEPT = ("as_subclass", "register_hook", "is_complex", "is_floating_point", "type")


def dress(cls):
    """Give a subclass of Tensor methods that ask its __torch_function__."""
    switch_on()
    tensor = TensorBase.handle_class
    for name in dir(tensor):
        raw = getattr(tensor, name, None)
        if name.startswith("_") or name in _KEPT or not callable(raw):
            continue
        if getattr(cls, name, None) is raw and isinstance(raw, FunctionType):
            setattr(cls, name, _asking(tensor, name, name))
    for name in (*UNDER, *ALONE):
        dunder = f"__{name}__"
        raw = getattr(tensor, dunder, None)
        if raw is None or getattr(cls, dunder, None) is not raw:
            continue
        asking = _asking(tensor, dunder, _public(name))
        if name not in _TURNED:
            setattr(cls, dunder, asking)
        elif not _is_off(cls.__torch_function__):
            setattr(cls, dunder, _turned(asking, tensor, name[1:]))
    for name in _GIVEN:
        raw = getattr(tensor, name, None)
        if isinstance(raw, property) and getattr(cls, name) is raw:
            setattr(cls, name, property(_asking(raw, "__get__", "__get__"), raw.__set__))


def _public(name):
    """The method as which a handler sees an operator."""
    dunder = f"__{name}__"
    return dunder if name == "invert" else UNDER.get(name, dunder)


def _turned(asking, tensor, name):
    """The method of an operator whose tensor is on the right. Python asks a subclass that has one
    of its own before the Tensor on the left, whose operator it is all the same."""
    forward = _asking(tensor, f"__{name}__", _public(name))

    def method(self, other):
        return forward(other, self) if isinstance(other, TensorBase) else asking(self, other)

    method.__name__ = method.__qualname__ = asking.__name__
    method.__doc__ = asking.__doc__
    return method


def _asking(owner, name, public_name):
    """owner.name, whatever stands there by then, which asks first under its public name."""

    def method(*args, **kwargs):
        if not _STATE.modes and (_STATE.off or not (kinds := overloaded(args, kwargs))):
            return getattr(owner, name)(*args, **kwargs)
        public = getattr(owner, public_name)
        if _STATE.modes:
            seen = SimpleNamespace(function=public, place="")
            return _MODES.around(seen, method, *args, **kwargs)
        return dispatch(public, kinds, args, kwargs)

    raw = getattr(owner, name)
    method.__name__ = method.__qualname__ = getattr(raw, "__name__", "method")
    method.__doc__ = getattr(raw, "__doc__", None)
    return method


def subclassed(cls):
    """Called for each new subclass of Tensor."""
    if not _is_off(cls.__torch_function__):
        _ASKING.add(cls)
        dress(cls)
    # A parameter times such a tensor is its business as well: Python asks the parameter first.
    for kind in TensorBase.handle_class.__subclasses__() if _ASKING else ():
        if kind not in _DRESSED and _is_off(kind.__torch_function__):
            _DRESSED.add(kind)
            dress(kind)


def converted(result, cls):
    """Tensors of a result as instances of a class; tuples and lists element by element."""
    if isinstance(result, TensorBase):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (tuple, list)) and any(isinstance(r, TensorBase) for r in result):
        parts = [converted(part, cls) for part in result]
        return result._make(parts) if hasattr(result, "_make") else type(result)(parts)
    return result


def default(cls, func, types, args=(), kwargs=None):
    """Tensor's own __torch_function__: the function, and its tensors as instances of `cls`."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = _own(func)(*args, **(kwargs or {}))
    return result if func in get_default_nowrap_functions() else converted(result, cls)


def _own(func):
    """The function, or where an operator of another torch's dispatcher was called, ours."""
    name = getattr(getattr(func, "_schema", None), "name", "")
    if not name.startswith("aten::") or type(func).__module__.partition(".")[0] == _ROOT:
        return func
    return getattr(import_module(f"{_ROOT}.ops").aten, name.removeprefix("aten::"))


# --- questions ----------------------------------------------------------------------------------


def has_torch_function(relevant_args):
    """Whether an argument's class defines __torch_function__."""
    return not _STATE.off and bool(overloaded(tuple(relevant_args), {}))


def has_torch_function_unary(arg):
    return has_torch_function((arg,))


def has_torch_function_variadic(*args):
    return has_torch_function(args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of the first argument's __torch_function__ that takes the call."""
    return dispatch(public_api, overloaded(tuple(relevant_args), {}), args, kwargs)


def wrap_torch_function(dispatcher):
    """For functions of one's own: they ask the classes of what dispatcher(*args) gives."""

    def decorate(func):
        @functools.wraps(func)
        def asking(*args, **kwargs):
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(asking, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return asking

    return decorate


def is_tensor_like(inp):
    """Whether `inp` is a tensor or says it behaves as one."""
    return isinstance(inp, TensorBase) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func):
    """Whether a function is Tensor's own."""
    name = getattr(func, "__name__", "")
    return getattr(TensorBase.handle_class, name, None) is func or name == "__get__"


def resolve_name(f):
    """The name of a function for messages."""
    name = getattr(f, "__name__", f)
    public = getattr(sys.modules[_ROOT], name, None) if isinstance(name, str) else None
    owner = "torch.Tensor" if public is not f and is_tensor_method_or_property(f) else "torch"
    return f"{owner}.{name}"


def get_default_nowrap_functions():
    """Functions whose tensors stay as they are."""
    return set()


def get_ignored_functions():
    """Public functions that no class is asked about."""
    root, tensor = sys.modules[_ROOT], TensorBase.handle_class
    functions = {getattr(root, name) for name in IGNORED if hasattr(root, name)}
    return functions | {getattr(tensor, name) for name in _IGNORED_METHODS}


_IGNORED_METHODS = (
    "as_subclass new new_empty new_empty_strided new_full new_ones new_tensor new_zeros stride "
    "unflatten"
).split()


def get_testing_overrides():
    """{function that asks: a stand-in with its signature, which gives -1}."""
    found = {}
    for functions in get_overridable_functions().values():
        found.update({function: _stand_in(function) for function in functions})
    return found


def _stand_in(function):
    def answer(*args, **kwargs):
        return -1

    try:
        answer.__signature__ = inspect.signature(function)
    except (TypeError, ValueError):  # of a built-in function
        pass
    return answer


def get_overridable_functions():
    """The functions that ask, by namespace."""
    found = {}
    for path in NAMESPACES:
        module = sys.modules[f"{_ROOT}.{path}" if path else _ROOT]
        found[module] = []
    for function, name, place in public_functions():
        if place != "Tensor" and name not in IGNORED:
            found[sys.modules[place]].append(function)
    tensor = TensorBase.handle_class
    found[tensor] = [getattr(tensor, n) for n in dir(tensor)
                     if not n.startswith("_") and callable(getattr(tensor, n, None))]  # fmt: skip
    return found


switch_on()  # whoever imports this module has classes to be asked
