"""The names of functions, types and nodes in the text of graphs and in generated code.

A function of this package is called as PyTorch has it: `torch._C._nn.gelu`.
What PyTorch writes otherwise than a call was made (defaults filled in, arguments by name) is in
`forms.tsv`, which was recorded from PyTorch.
"""

import ast
import builtins
import keyword
import re
import types
from collections import Counter
from functools import lru_cache
from pathlib import Path

from ..base.naming import said_of_torch
from ..core.handle import TensorBase
from ..frontend.calls import public_functions

__all__ = ["Namespace", "form_of", "function_name", "qualified_name", "snake_case", "type_name"]

_ROOT = __name__.partition(".")[0]
_TABLE = Path(__file__).with_name("forms.tsv")
# Functions that have two homes in PyTorch and are one here: they are the one programs mean.
_SHARED = frozenset(
    "adaptive_max_pool1d alpha_dropout cosine_embedding_loss dropout feature_alpha_dropout "
    "group_norm hinge_embedding_loss layer_norm margin_ranking_loss max_pool1d max_pool2d "
    "max_pool3d rms_norm rrelu triplet_margin_loss".split()
)
_AREAS = {"linalg": "torch._C._linalg.linalg", "special": "torch._C._special.special",
          "fft": "torch._C._fft.fft"}  # fmt: skip


@lru_cache(None)
def _rows():
    """{"nn.functional.relu": (PyTorch's name, positional arguments, {argument: default})}."""
    found = {}
    for line in _TABLE.read_text("utf-8").splitlines()[1:]:
        place, said, positional, words = line.split("\t")
        given = ast.literal_eval(words) if words else None
        names = positional.split() if given is not None else None
        found[place] = said or f"torch.{place}", names, given
    return found


_PLACES: dict = {}  # id(function) -> place; the functions live as long as the package


def _place(function):
    """Where a function of this package is public: "nn.functional.relu"; None for any other."""
    if getattr(function, "__module__", None) is None:
        return None
    if function.__module__ == f"{_ROOT}.frontend.checks" and function.__name__ == "_assert":
        return "_assert"
    if id(function) not in _PLACES and function.__module__.partition(".")[0] == _ROOT:
        for found, name, namespace in public_functions():
            area = namespace.partition(".")[2]
            if namespace == "Tensor":
                area = "Tensor"
            elif not area and name in _SHARED:
                area = "nn.functional"
            _PLACES[id(found)] = f"{area}.{name}" if area else name
    return _PLACES.get(id(function))


def form_of(function):
    """(names of positional arguments, {name: default} of those by name), or None: as called."""
    place = _place(function)
    row = _rows().get(place) if place else None
    return None if row is None or row[2] is None else row[1:]


def qualified_name(function):
    """What a function is called in PyTorch: "torch.relu", "torch._C._nn.gelu", "math.sqrt"."""
    name = getattr(function, "__name__", None)
    if name is None:
        return str(function) if not isinstance(function, type) else function.__qualname__
    if getattr(builtins, name, None) is function:
        return name
    place = _place(function)
    if place is not None:
        area, _, short = place.rpartition(".")
        if place in _rows():
            return _rows()[place][0]
        return f"{_AREAS[area]}_{short}" if area in _AREAS else f"torch.{place}"
    if isinstance(function, types.MethodDescriptorType) and hasattr(TensorBase, name):
        return f"torch.Tensor.{name}"
    home = getattr(function, "__module__", None) or ""
    if name == "<lambda>":
        raise RuntimeError("Unable to find a name for a lambda in the graph")
    if not home:
        return name
    return f"{said_of_torch(home).replace('torch._ops', 'torch.ops')}.{name}"


def function_name(function):
    """The last part of a function's name, from which the name of its node is made."""
    if _place(function) is not None:
        return qualified_name(function).rpartition(".")[2]
    return getattr(function, "__name__", type(function).__name__)


def type_name(kind):
    """The name of a type or another value that code mentions: "int", "torch.Tensor"."""
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias):
        home = said_of_torch(kind.__module__, kind.__qualname__)
        if issubclass(kind, TensorBase) and kind.__name__ == "Tensor":
            return "torch.Tensor"
        return kind.__qualname__ if home == "builtins" else f"{home}.{kind.__qualname__}"
    if kind is ...:
        return "..."
    if isinstance(kind, types.FunctionType):
        return kind.__name__
    return repr(kind).replace(f"{_ROOT}.", "torch.")


def snake_case(text):
    """ "BatchNorm2d" -> "batch_norm2d"."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", text).lower()


class Namespace:
    """Names of which none is given twice, nor is one of Python's own."""

    def __init__(self):
        self.owners, self.used, self.counts = {}, set(), Counter()

    def create_name(self, candidate, owner):
        """A name like the candidate for an object, which gets the same one when it asks again."""
        if owner is not None and owner in self.owners:
            return self.owners[owner]
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        ending = re.match(r"(.*)_(\d+)$", candidate)
        base, number = (ending[1], int(ending[2])) if ending else (candidate, 0)
        number = number or self.counts[base]
        while candidate in self.used or self.is_taken(candidate, owner):
            number += 1
            candidate = f"{base}_{number}"
        self.used.add(candidate)
        self.counts[base] = number
        if owner is not None:
            self.owners[owner] = candidate
        return candidate

    def is_taken(self, name, owner):
        """Whether Python, or all generated code, means something else by the name."""
        if name in keyword.kwlist:
            return True
        if hasattr(builtins, name):
            return owner is not getattr(builtins, name)
        return name in ("inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree")

    def associate(self, name, owner):
        """Have a name that is given by others belong to an object."""
        self.owners[owner] = name

    def forget(self, name):
        """The name is free again; the owner goes on to have it."""
        self.used.discard(name)
