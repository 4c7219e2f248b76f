"""Graphs, and what else decides machine code, as one text, exactly: equal texts are equal things.

An `Encoder` writes the text, and gathers the arrays it finds, in order. `Unknown` is raised by what
has no exact text: a function (of a draw), an object of the user's.
"""

import hashlib
import struct
import sys

import numpy as np

from ..core.primitive import Primitive
from .ir import Graph, Variable

__all__ = ["Encoder", "Unknown", "name_of", "primitive_at"]

_HOMES = ("tidu.primitives.", "tidu.transforms.", "tidu.compiler.loops.")


class Unknown(Exception):
    """A thing that has no exact text."""


# --- primitives by name ---------------------------------------------------------------------------

_NAMES: dict = {}  # id of a primitive: (module, name); primitives of modules live for ever


def name_of(prim):
    """(module, name) of a primitive that stands in a module."""
    found = _NAMES.get(id(prim))
    if found is None:
        found = _at_home(prim)
    if found is None:
        for module in sorted(name for name in sys.modules if name.startswith(_HOMES)):
            for name, thing in vars(sys.modules[module]).items():
                if isinstance(thing, Primitive):
                    _NAMES.setdefault(id(thing), (module, name))
        found = _NAMES.get(id(prim))
    if found is None or getattr(sys.modules[found[0]], found[1], None) is not prim:
        raise Unknown(prim.name)
    return found


def _at_home(prim):
    """Its name where its evaluation was written, as that of most is."""
    module = getattr(prim.eval, "__module__", None)
    if module is None or not module.startswith(_HOMES):
        return None
    found = module, prim.name
    if vars(sys.modules.get(module, sys)).get(prim.name) is prim:
        _NAMES[id(prim)] = found
        return found
    return None


def primitive_at(module, name):
    """The primitive of this name."""
    found = vars(sys.modules[module]).get(name) if module.startswith(_HOMES) else None
    if not isinstance(found, Primitive):
        raise Unknown(f"{module}.{name}")
    return found


# --- the text -------------------------------------------------------------------------------------


class Encoder:
    """The parts of a text. A variable is a number, in the order in which they appear."""

    def __init__(self):
        self.parts, self.numbers, self.arrays, self.forms = [], {}, [], {}
        self.told = {}  # of primitives

    def text(self):
        return " ".join(self.parts)

    def graph(self, graph):
        """Its runner, which a compiler gave it, is no part of what it says."""
        put = self.parts.append
        put("graph")
        for v in graph.inputs:
            self.made(v)
        for v in graph.constants:
            self.made(v)
            self.array(v.constant)
        for e in graph.equations:
            put("\n")
            told = self.told.get(e.prim)
            if told is None:
                told = self.told[e.prim] = _told(e.prim)
            put(told)
            for i in e.ins:
                number = self.numbers.get(i) if i.__class__ is Variable else None
                put(f"v{number}") if number is not None else self.thing(i)
            for name, value in e.params.items():
                put(name)
                self.thing(value)
            put(">")
            for v in e.outs:
                self.made(v)
        put("return")
        for o in graph.outputs:
            self.thing(o)
        self.thing([(self.numbers[v], order) for v, order in graph.orders.items()])

    def made(self, v):
        """A variable where it is defined."""
        known = self.forms.get((v.shape, v.element_type))
        if known is None:
            known = f"{v.shape}{_dtype(v.element_type)}"
            self.forms[v.shape, v.element_type] = known
        self.numbers[v] = len(self.numbers)
        self.parts.append(known)

    def thing(self, x):
        """Anything else that stands in a graph."""
        kind = x.__class__
        if kind is Variable:
            if x not in self.numbers:  # of a home: it may be one of another graph
                self.made(x)
            self.parts.append(f"v{self.numbers[x]}")
        elif kind in _PLAIN:
            self.parts.append(_PLAIN[kind](x))
        elif kind in (tuple, list):
            self.parts.append("(" if kind is tuple else "[")
            for part in x:
                self.thing(part)
            self.parts.append(")")
        elif kind is slice:
            self.thing(("slice", x.start, x.stop, x.step))
        elif kind is dict:
            self.thing(("dict", *x.items()))
        elif isinstance(x, np.dtype):
            self.parts.append(_dtype(x))
        elif isinstance(x, Primitive):
            self.parts.append(_told(x))
        elif kind is Graph:
            self.graph(x)
        elif kind is np.ndarray or isinstance(x, np.generic):
            self.array(x)
        else:
            raise Unknown(kind.__name__)

    def array(self, x):
        """Also a NumPy number, which is another thing than an array without axes."""
        array = np.asarray(x)
        if array.dtype.hasobject:
            raise Unknown("object")
        self.arrays.append(x)
        order = array.strides if not array.flags.c_contiguous else ""
        self.parts.append(f"{x.__class__.__name__}{array.shape}{order}{_dtype(array.dtype)}")
        self.parts.append(array.tobytes().hex() if array.nbytes < _DIGESTED else _digest(array))


_DIGESTED = 64  # bytes of an array from which its digest stands for it


def _digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).hexdigest()


def _dtype(dtype):
    """By its name and its bytes: those of `ml_dtypes` have one code for several."""
    return f"{dtype.name}{dtype.str}" if dtype.isbuiltin != 1 else dtype.str


def _told(prim):
    return "{}:{}".format(*name_of(prim))


_PLAIN = {
    int: str, bool: str, type(None): str, str: lambda x: f"{len(x)}{x!r}", type(...): str,
    float: lambda x: struct.pack("<d", x).hex() + "f",
    complex: lambda x: struct.pack("<dd", x.real, x.imag).hex() + "c",
}  # fmt: skip
