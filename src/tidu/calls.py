"""Calls of public functions and of Tensor's methods, seen one by one while somebody watches.

A `Seen` then stands in the place of each; `watch` puts them there, and they are taken away when the
last watcher has gone, so nothing of it is on the way of an ordinary call. Function modes
(`overrides.py`) and profiles watch. Read `Seen.__call__`.
"""

import functools
import sys
import threading
import types
from importlib import import_module

from . import late
from .core.handle import TensorBase

__all__ = ["ALONE", "FACTORIES", "NAMESPACES", "UNDER", "UNSEEN", "Seen", "beneath",
           "layers_of_networks", "unwatch", "watch"]  # fmt: skip

_ROOT = __name__.rpartition(".")[0]
NAMESPACES = ("", "nn.functional", "linalg", "special", "fft")
# Functions that make tensors from none: no class of an argument could be asked about them.
FACTORIES = frozenset(
    "arange as_tensor asarray empty empty_permuted empty_strided eye from_dlpack from_file "
    "from_numpy frombuffer full kaiser_window linspace logspace ones rand randint randn randperm "
    "range scalar_tensor sparse_coo_tensor tensor tril_indices triu_indices zeros".split()
)
# Functions that set, ask or load, and no tensor's business.
UNSEEN = frozenset(
    "broadcast_shapes can_cast compare compile cond diagnose explain finfo get_autocast_dtype "
    "get_default_device get_default_dtype get_num_threads get_rng_state graph iinfo initial_seed "
    "is_grad_enabled is_inference_mode_enabled is_storage is_tensor load manual_seed promote_types "
    "save scan seed set_default_device set_default_dtype set_default_tensor_type "
    "set_flush_denormal set_num_threads set_printoptions set_rng_state trace_nan typename vmap "
    "while_loop why".split()
)
# The operators: as which method they count, and those that have no other name.
UNDER = {"add": "add", "radd": "add", "sub": "sub", "mul": "mul", "rmul": "mul",
         "matmul": "matmul",
         "truediv": "div", "pow": "pow", "neg": "neg", "abs": "abs", "invert": "bitwise_not",
         "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "iadd": "add_",
         "isub": "sub_", "imul": "mul_", "itruediv": "div_", "mod": "remainder"}  # fmt: skip
ALONE = ("rsub rtruediv rpow rmatmul floordiv rfloordiv rmod eq ne lt le gt ge getitem setitem "
         "len rand ror rxor lshift rshift pos").split()  # fmt: skip


class _State:
    """Who watches, the innermost last, and what was there before: [(owner, name, Seen)]."""

    watchers: tuple = ()
    replaced: list = []
    known: dict = {}


_LOCK = threading.RLock()


class Seen:
    """A function or method that tells the watchers of each call; equal to the function."""

    stands_for_function = True

    def __init__(self, raw, name, place, equal_to=None):
        functools.update_wrapper(self, raw)
        self.raw, self.name, self.place = raw, name, place
        self.equal_to = raw if equal_to is None else equal_to
        self.__name__ = _shown(name, place)

    def __call__(self, *args, **kwargs):
        call = self.raw
        for watcher in _State.watchers:
            call = functools.partial(watcher.around, self, call)
        return call(*args, **kwargs)

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __eq__(self, other):
        return other is self or self.equal_to == other

    def __hash__(self):
        return hash(self.equal_to)

    def __repr__(self):
        return repr(self.raw)

    def __reduce__(self):
        return _named, (self.place, self.name)


def _shown(name, place):
    """The name PyTorch's function has: linalg_norm, gt, __getitem__."""
    area = place.rpartition(".")[2]
    if area in ("linalg", "special", "fft"):
        return f"{area}_{name}"
    return name[2:-2] if name.startswith("__") and name[2:-2] in _COMPARISONS else name


_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def _named(place, name):
    owner = TensorBase.handle_class if place == "Tensor" else sys.modules[place]
    return getattr(owner, name)


def watch(watcher):
    """Call watcher.around(seen, call, *args, **kwargs) in place of each call, until `unwatch`."""
    with _LOCK:
        _State.watchers = (*_State.watchers, watcher)
        if len(_State.watchers) == 1:
            _put_in_place()


def unwatch(watcher):
    with _LOCK:
        rest = list(_State.watchers)
        rest.remove(watcher)
        _State.watchers = tuple(rest)
        if not rest:
            _take_away()


def beneath(change):
    """Call change(), which puts other functions in place, as if nobody watched."""
    with _LOCK:
        if not _State.watchers:
            return change()
        _take_away()
        try:
            change()
        finally:
            _put_in_place()


def layers_of_networks():
    """The loaded modules whose layers call functions as a user would."""
    start = f"{_ROOT}.nn.modules."
    return [module for name, module in sys.modules.items() if name.startswith(start)]


def _put_in_place():
    made = {}
    for path in NAMESPACES:
        place = f"{_ROOT}.{path}" if path else _ROOT
        module = import_module(place)
        for name, value in list(vars(module).items()):
            if _is_function(name, value):
                _replace(module, name, made.setdefault(id(value), _seen(value, name, place)))
    for module in layers_of_networks():
        for name, value in list(vars(module).items()):
            if id(value) in made:
                _replace(module, name, made[id(value)])
    late.DRESS.append(_dress_late)
    tensor = TensorBase.handle_class
    for name in dir(tensor):
        value = getattr(tensor, name)
        if isinstance(value, types.FunctionType) and _is_method(name):
            public = UNDER.get(name[2:-2], name) if name.startswith("__") else name
            _replace(tensor, name, _seen(value, public, "Tensor"))


def _take_away():
    late.DRESS.remove(_dress_late)
    for owner, name, seen, own in reversed(_State.replaced):
        if vars(owner).get(name) is not seen:
            continue  # somebody else has put something there since
        if own:
            setattr(owner, name, seen.raw)
        else:
            delattr(owner, name)
    _State.replaced = []


def _is_function(name, value):
    if name.startswith("_") or name in UNSEEN:
        return False
    if not isinstance(value, types.FunctionType):
        return hasattr(value, "stands_for_function")
    return value.__module__.partition(".")[0] == _ROOT


def _is_method(name):
    if name.startswith("__"):
        return name[2:-2] in UNDER or name[2:-2] in ALONE
    return not name.startswith("_") and name != "as_subclass"


def _seen(raw, name, place):
    seen = _State.known.get((place, name, raw))
    if seen is None:
        seen = _State.known[place, name, raw] = Seen(raw, name, place)
    return seen


def _replace(owner, name, seen):
    _State.replaced.append((owner, name, seen, name in vars(owner)))
    setattr(owner, name, seen)


def _dress_late(name, value):
    if not _is_function(name, value):
        return value
    seen = _seen(value, name, _ROOT)
    _State.replaced.append((sys.modules[_ROOT], name, seen, True))
    return seen
