"""Derived rules kept between processes: what one found of a formula, the next reads.

A rule is a function of generated text: its code, and where the names it reads are found. The
compiler hands in where such data lie (`reading`, `writing`); without it every process derives its
own. A key says all that decides a rule besides this library's files. Read `rules`.
"""

import marshal
import sys
from functools import cache
from importlib import import_module
from types import FunctionType

import numpy as np

from ..base.frames import placed
from ..base.lazy import Door
from ..core.dispatch import below
from ..core.handle import TensorBase
from ..core.primitive import Primitive
from ..program.encoding import Encoder, Unknown, name_of, primitive_at

__all__ = ["Composed", "by_params", "reading", "rules", "writing"]

reading = Door(lambda key: None)  # key -> bytes, or None
writing = Door(lambda key, data: None)

_HOMES = ("tidu.primitives.", "tidu.core.")
_LATE = ("derivation", "writer", "sums", "simpler", "symbols", "orders")  # modules that derive


def rules(prim, way, derive):
    """derive() of an operator: rules by input, a list of them, or a truth value; as it was kept
    where another process has derived the same, in this `way`."""
    if not isinstance(prim.formula, str):
        return derive()
    return _found(prim, prim.formula, way, derive)


def by_params(prim, name, saves):
    """The rule of an input where the formula depends on the params: for each formula its own."""
    rules = {}

    def chosen(**params):
        formula = prim.formula(**params)
        if formula not in rules:
            derive = lambda: [prim.derivation.of(params).rule(name, saves, whole=True)]
            (rules[formula],) = _found(prim, formula, f"whole {name} {saves}", derive)
        return rules[formula]

    names = ", ".join(["t", *saves, *prim.params])
    given = ", ".join([f"{p}={p}" for p in prim.params])
    return eval(f"lambda {names}: chosen({given})({names})", {"chosen": chosen})


def _found(prim, formula, way, derive):
    key = repr((way, type(prim).__name__, prim.name, formula, prim.inputs, prim.params,
                sorted(prim.saves.items()), prim.inverse, str(prim.element_type)))  # fmt: skip
    data = reading(key)
    found = None if data is None else _read(prim, marshal.loads(data))
    if found is None:
        found = derive()
        told = _told(prim, found)
        if told is not None:
            writing(key, marshal.dumps(told))
    return found


class Composed:
    """A rule that a definition gives (`composition.Rule`), derived where no other process has: of
    arrays, and of tensors. What decides it: the operator, and all of `key`."""

    __slots__ = ("derive", "forms", "key", "rule")

    def __init__(self, prim, key, derive):
        self.derive, self.forms, self.rule, self.key = derive, [None, None], None, None
        made = Encoder()
        try:
            made.thing((prim, key))
            self.key = made.text()
        except Unknown:
            pass

    def __call__(self, *args):
        tensors = False
        for a in args:
            if isinstance(a, TensorBase):
                tensors = True
                break
        form = self.forms[tensors]
        if form is None:
            form = self.forms[tensors] = self._form(tensors)
        return form(*args)

    def _form(self, tensors):
        key = f"{tensors} {self.key}"
        data = None if self.key is None else reading(key)
        if data is not None:
            try:
                return _steps(*marshal.loads(data))
            except (Unknown, LookupError, TypeError):
                pass
        self.rule = self.rule or self.derive()
        found = self.rule.form(tensors)
        if self.key is not None:
            try:
                writing(key, marshal.dumps(_told_steps(found)))
            except (Unknown, ValueError):
                pass
        return found


def _told_steps(function):
    code, names = function.__code__, function.__globals__
    return function.text, code, {n: _told_thing(names[n]) for n in code.co_names if n in names}


def _steps(text, code, things):
    names = {name: _thing(*told) for name, told in things.items()}
    made = FunctionType(placed(code, text), {"__name__": __name__, **names}, "rule")
    made.text = text
    return made


_PLAIN = (int, float, complex, bool, str, type(None), type(...))


def _told_thing(x):
    """What a step of a rule reads, as data."""
    if x is below:
        return ("below",)
    if isinstance(x, Primitive):
        return "primitive", *name_of(x)
    if x.__class__ in _PLAIN:
        return "plain", x
    if x.__class__ in (tuple, list):
        return x.__class__.__name__, [_told_thing(part) for part in x]
    if x.__class__ is dict:
        return "dict", [(_told_thing(k), _told_thing(v)) for k, v in x.items()]
    if x.__class__ is slice:
        return "slice", [_told_thing(part) for part in (x.start, x.stop, x.step)]
    if isinstance(x, np.dtype):
        return "type", x.name
    if isinstance(x, np.ndarray) and not x.dtype.hasobject:
        return "array", x.dtype.name, x.shape, x.tobytes()
    if isinstance(x, np.generic) and not x.dtype.hasobject:
        return "number", x.dtype.name, x.tobytes()
    raise Unknown(type(x).__name__)


def _thing(kind, *told):
    return _THINGS[kind](*told)


_THINGS = {
    "below": lambda: below, "primitive": primitive_at, "plain": lambda x: x,
    "tuple": lambda parts: tuple([_thing(*part) for part in parts]),
    "list": lambda parts: [_thing(*part) for part in parts],
    "dict": lambda pairs: {_thing(*k): _thing(*v) for k, v in pairs},
    "slice": lambda parts: slice(*[_thing(*part) for part in parts]),
    "type": np.dtype,
    "array": lambda name, shape, data: np.frombuffer(data, name).reshape(shape).copy(),
    "number": lambda name, data: np.frombuffer(data, name)[0],
}  # fmt: skip


# --- as data --------------------------------------------------------------------------------------


def _told(prim, found):
    """Rules as data; None where one has no text, or a name that stands nowhere."""
    if isinstance(found, bool):
        return found
    each = list(found.values()) if isinstance(found, dict) else found
    parts = [_of_rule(prim, rule) for rule in each]
    if None in parts:
        return None
    return dict(zip(found, parts, strict=True)) if isinstance(found, dict) else parts


def _of_rule(prim, rule):
    text, code = getattr(rule, "text", None), getattr(rule, "__code__", None)
    if text is None or any(hasattr(c, "co_code") for c in code.co_consts):
        return None
    places = {}
    for name in code.co_names:
        if name in rule.__globals__:
            places[name] = _place(prim, name, rule.__globals__[name])
    return None if None in places.values() else (text, code, places)


def _place(prim, name, thing):
    """Where a thing is found again: a number, a type, the operator's `fast`, (module, name)."""
    if isinstance(thing, float):
        return thing
    if isinstance(thing, np.dtype):
        return (thing.name,)
    if name == "fast" and thing is prim.fast:
        return ()
    written = getattr(thing, "eval", thing)
    home, own = getattr(written, "__module__", None), getattr(thing, "name", None)
    own = own or getattr(thing, "__name__", None)
    if home is not None and _stands(thing, home, own):
        return home, own
    return _searched(thing)


def _stands(thing, module, name):
    near = module.startswith(_HOMES) or module == "math"
    return near and vars(sys.modules.get(module, sys)).get(name) is thing


@cache
def _searched(thing):
    for module in sorted(name for name in sys.modules if name.startswith(_HOMES)):
        if module.rpartition(".")[2] not in _LATE:
            for attribute, value in vars(sys.modules[module]).items():
                if value is thing:
                    return module, attribute
    return None


# --- and back -------------------------------------------------------------------------------------


def _read(prim, told):
    """The rules that data tell; None where a name is not there."""
    if isinstance(told, bool):
        return told
    try:
        if isinstance(told, dict):
            return {i: _rule(prim, *parts) for i, parts in told.items()}
        return [_rule(prim, *parts) for parts in told]
    except (ImportError, AttributeError):
        return None


def _rule(prim, text, code, places):
    names = {name: _at(prim, place) for name, place in places.items()}
    rule = FunctionType(placed(code, text), {"__name__": __name__, **names}, "rule")
    rule.text = text
    return rule


def _at(prim, place):
    if isinstance(place, float):
        return place
    if not place:
        return prim.fast
    if len(place) == 1:
        return np.dtype(place[0])
    return getattr(import_module(place[0]), place[1])
