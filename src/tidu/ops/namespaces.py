"""torch.ops.aten.add and torch.ops.mylib.f: operations under the names PyTorch's dispatcher has.

`aten` holds torch's own functions and methods; other namespaces what `torch.library` registered.
"""

from importlib import import_module
from types import SimpleNamespace

from ..base.lazy import lazy_module

__all__ = ["OWN", "Namespace"]

_PACKAGE = __name__.partition(".")[0]
_ROOT = lazy_module(_PACKAGE)
# Only the dispatcher has names for these.
_DISPATCHER = {
    "_pin_memory": "ops.rarities:_pin_memory", "_sparse_addmm": "sparse:addmm",
    "_sparse_mm_reduce_impl": "sparse:mm", "_to_copy": "ops.rarities:_to_copy",
    "alias": "ops.rarities:alias", "index": "ops.rarities:index", "slice": "ops.rarities:slice_",
}  # fmt: skip
OWN: dict = {}  # (namespace, name) -> what torch.library defined
_FALLBACKS = ("nn.functional", "linalg", "special", "fft", "Tensor")


class Namespace:
    """torch.ops.name: its attributes are operations."""

    def __init__(self, name):
        self.__dict__["name"] = name
        self.__dict__["__module__"] = "torch.ops"

    def __getattr__(self, name):
        own = OWN.get((self.name, name))
        if own is not None:
            return own
        function = None
        if self.name in ("aten", "prims") and not name.startswith("__"):
            function = _of_torch(name)
        if function is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{name}'")
        return Packet(self.name, name, function)

    def __dir__(self):
        own = [name for namespace, name in OWN if namespace == self.name]
        return [*super().__dir__(), *own]

    def __repr__(self):
        return f"<module 'torch.ops.{self.name}' from 'torch.ops'>"


def _of_torch(name):
    if name in _DISPATCHER:
        place, _, name = _DISPATCHER[name].partition(":")
        return getattr(import_module(f"{_PACKAGE}.{place}"), name)
    places = [_ROOT]
    for path in _FALLBACKS:
        place = _ROOT
        for part in path.split("."):
            place = getattr(place, part)
        places.append(place)
    for place in places:
        function = getattr(place, name, None)
        if callable(function):
            return function
    return None


class Packet:
    """torch.ops.aten.add: called, it takes what the function takes; `.Tensor` is one form of it."""

    def __init__(self, namespace, name, function, overload=""):
        self._namespace, self._function, self._overload = namespace, function, overload
        self.__name__ = f"{name}.{overload}" if overload else name
        self._operation = name
        self._schema = SimpleNamespace(
            name=f"{namespace}::{name}", is_mutable=name.endswith("_"), overload_name=overload
        )

    def __getattr__(self, overload):
        if overload.startswith("_") or self._overload:
            raise AttributeError(
                f"The underlying op of '{self._namespace}.{self._operation}' has no overload name "
                f"'{overload}'"
            )
        return Packet(self._namespace, self._operation, self._function, overload)

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    def __eq__(self, other):
        return isinstance(other, Packet) and str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    def __str__(self):
        return f"{self._namespace}.{self.__name__}"

    def __repr__(self):
        return f"<Op(op='{self}')>"

    def name(self):
        """'aten::add'"""
        return self._schema.name
