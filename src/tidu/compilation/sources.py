"""Where a compiled function finds each tensor, in PyTorch's spelling: `L_x_` is an argument or a
variable of an outer function, `G_scale_` a global one, `L_self_modules_fc_parameters_weight_` a
parameter of a module.
"""

import inspect
import re
from types import FunctionType, MethodType, ModuleType

from ..base.lazy import lazy_module
from ..core.handle import TensorBase

__all__ = ["name_of", "sources_of"]

_ROOT = __name__.partition(".")[0]
nn = lazy_module(f"{_ROOT}.nn")
_LIMIT = 20_000  # things that are looked into


def sources_of(function, args, kwargs):
    """{id of a tensor: where it is found}: `L['self']._buffers['scale']`."""
    names, waiting, seen = {}, _roots(function, args, kwargs)[::-1], set()
    while waiting and len(seen) < _LIMIT:
        thing, path = waiting.pop()
        if isinstance(thing, TensorBase):
            names.setdefault(id(thing), path)
        elif id(thing) not in seen:
            seen.add(id(thing))
            waiting += _parts(thing, path)[::-1]
    return names


def name_of(path):
    """The name of an input: one underscore for all between words."""
    return re.sub(r"[^a-zA-Z0-9]+", "_", path)


def _roots(function, args, kwargs):
    plain, owner = function, None
    if isinstance(function, MethodType):
        plain, owner = function.__func__, function.__self__
    if _is_ours(owner):  # a module of torch.nn itself, which PyTorch calls as fn(*args, **kwargs)
        return [(owner, "L['fn']"), (args, "L['args']"), (kwargs, "L['kwargs']")]
    given = args if owner is None else (owner, *args)
    try:
        bound = inspect.signature(plain).bind(*given, **kwargs).arguments
    except (TypeError, ValueError):  # no signature, or a call that fails
        bound = {"args": given, **kwargs}
    return [*[(value, f"L[{name!r}]") for name, value in bound.items()], (plain, "")]


def _is_ours(owner):
    home = str(type(owner).__module__).partition(".")[0]
    return isinstance(owner, nn.Module) and home in (_ROOT, "torch")


def _parts(thing, path):
    """[(what is one step behind a thing, its path)]."""
    if isinstance(thing, dict):
        return [(value, f"{path}[{key!r}]") for key, value in thing.items()]
    if isinstance(thing, (list, tuple)):
        return [(value, f"{path}[{i}]") for i, value in enumerate(thing)]
    if isinstance(thing, FunctionType):
        return _of_function(thing)
    if isinstance(thing, MethodType):
        return [(thing.__self__, f"{path}.__self__"), (thing.__func__, path)]
    inner = getattr(thing, "__dict__", None)
    if isinstance(thing, type) or not isinstance(inner, dict) or _is_library(thing):
        return []
    return [(value, f"{path}.{name}") for name, value in inner.items()]


def _is_library(thing):
    """Whether it is a module of this library, through which one comes to everything loaded."""
    return isinstance(thing, ModuleType) and thing.__name__.partition(".")[0] in (_ROOT, "torch")


def _of_function(function):
    code, found = function.__code__, []
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            found.append((cell.cell_contents, f"L[{name!r}]"))
        except ValueError:  # a variable without a value
            continue
    if (function.__module__ or "").partition(".")[0] == _ROOT:
        return found
    space = function.__globals__
    return found + [(space[name], f"G[{name!r}]") for name in code.co_names if name in space]
