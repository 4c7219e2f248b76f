"""Places that hold one thing each, read and filled like a closure's cell: attributes of classes,
slots, global variables, what an object is an instance of.

`contents` and `fill` serve them and the cells of closures, which may be empty.
"""

from functools import lru_cache
from gc import get_referents
from opcode import opmap
from types import CellType, CodeType

from ...base.instructions import steps

__all__ = ["MISSING", "Attribute", "Bases", "Cached", "ClassOf", "Current",
           "Global", "Referent", "SlotOf", "contents", "fill", "globals_in",
           "modules_in", "names_in"]  # fmt: skip

MISSING = object()


def contents(cell):
    """What stands in a cell; MISSING where it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def fill(cell, value):
    if value is not MISSING or not isinstance(cell, CellType):
        cell.cell_contents = value
    elif contents(cell) is not MISSING:
        del cell.cell_contents


class Attribute:
    """An attribute of a class."""

    __slots__ = ("kind", "name")

    def __init__(self, kind, name):
        self.kind, self.name = kind, name

    @property
    def cell_contents(self):
        return vars(self.kind).get(self.name, MISSING)

    @cell_contents.setter
    def cell_contents(self, value):
        if value is not MISSING:
            setattr(self.kind, self.name, value)
        elif self.cell_contents is not MISSING:
            delattr(self.kind, self.name)


class SlotOf:
    """What an object keeps in a slot."""

    __slots__ = ("member", "thing")

    def __init__(self, thing, member):
        self.thing, self.member = thing, member

    @property
    def cell_contents(self):
        try:
            return self.member.__get__(self.thing)
        except AttributeError:
            return MISSING

    @cell_contents.setter
    def cell_contents(self, value):
        if value is MISSING:
            self.member.__delete__(self.thing)
        else:
            self.member.__set__(self.thing, value)


class Global:
    """A global variable, or another entry of a dictionary."""

    __slots__ = ("name", "names")

    def __init__(self, names, name):
        self.names, self.name = names, name

    @property
    def cell_contents(self):
        return self.names.get(self.name, MISSING)

    @cell_contents.setter
    def cell_contents(self, value):
        if value is MISSING:
            self.names.pop(self.name, None)
        else:
            self.names[self.name] = value


class ClassOf:
    """The class of an object, which a program may assign."""

    __slots__ = ("thing",)

    def __init__(self, thing):
        self.thing = thing

    @property
    def cell_contents(self):
        return type(self.thing)

    @cell_contents.setter
    def cell_contents(self, value):
        self.thing.__class__ = value


class Bases:
    """The classes from which one inherits, in their order: a tuple that is made anew when they
    change."""

    __slots__ = ("kind",)

    def __init__(self, kind):
        self.kind = kind

    @property
    def cell_contents(self):
        return self.kind.__mro__

    @cell_contents.setter
    def cell_contents(self, value):
        """A trial run that changes them is given up; they stay."""


class Referent:
    """Of what class that is which a weak reference names: of that of None when it is gone."""

    __slots__ = ("reference",)

    def __init__(self, reference):
        self.reference = reference

    @property
    def cell_contents(self):
        return type(self.reference())

    @cell_contents.setter
    def cell_contents(self, value):
        """Nobody brings it back."""


class Current:
    """The value of a context variable."""

    __slots__ = ("variable",)

    def __init__(self, variable):
        self.variable = variable

    @property
    def cell_contents(self):
        return self.variable.get(MISSING)

    @cell_contents.setter
    def cell_contents(self, value):
        if value is not MISSING:
            self.variable.set(value)


class Cached:
    """What a function keeps of its results (`functools.lru_cache`). Those of a trial run are
    stand-ins, which it is made to forget."""

    __slots__ = ("function",)

    def __init__(self, function):
        self.function = function

    @property
    def cell_contents(self):
        found = []  # what it keeps comes first: in a list of its own, or in a dictionary
        for part in get_referents(self.function):
            if part is self.function.__wrapped__:
                break
            found += part.values() if type(part) is dict else [part]
        return tuple([part for part in found if type(part).__name__ not in _INSIDE])

    @cell_contents.setter
    def cell_contents(self, value):
        self.function.cache_clear()


_INSIDE = ("type", "_lru_list_elem")


def names_in(code):
    """The names that a function's code, and the functions written inside it, look up."""
    found = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.extend(names_in(constant))
    return found


_GLOBAL = opmap["LOAD_GLOBAL"]
_OTHERS = {opmap[n] for n in ("LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL")}
_IMPORT, _MORE = opmap["IMPORT_NAME"], opmap["EXTENDED_ARG"]


@lru_cache(4096)
def globals_in(code):
    """(the names that a code and those inside it look up as global variables, the modules that
    they import), as tuples."""
    names, modules, above = {}, {}, 0
    steps = code.co_code
    for op, number in zip(steps[::2], steps[1::2], strict=True):
        whole = above | number
        above = whole << 8 if op == _MORE else 0
        if op == _GLOBAL:
            names[code.co_names[whole >> 1]] = None
        elif op in _OTHERS:
            names[code.co_names[whole]] = None
        elif op == _IMPORT:
            modules[code.co_names[whole]] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner, imported = globals_in(constant)
            names.update(dict.fromkeys(inner))
            modules.update(dict.fromkeys(imported))
    return tuple(names), tuple(modules)


@lru_cache(4096)
def modules_in(code):
    """The names by which a code and those inside it ask for entries of something's `modules`, as a
    tuple: ``sys.modules["a"]``, ``sys.modules.get("a")``, ``"a" in sys.modules``. None where it
    does anything else with it."""
    found = {}
    if "modules" in code.co_names:
        done = steps(code)
        for k, step in enumerate(done):
            if step.argval == "modules" and step.opname in _LOOKED_UP:
                name = _name_asked(done[max(0, k - 2)], *done[k + 1 : k + 4])
                if name is None:
                    return None
                found[name] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = modules_in(constant)
            if inner is None:
                return None
            found.update(dict.fromkeys(inner))
    return tuple(found)


_LOOKED_UP = {"LOAD_ATTR", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "IMPORT_FROM"}


def _name_asked(before, *after):
    """The name of the module; `before`: what was loaded in front of ``sys.modules``."""
    kinds = [step.opname for step in after]
    if kinds[:1] == ["CONTAINS_OP"]:
        found = before
    elif kinds[1:2] == ["BINARY_SUBSCR"]:
        found = after[0]
    elif len(after) > 1 and kinds[0] == "LOAD_ATTR" and after[0].argval == "get":
        found = after[1]
    else:
        return None
    return found.argval if found.opname == "LOAD_CONST" and type(found.argval) is str else None
