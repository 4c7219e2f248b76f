"""Which code a thread runs, heard by machine code of a few instructions.

Python's own profiler in C (`_lsprof`) also takes the time of each call, which makes a run take
twice as long; this one looks a code object up in a table.
"""

import ctypes
from functools import lru_cache

import numpy as np

from . import native

__all__ = ["Hearing", "at_hand"]

_PLACES = 1 << 13  # of the table: a power of 2
_LOOKS = 64  # places that are tried for one code

_TEXT = f"""
declare ptr @PyFrame_GetCode(ptr)
declare void @Py_DecRef(ptr)
@table = global ptr null

define i32 @heard(ptr %self, ptr %frame, i32 %what, ptr %argument) {{
  %call = icmp eq i32 %what, 0
  br i1 %call, label %begin, label %done
begin:
  %table = load ptr, ptr @table
  %code = call ptr @PyFrame_GetCode(ptr %frame)
  %number = ptrtoint ptr %code to i64
  %from = lshr i64 %number, 4
  %until = add i64 %from, {_LOOKS}
  br label %look
look:
  %k = phi i64 [%from, %begin], [%next, %taken]
  %place = and i64 %k, {_PLACES - 1}
  %at = getelementptr ptr, ptr %table, i64 %place
  %there = load ptr, ptr %at
  %same = icmp eq ptr %there, %code
  br i1 %same, label %known, label %other
other:
  %free = icmp eq ptr %there, null
  br i1 %free, label %new, label %taken
taken:
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, %until
  br i1 %more, label %look, label %lost
new:
  store ptr %code, ptr %at
  ret i32 0
lost:
  %last = getelementptr ptr, ptr %table, i64 {_PLACES}
  store i64 1, ptr %last
  br label %known
known:
  call void @Py_DecRef(ptr %code)
  br label %done
done:
  ret i32 0
}}
"""


@lru_cache
def at_hand():
    """Whether the machine code is there; where not, it is compiled for other processes."""
    if not native.available():
        return False
    kept = native.is_kept(_TEXT)
    if not kept:
        native.keep(_TEXT)
    return kept


@lru_cache
def _places():
    """(address of the function, the variable that says which table it writes)."""
    function, table = native.load(_TEXT, ["heard", "table"])
    return function, ctypes.c_void_p.from_address(table)


def _profile(function, listener):
    call = ctypes.pythonapi.PyEval_SetProfile
    call.argtypes, call.restype = [ctypes.c_void_p, ctypes.py_object], None
    call(function, listener)


class Hearing:
    """Hears of the calls in this thread between `enable` and `disable`, one at a time in a process;
    `of_programs`: nothing of what the library does for itself (`unheard`)."""

    of_programs = True

    def __init__(self):
        self.table = np.zeros(_PLACES + 1, np.int64)

    def enable(self):
        function, table = _places()
        table.value = self.table.ctypes.data
        _profile(function, self)

    def disable(self):
        _profile(None, None)

    def codes(self):
        """The code objects that ran since it was made or asked; None where there were too many."""
        *found, lost = self.table.tolist()
        self.table[:] = 0
        codes = set()
        for address in filter(None, found):
            codes.add(ctypes.cast(address, ctypes.py_object).value)
            ctypes.pythonapi.Py_DecRef(ctypes.c_void_p(address))  # the table's own
        return None if lost else codes
