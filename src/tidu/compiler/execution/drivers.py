"""What calls the steps of a segment: a function for all, and the built-in functions around it.

Many calls, and the addresses of many arrays, are tables of constants that a loop reads: LLVM would
take a tenth of its time for code that writes them out.
"""

from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np

from ..loops import nests
from ..machine import kernels, native, pool

__all__ = ["DECLARED", "Call", "driver", "filler", "run"]

DECLARED = f"""
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
declare void @{pool.SHARE}(ptr, ptr, i64, i64)
@_Py_NoneStruct = external global i8
"""


class Call(NamedTuple):
    """A call of a step: its function, the word of the table where its list begins, how many units
    there are and how many a thread takes at a time (None: one takes all)."""

    name: str
    first: int
    units: int
    chunk: int | None

    def lines(self):
        call = f"@{self.name}(ptr %table, i64 0, i64 {self.units})"
        if self.chunk is not None:
            share = f"ptr @{self.name}, ptr %table, i64 {self.units}, i64 {self.chunk}"
            call = f"@{pool.SHARE}({share})"
        places = f"%places{self.first}"
        return [f"  {places} = getelementptr i64, ptr %table, i64 {self.first}",
                f"  store ptr {places}, ptr %list", f"  call void {call}"]  # fmt: skip

    def constant(self):
        numbers = f"i64 {self.first}, i64 {self.units}, i64 {self.chunk or 0}"
        return f"{_RECORD} {{ ptr @{self.name}, {numbers} }}"


_RECORD = "{ ptr, i64, i64, i64 }"
_MANY = 32  # calls or addresses from which a loop does them, and LLVM reads a table


def run(calls):
    """All steps, on a table; {0, 0} if nothing stops it."""
    lines, tables = [], []
    for plain, group in groupby(calls, lambda call: isinstance(call, Call)):
        records = list(group)
        if not plain:
            lines += records
        elif len(records) < _MANY:
            lines += [line for record in records for line in record.lines()]
        else:
            tables.append(_table(f"steps{len(tables)}", _RECORD, [r.constant() for r in records]))
            lines += _steps(records, f"steps{len(tables) - 1}", len(lines))
    head = ["define internal { i64, i64 } @run(ptr %table) noinline {", "entry:",
            f"  %list = getelementptr i64, ptr %table, i64 {nests.LIST}"]  # fmt: skip
    return "\n".join([*tables, *head, *lines, "  ret { i64, i64 } zeroinitializer", "}"])


def _table(name, kind, values):
    return f"@{name} = internal constant [{len(values)} x {kind}] [{', '.join(values)}]"


def _steps(records, table, k):
    """Calls as the records of a table say."""
    fields = [
        line for i, (name, kind) in enumerate(_FIELDS) for line in (
            f"  %{name}p{k} = getelementptr {_RECORD}, ptr @{table}, i64 %i{k}, i32 {i}",
            f"  %{name}{k} = load {kind}, ptr %{name}p{k}")
    ]  # fmt: skip
    own = f"  call void %function{k}(ptr %table, i64 0, i64 %units{k})"
    shared = f"ptr %function{k}, ptr %table, i64 %units{k}, i64 %chunk{k}"
    call = [
        f"  %alone{k} = icmp eq i64 %chunk{k}, 0",
        f"  br i1 %alone{k}, label %own{k}, label %shared{k}",
        f"own{k}:", own, f"  br label %done{k}",
        f"shared{k}:", f"  call void @{pool.SHARE}({shared})", f"  br label %done{k}",
    ]  # fmt: skip
    if all(r.chunk is None for r in records):
        call = [own, f"  br label %done{k}"]
    return [
        f"  br label %before{k}", f"before{k}:", f"  br label %step{k}", f"step{k}:",
        f"  %i{k} = phi i64 [0, %before{k}], [%j{k}, %done{k}]", *fields,
        f"  %places{k} = getelementptr i64, ptr %table, i64 %first{k}",
        f"  store ptr %places{k}, ptr %list", *call,
        f"done{k}:", f"  %j{k} = add i64 %i{k}, 1",
        f"  %more{k} = icmp ult i64 %j{k}, {len(records)}",
        f"  br i1 %more{k}, label %step{k}, label %after{k}", f"after{k}:",
    ]  # fmt: skip


_FIELDS = (("function", "ptr"), ("first", "i64"), ("units", "i64"), ("chunk", "i64"))


def filler(slots):
    """``fill(table, *arrays)``: the addresses of the arrays into these slots."""
    return kernels.function_at(_filler(), own=np.array(slots, np.int64))


@lru_cache
def _filler():
    """Its code, for any slots."""
    places = [f"  %start = getelementptr i8, ptr %self, i64 {_HEADER}",
              "  %places = load ptr, ptr %start", "  %slots = sub i64 %count, 1"]  # fmt: skip
    text = "\n".join([DECLARED, *_head("entry"), *places, *_filled("%places", "%slots"), *_END])
    return native.load(text, ["entry"], plain=True)[0]


def driver(release, slots, name, after=None):
    """The built-in function of a table and the arrays whose addresses go into these slots; then it
    runs the steps, and does what is to be done `after` them (None: it does not). `release`: whether
    other Python threads may run meanwhile, or the word of the table that says so."""
    lines, tables = _head(name), []
    if len(slots) < _MANY:
        for k, slot in enumerate(slots):
            lines += _stored(k, k + 1, slot)
    else:
        tables = [_table(f"slots_{name}", "i64", [f"i64 {slot}" for slot in slots])]
        lines += _filled(f"@slots_{name}", len(slots))
    run = [] if after is None else ["  %result = call { i64, i64 } @run(ptr %table)"]
    free = ["  %state = call ptr @PyEval_SaveThread()", *run,
            "  call void @PyEval_RestoreThread(ptr %state)"]  # fmt: skip
    if isinstance(release, bool):
        lines += free if release else run
    else:
        lines += _chosen(release, free, run)
    return "\n".join([*tables, *lines, *(after or []), *_END])


_HEADER = object.__basicsize__
_END = ("  call void @Py_IncRef(ptr @_Py_NoneStruct)", "  ret ptr @_Py_NoneStruct", "}")


def _head(name):
    """A built-in function that begins by reading its first argument, a table."""
    return [f"define ptr @{name}(ptr %self, ptr %argv, i64 %count) {{", "entry:",
            "  %object = load ptr, ptr %argv",
            f"  %field = getelementptr i8, ptr %object, i64 {_HEADER}",
            "  %table = load ptr, ptr %field"]  # fmt: skip


def _filled(places, count):
    """The addresses of so many arguments into the slots that stand at `places`."""
    return [
        f"  %any = icmp sgt i64 {count}, 0", "  br i1 %any, label %fill, label %filled",
        "fill:", "  %k = phi i64 [0, %entry], [%next, %fill]", "  %next = add i64 %k, 1",
        f"  %at = getelementptr i64, ptr {places}, i64 %k", "  %slot = load i64, ptr %at",
        *_stored("", "%next", "%slot"), f"  %more = icmp slt i64 %next, {count}",
        "  br i1 %more, label %fill, label %filled", "filled:",
    ]  # fmt: skip


def _stored(k, argument, slot):
    """The address of an argument's memory into a slot of the table."""
    return [
        f"  %p{k} = getelementptr ptr, ptr %argv, i64 {argument}",
        f"  %o{k} = load ptr, ptr %p{k}",
        f"  %f{k} = getelementptr i8, ptr %o{k}, i64 {_HEADER}",
        f"  %d{k} = load ptr, ptr %f{k}",
        f"  %t{k} = getelementptr ptr, ptr %table, i64 {slot}",
        f"  store ptr %d{k}, ptr %t{k}",
    ]


def _chosen(word, free, kept):
    """Either lines, which both compute %result, by a word of the table."""
    renamed = [line.replace("%result", "%kept") for line in kept]
    free = [line.replace("%result", "%freed") for line in free]
    return [
        f"  %releasep = getelementptr i64, ptr %table, i64 {word}",
        "  %release = load i64, ptr %releasep",
        "  %releases = icmp ne i64 %release, 0",
        "  br i1 %releases, label %free, label %locked",
        "free:", *free, "  br label %ran", "locked:", *renamed, "  br label %ran", "ran:",
        "  %result = phi { i64, i64 } [%freed, %free], [%kept, %locked]",
    ]  # fmt: skip
