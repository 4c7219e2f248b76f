"""Classes say where PyTorch has them: <class 'torch.nn.modules.linear.Linear'>.

A class is pickled by that name, which may lead nowhere, or to an installed PyTorch; so the name is
a `Place`, which leads to where the class really stands.
"""

import copyreg
import sys
from importlib import import_module

from .lazy import Place

__all__ = ["RENAMED", "Named", "made_empty", "said_of_torch"]

_PACKAGE = __name__.partition(".")[0]
# Classes of this package that have a name of torch's while tidu serves `import torch`.
RENAMED: set = set()


# Where PyTorch has classes that stand in another file here.
_ELSEWHERE = {
    "nn.modules.activation": "MultiheadAttention",
    "nn.modules.rnn": "GRUCell LSTMCell RNNCell RNNCellBase",
    "optim": "Adafactor Muon",
    "optim.lr_scheduler": "CyclicLR LRScheduler OneCycleLR ReduceLROnPlateau",
}
_HOMES = {name: home for home, names in _ELSEWHERE.items() for name in names.split()}


def said_of_torch(module, name=""):
    """The module PyTorch has for a class (or a module) of this package: torch.nn.modules.linear."""
    root, _, path = module.partition(".")
    if root != _PACKAGE:
        return module
    area = path.partition(".")[0]
    if name in _HOMES and _HOMES[name].startswith(area):
        path = _HOMES[name]
    elif path.startswith("distributions.transforms."):
        path = "distributions.transforms"
    return f"torch.{path}"


class Named:
    """Base of public classes: each subclass inside this package bears PyTorch's name."""

    __slots__ = ()

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        home = cls.__module__
        if home.partition(".")[0] == _PACKAGE:
            cls._tidu_home = str(home)
            cls.__module__ = Place(said_of_torch(home, cls.__name__), str(home))

    def __reduce_ex__(self, protocol):
        made = super().__reduce_ex__(protocol)
        home = type(self).__dict__.get("_tidu_home")
        if home is None or made.__class__ is str or made[0] is not copyreg.__newobj__:
            return made
        return (made_empty, (home, type(self).__qualname__, *made[1][1:]), *made[2:])


def made_empty(home, name, *args):
    """An instance of the class that stands there, as yet empty."""
    module = sys.modules.get(home) or import_module(home)
    kind = module
    for part in name.split("."):
        kind = getattr(kind, part)
    return kind.__new__(kind, *args)
