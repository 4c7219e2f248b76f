"""Functions that the interpreter calls straight: `kernel(array, ..., number, ..., size)`.

`Kernel` wraps generated code as a built-in function that reads the addresses of its arrays and
its numbers by itself: a call costs about 0.1 µs. The code is a `body(args, start, stop)`, run by
all threads where the size is worth it. Who calls must have checked types, sizes and strides.
"""

import ctypes
from functools import cache, reduce
from math import prod
from operator import or_
from typing import NamedTuple

import numpy as np

from . import native, pool
from .code import Code, Value
from .sources import Text, decided

__all__ = ["RELEASE", "Body", "aligned", "arguments", "exchange", "function_at", "load",
           "made"]  # fmt: skip

_HEADER = object.__basicsize__  # the data pointer is an array's first field
RELEASE = 1 << 15  # elements from which other Python threads may run meanwhile

_ENTRY = """
declare i64 @PyNumber_AsSsize_t(ptr, ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyErr_Occurred()
@PyExc_OverflowError = external global ptr
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @tidu_share(ptr, ptr, i64, i64)
@_Py_NoneStruct = external global i8
"""


def arguments(m, kinds):
    """The values of a body's arguments, read from its table: "ptr", "f32", "f64" or "i64"."""
    table = Value(m, "ptr", 1, "%args")
    out = []
    for i, kind in enumerate(kinds):
        place = m.put("ptr", 1, f"getelementptr i64, {table}, i64 {i}")
        if kind in ("f32", "f64"):
            value = m.put("f64", 1, f"load double, {place}")
            out.append(m.convert(value, kind))
        else:
            out.append(m.put(kind, 1, f"load {'ptr' if kind == 'ptr' else 'i64'}, {place}"))
    return out


def entry(kinds, chunk, work):
    """The text of the built-in function: it fills the table, then runs the body on [0, size). An
    argument that is no number is an error before that: the body would write anywhere."""
    m = Code()
    count, suspects = len(kinds), []
    table = m.slot(f"[{count} x i64]", 16)
    for i, kind in enumerate((*kinds, "i64")):
        place = m.put("ptr", 1, f"getelementptr ptr, ptr %argv, i64 {i}")
        thing = m.put("ptr", 1, f"load ptr, {place}")
        if kind == "ptr":
            field = m.put("ptr", 1, f"getelementptr i8, {thing}, i64 {_HEADER}")
            value = m.put("ptr", 1, f"load ptr, {field}")
        elif kind == "i64":
            beyond = m.put("ptr", 1, "load ptr, ptr @PyExc_OverflowError")
            value = m.put("i64", 1, f"call i64 @PyNumber_AsSsize_t({thing}, {beyond})")
            suspects.append(value == -1)
        else:
            value = m.put("f64", 1, f"call double @PyFloat_AsDouble({thing})")
            suspects.append(value == -1.0)
        if i < count:
            m.line(f"store {value}, {m.at(table, m.constant('i64', i, 1), 'i64')}")
            last = value
    size, chunk = value, last.text if chunk is None else chunk
    _check(m, reduce(or_, suspects))
    m.line(f"br {size * work < RELEASE}, label %small, label %large")
    m.label("small")
    m.line(f"call void @body({table}, i64 0, {size})")
    m.jump("done")
    m.label("large")
    state = m.put("ptr", 1, "call ptr @PyEval_SaveThread()")
    m.line(f"call void @tidu_share(ptr @body, {table}, {size}, i64 {chunk})")
    m.line(f"call void @PyEval_RestoreThread({state})")
    m.jump("done")
    m.label("done")
    m.line("call void @Py_IncRef(ptr @_Py_NoneStruct)")
    m.line("ret ptr @_Py_NoneStruct")
    return m.text("define ptr @entry(ptr %self, ptr %argv, i64 %count)")


def _check(m, suspect):
    """Return with the error that reading a number has raised, which gives -1 then."""
    m.line(f"br {suspect}, label %suspect, label %known")
    m.label("suspect")
    error = m.put("ptr", 1, "call ptr @PyErr_Occurred()")
    none = m.put("i1", 1, f"icmp eq {error}, null")
    m.line(f"br {none}, label %known, label %failed")
    m.label("failed")
    m.line("ret ptr null")
    m.label("known")


class _Method(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p),
                ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]  # fmt: skip


_FASTCALL = 0x80
_LONGEST = 100  # letters of a name


class Body(NamedTuple):
    """The text of a body (``define internal void @body(...) {...}``), the kinds of its arguments
    and what it declares. `work` is what one unit of size stands for in elements, `chunk` how many
    units a thread takes at a time; None: the last argument before the size says it."""

    text: str
    kinds: list
    module: list
    chunk: int | None = 1 << 14
    work: int = 1

    def whole(self):
        """The text that `load` takes."""
        own = entry(self.kinds, self.chunk, self.work)
        return "\n".join([_ENTRY, *self.module, self.text, own])


def made(write, *given, key=None, imports=()):
    """The built-in function of the `Body` that ``write(*given)`` gives; nothing is written where
    the cache has its code. `key`: what of the arguments decides it, where that is less than all;
    `imports`: (name, address)."""
    known = decided(write, given if key is None else key)
    text = Text(lambda: write(*given).whole(), known, native.HOST.vector_bytes)
    (address,) = load(text if known else text.write(), imports=imports)
    return function_at(address)


def load(text, exported=(), imports=()):
    """The addresses of the built-in function and of what else is `exported`."""
    return native.load(text, ["entry", *exported], [(pool.SHARE, pool.address()), *imports])


def function_at(address, name="kernel", own=None):
    """The code at an address as a built-in function, which is given `own` with each call; profiles
    show it under this name."""
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(_method(address, name)), own, None)


@cache
def _method(address, name):
    """What describes a built-in function: alive for ever, like the code."""
    return _Method(f"compiled_{name}"[:_LONGEST].encode(), address, _FASTCALL, None)


def exchange(address, other, name="kernel"):
    """What runs the code at one address runs that at another from now on."""
    _method(address, name).function = other


_LINE = 64  # bytes of a cache line


def aligned(shape, dtype):
    """An array that begins at a cache line, its values whatever was there."""
    item = dtype.itemsize
    room = np.empty(prod(shape) + _LINE // item, dtype)
    first = -(room.ctypes.data // item) % (_LINE // item)
    return room[first : first + prod(shape)].reshape(shape)
