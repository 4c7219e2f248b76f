"""Schemas of operations, "f(Tensor x, int n=2, *, float alpha=1.) -> Tensor": read, and bound.

`parse` makes a `Schema` of such a text; its `bind` gives the arguments of a call, in order, with
defaults filled in and types checked.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from ..base import dtypes
from ..base.devices import device as any_device
from ..base.errors import hinted
from ..core.handle import TensorBase

__all__ = ["Argument", "Schema", "parse"]

_TYPES = {
    "Tensor": TensorBase, "int": int, "SymInt": int, "float": (float, int), "bool": bool,
    "str": str, "Scalar": (int, float, complex, bool), "ScalarType": (dtypes.dtype, int),
    "Device": (any_device, str), "Layout": object, "MemoryFormat": object, "Generator": object,
    "Dimname": str, "complex": (complex, float, int), "Any": object,
}  # fmt: skip
_SHOWN = {"Scalar": "number", "SymInt": "int", "ScalarType": "int"}
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|->|::|[\w.+-]+|.)')
_SCHEMA_HINT = 'write it as "f(Tensor x, int n=2, *, float alpha=1.0) -> Tensor".'


class _Missing:
    def __repr__(self):
        return "no default"


_NONE = _Missing()


@dataclass(frozen=True)
class Argument:
    """One argument, or one result: its type as written, and whether it is written to."""

    type: str
    name: str = ""
    default_value: Any = _NONE
    kwarg_only: bool = False
    alias: str = ""
    list_size: str = ""

    @property
    def is_write(self):
        return self.alias.endswith("!")

    def has_default_value(self):
        return self.default_value is not _NONE

    @property
    def holds_tensors(self):
        return self.type.startswith("Tensor")

    def __str__(self):
        kind = self.type
        if self.list_size:
            kind = kind.replace("[]", f"[{self.list_size}]", 1)
        if self.alias:
            kind = kind.replace("Tensor", f"Tensor({self.alias})", 1)
        text = f"{kind} {self.name}" if self.name else kind
        return f"{text}={_written(self.default_value)}" if self.has_default_value() else text


def _written(value):
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float):
        return f"{value:g}" + ("." if value.is_integer() and "e" not in f"{value:g}" else "")
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


_PLAIN = {"int": int, "float": float, "bool": bool}


def _cast(schema, wanted, value):
    """One value that a kernel gave."""
    kind = wanted.type.removesuffix("?")
    if value is None or (kind == "Tensor" and isinstance(value, TensorBase)):
        return value
    if kind == "Tensor":
        raise RuntimeError(hinted(f"Unable to cast {value} to Tensor", f"its schema is {schema}"))
    if kind.startswith("Tensor[") and not isinstance(value, (list, tuple)):
        raise RuntimeError(hinted(
            f"Unable to cast Python instance of type {type(value)} to a list of tensors",
            f"its schema is {schema}",
        ))  # fmt: skip
    return _PLAIN[kind](value) if kind in _PLAIN else value


@dataclass(frozen=True)
class Schema:
    """The name of an operation, what it takes and what it gives."""

    name: str
    overload_name: str
    arguments: list = field(default_factory=list)
    returns: list = field(default_factory=list)

    @property
    def is_mutable(self):
        return any(argument.is_write for argument in self.arguments)

    @property
    def has_keywords(self):
        return any(argument.kwarg_only for argument in self.arguments)

    def __str__(self):
        parts, starred = [], False
        for argument in self.arguments:
            if argument.kwarg_only and not starred:
                parts.append("*")
                starred = True
            parts.append(str(argument))
        results = ", ".join(map(str, self.returns))
        if len(self.returns) != 1:
            results = f"({results})"
        overload = f".{self.overload_name}" if self.overload_name else ""
        return f"{self.name}{overload}({', '.join(parts)}) -> {results}"

    __repr__ = __str__

    def returned(self, result):
        """What a kernel gave, in the types of the schema; an error where it does not fit them."""
        if not self.returns and result is not None:
            raise RuntimeError(hinted(
                f"Expected PythonKernelHolder for {self.name} to return None but it returned "
                "something else instead.", f"its schema is {self}",
            ))  # fmt: skip
        if len(self.returns) < 2:
            return _cast(self, self.returns[0], result) if self.returns else None
        if not isinstance(result, (tuple, list)):
            raise TypeError(hinted(
                f"Object of type '{type(result).__name__}' is not an instance of 'sequence'",
                f"its schema is {self}",
            ))  # fmt: skip
        if len(result) != len(self.returns):
            raise RuntimeError(hinted(
                f"Expected {self.name} to return {len(self.returns)} values but it returned "
                f"{len(result)}.", f"its schema is {self}",
            ))  # fmt: skip
        return tuple([_cast(self, *pair) for pair in zip(self.returns, result, strict=True)])

    def bind(self, args, kwargs):
        """(positional arguments, keyword-only ones): all of them, of the types that are asked."""
        places, most = [a for a in self.arguments if not a.kwarg_only], len(self.arguments)
        if len(args) + len(kwargs) > most:
            raise RuntimeError(hinted(
                f"{self.name}() expected at most {most} argument(s) but received "
                f"{len(args) + len(kwargs)} argument(s). Declaration: {self}", self._names(),
            ))  # fmt: skip
        if len(args) > len(places):
            raise RuntimeError(hinted(
                f"{self.name}() takes {len(places)} positional argument(s) but {len(args)} was/were"
                f" given.  Declaration: {self}", "give those after `*` by name.",
            ))  # fmt: skip
        given = dict(zip([a.name for a in places], args, strict=False))
        found = {a.name: self._value(a, i, {**kwargs, **given})
                 for i, a in enumerate(self.arguments)}  # fmt: skip
        for name in kwargs:
            if name not in found:
                raise RuntimeError(hinted(
                    f"Unknown keyword argument '{name}' for operator '{self.name}'. Schema: {self}",
                    self._names(),
                ))  # fmt: skip
            if name in given:
                raise RuntimeError(hinted(
                    f"Argument '{name}' specified both as positional and keyword argument. "
                    f"Schema: {self}", "give it once.",
                ))  # fmt: skip
        return (
            tuple([found[a.name] for a in places]),
            {a.name: found[a.name] for a in self.arguments if a.kwarg_only},
        )

    def _names(self):
        return "its arguments are " + ", ".join(a.name for a in self.arguments) + "."

    def without_defaults(self, args, kwargs):
        """Kernels are not given what is as by default: at the end of `args`, and by keyword."""
        places = [a for a in self.arguments if not a.kwarg_only]
        count = len(args)
        while count and _is_default(places[count - 1], args[count - 1]):
            count -= 1
        named = {a.name: a for a in self.arguments if a.kwarg_only}
        return args[:count], {n: v for n, v in kwargs.items() if not _is_default(named[n], v)}

    def _value(self, argument, place, given):
        if argument.name not in given:
            if argument.has_default_value():
                default = argument.default_value
                return list(default) if isinstance(default, list) else default
            raise RuntimeError(hinted(
                f"{self.name}() is missing value for argument '{argument.name}'. "
                f"Declaration: {self}", "call it with all arguments that have no default.",
            ))  # fmt: skip
        value = given[argument.name]
        fitted = _fitted(argument.type, value, argument.list_size)
        if fitted is _NONE:
            kind = argument.type.rstrip("?") if value is not None else argument.type
            raise RuntimeError(hinted(
                f"{self.name}() Expected a value of type '{_spoken(kind)}' for argument "
                f"'{argument.name}' but instead found type '{type(value).__name__}'.\n"
                f"Position: {place}\nValue: {value!r}\nDeclaration: {self}",
                f"give {argument.name} as the schema says.",
            ))  # fmt: skip
        return fitted


def _is_default(argument, value):
    return (
        argument.has_default_value()
        and not argument.holds_tensors
        and (type(value) is type(argument.default_value) and value == argument.default_value)
        or (argument.default_value is None and value is None)
    )


def _spoken(kind):
    if kind.endswith("?"):
        return f"Optional[{_spoken(kind[:-1])}]"
    if kind.endswith("[]"):
        return f"List[{_spoken(kind[:-2])}]"
    return _SHOWN.get(kind, kind)


def _fitted(kind, value, size=""):
    """The value as the type asks for it, or _NONE."""
    if kind.endswith("?"):
        return None if value is None else _fitted(kind[:-1], value, size)
    if kind.endswith("[]"):
        part = kind[:-2]
        if size and isinstance(value, int) and part in ("int", "SymInt"):
            return [value] * int(size)
        if not isinstance(value, (list, tuple)):
            return _NONE
        parts = [_fitted(part, v) for v in value]
        return _NONE if any(p is _NONE for p in parts) else parts
    expected = _TYPES.get(kind, object)
    if value is None and kind not in ("Generator", "Layout", "MemoryFormat", "Any"):
        return _NONE
    if not isinstance(value, expected):
        return _NONE
    if kind == "float":
        return float(value)
    return any_device(value) if kind == "Device" else value


# --- reading ------------------------------------------------------------------------------------


class _Reader:
    """The text of a schema, word by word."""

    def __init__(self, text):
        self.text = text
        self.words = [m.group(1) for m in _TOKEN.finditer(text.strip())]
        self.at = 0

    def peek(self):
        return self.words[self.at] if self.at < len(self.words) else "eof"

    def take(self, expected=None, spoken=None):
        word = self.peek()
        if expected is not None and word != expected:
            raise RuntimeError(hinted(
                f"expected {spoken or expected} but found '{word}' here:\n{self.text}",
                _SCHEMA_HINT,
            ))  # fmt: skip
        self.at += 1
        return word

    def taken(self, word):
        if self.peek() == word:
            self.at += 1
            return True
        return False


def parse(text):
    """The `Schema` of a text; a RuntimeError says what in it could not be read.

    >>> parse("demo::f.two(Tensor x, int[2] k=1, *, float a=2.0) -> (Tensor, Tensor)")
    demo::f.two(Tensor x, int[2] k=1, *, float a=2.) -> (Tensor, Tensor)
    """
    reader = _Reader(text)
    name = "" if reader.peek() == "(" else reader.take()
    if reader.taken("::"):
        name += f"::{reader.take()}"
    base, _, overload = name.partition(".")
    reader.take("(")
    arguments, named = [], False
    while not reader.taken(")"):
        if reader.taken("*"):
            named = True
        else:
            arguments.append(_argument(reader, named))
        if reader.peek() != ")":
            reader.take(",")
    reader.take("->", "arrow")
    return Schema(base, overload, arguments, _results(reader))


def _kind(reader):
    """(type, alias, size of a list) as written."""
    word = reader.take()
    if word not in _TYPES:
        raise RuntimeError(hinted(
            "\nunknown type specifier. Common valid schema types include Tensor, SymInt, int, "
            f"float, bool, Scalar: '{word}' in\n{reader.text}", _SCHEMA_HINT,
        ))  # fmt: skip
    alias = size = ""
    if word == "Tensor" and reader.taken("("):
        while not reader.taken(")"):
            alias += reader.take()
    while reader.peek() in ("[", "?"):
        if reader.taken("?"):
            word += "?"
            continue
        reader.take("[")
        if reader.peek() != "]":
            size = reader.take()
        reader.take("]")
        word += "[]"
    return word, alias, size


def _argument(reader, named):
    kind, alias, size = _kind(reader)
    name = reader.take()
    default = _default(reader) if reader.taken("=") else _NONE
    return Argument(kind, name, default, named, alias, size)


_WORDS = {"None": None, "True": True, "False": False, "true": True, "false": False}


def _default(reader):
    if reader.taken("["):
        values = []
        while not reader.taken("]"):
            values.append(_default(reader))
            reader.taken(",")
        return values
    word = reader.take()
    if word in _WORDS:
        return _WORDS[word]
    if word[0] in "\"'":
        return word[1:-1]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return getattr(dtypes, word, word)


def _results(reader):
    if not reader.taken("("):
        kind, alias, size = _kind(reader)
        return [Argument(kind, alias=alias, list_size=size)]
    found = []
    while not reader.taken(")"):
        kind, alias, size = _kind(reader)
        name = "" if reader.peek() in (",", ")") else reader.take()
        found.append(Argument(kind, name, alias=alias, list_size=size))
        if reader.peek() != ")":
            reader.take(",")
    return found
