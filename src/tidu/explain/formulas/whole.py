"""Operations of a document by their names, computed by the library's own primitives.

What has no rule for its elements (an inverse, a determinant, a Bessel function) is computed whole.
"""

import inspect
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

from ... import primitives
from ...core.primitive import Primitive

__all__ = ["by_name", "computed", "is_elementwise", "name_of"]


@cache
def by_name():
    """Every primitive by its name; where several share one, the others by their variables'."""
    named = {}
    for info in iter_modules(primitives.__path__):
        for variable, prim in vars(import_module(f"{primitives.__name__}.{info.name}")).items():
            if isinstance(prim, Primitive):
                named.setdefault(prim.name, {}).setdefault(prim, variable)
    found = {name: next(iter(prims)) for name, prims in named.items()}
    for name, prims in named.items():
        for prim, variable in prims.items():
            if variable == name:
                found[name] = prim
        others = {variable: prim for prim, variable in prims.items() if prim is not found[name]}
        found = {**others, **found}
    return found


def name_of(prim):
    """The name by which formulas mean this primitive and no other: `by_name()[name]`."""
    return _names().get(prim, prim.name)


@cache
def _names():
    return {prim: name for name, prim in by_name().items()}


@cache
def is_elementwise(name):
    """Whether the primitive of this name works on each element by itself."""
    return getattr(by_name().get(name), "kind", None) == "elementwise"


def computed(op, params, args):
    """What the operation gives, as an array or a tuple of arrays; KeyError if it is not known."""
    if op == "inverse_triangular":
        identity = np.broadcast_to(np.eye(args[0].shape[-1]), args[0].shape)
        return computed("linalg_solve_triangular", params, [args[0], identity])
    prim = by_name()[op]
    accepted = inspect.signature(prim.eval).parameters
    given = {key: _tuples(value) for key, value in (params or {}).items() if key in accepted}
    with np.errstate(all="ignore"):
        out = prim.eval(*args, **given)
    return out if isinstance(out, tuple) else np.asarray(out)


def _tuples(value):
    return tuple([_tuples(v) for v in value]) if isinstance(value, list) else value
