"""The end of a call in generated code: the program runs, and the results' tensors are made.

`Finish` gathers records, each a few words: make an array, run the program, make a number, an
object, a list, store a result, note that memory was written. `TEXT` is the code that carries them
out once all guards hold (`guards.py`), before another thread can come in. What is made has a place
in a row of words, which is also what the program is given as its arguments.
"""

import ctypes
from sys import _getframe

import numpy as np

from ...core.versions import CLOCK, REMEMBERED, WATCHERS, clock
from .objects import slot_address

__all__ = ["TEXT", "Finish", "Place", "Returned"]

_ARRAY, _RUN, _NUMBER, _OBJECT, _LIST, _APPEND, _ITEM, _ENTRY, _STAMP, _GIVE = range(10)
_ALLOC = 47  # Py_tp_alloc
_CALLED = 1 << 32  # added to an offset: what stands there is called, for what it returns

TEXT = """
declare ptr @PyObject_CallObject(ptr, ptr)
declare ptr @PyObject_CallNoArgs(ptr)
declare ptr @PyList_New(i64)
declare i32 @PyList_SetItem(ptr, i64, ptr)
declare i32 @PyList_Append(ptr, ptr)
declare i32 @PyDict_SetItem(ptr, ptr, ptr)
declare ptr @PyObject_CallOneArg(ptr, ptr)
declare ptr @PyFrame_GetCode(ptr)
declare i32 @PyFrame_GetLasti(ptr)
declare void @PyErr_Clear()
declare i64 @PyLong_AsSsize_t(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)

define internal ptr @thing(ptr %made, i64 %word) {
entry:
  %placed = icmp ult i64 %word, 4096
  br i1 %placed, label %place, label %other
place:
  %home = getelementptr i64, ptr %made, i64 %word
  %found = load ptr, ptr %home
  ret ptr %found
other:
  %given = inttoptr i64 %word to ptr
  call void @Py_IncRef(ptr %given)
  ret ptr %given
}

define internal ptr @finish(ptr %base) {
entry:
  %count = load i64, ptr %base
  %made = getelementptr i64, ptr %base, i64 1
  %first = getelementptr i64, ptr %made, i64 %count
  br label %next
next:
  %r = phi ptr [%first, %entry], [%after, %on]
  %kind = load i64, ptr %r
  %p1 = getelementptr i64, ptr %r, i64 1
  %w1 = load i64, ptr %p1
  %p2 = getelementptr i64, ptr %r, i64 2
  %w2 = load ptr, ptr %p2
  %n2 = load i64, ptr %p2
  %p3 = getelementptr i64, ptr %r, i64 3
  %w3 = load ptr, ptr %p3
  %n3 = load i64, ptr %p3
  %p4 = getelementptr i64, ptr %r, i64 4
  %n4 = load i64, ptr %p4
  %p5 = getelementptr i64, ptr %r, i64 5
  %w5 = load ptr, ptr %p5
  %home = getelementptr i64, ptr %made, i64 %w1
  switch i64 %kind, label %give [ i64 0, label %array i64 1, label %run i64 2, label %number
                                  i64 3, label %object i64 4, label %list i64 5, label %append
                                  i64 6, label %item_of i64 7, label %entry_of
                                  i64 8, label %stamp ]
array:
  %a = call ptr @PyObject_CallObject(ptr %w2, ptr %w3)
  br label %kept
run:
  %done = call ptr %w2(ptr null, ptr %made, i64 %n3)
  %stopped = icmp eq ptr %done, null
  br i1 %stopped, label %fail, label %ran
ran:
  call void @Py_DecRef(ptr %done)
  br label %on
number:
  %x = call ptr %w2(ptr %w3, i64 0)
  %nothing = icmp eq ptr %x, null
  br i1 %nothing, label %fail, label %numbered
numbered:
  %inside = getelementptr i8, ptr %x, i64 16
  %wide = icmp eq i64 %n4, 8
  br i1 %wide, label %eight, label %four
eight:
  %long = load i64, ptr %w5
  store i64 %long, ptr %inside
  br label %kept
four:
  %short = load i32, ptr %w5
  store i32 %short, ptr %inside
  br label %kept
object:
  %o = call ptr %w2(ptr %w3, i64 0)
  %none = icmp eq ptr %o, null
  br i1 %none, label %fail, label %slot
slot:
  %i = phi i64 [0, %object], [%i1, %put]
  %at = getelementptr i64, ptr %p5, i64 %i
  %offset = load i64, ptr %at
  %whatp = getelementptr i64, ptr %at, i64 1
  %what = load i64, ptr %whatp
  %called = icmp ugt i64 %offset, 4294967295
  br i1 %called, label %calls, label %takes
calls:
  %function = inttoptr i64 %what to ptr
  %returned = call ptr @PyObject_CallNoArgs(ptr %function)
  br label %put
takes:
  %taken = call ptr @thing(ptr %made, i64 %what)
  br label %put
put:
  %value = phi ptr [%returned, %calls], [%taken, %takes]
  %low = and i64 %offset, 4294967295
  %field = getelementptr i8, ptr %o, i64 %low
  store ptr %value, ptr %field
  %i1 = add i64 %i, 2
  %more = icmp slt i64 %i1, %n4
  br i1 %more, label %slot, label %kept
list:
  %l = call ptr @PyList_New(i64 %n2)
  %missing = icmp eq ptr %l, null
  br i1 %missing, label %fail, label %listing
listing:
  %any = icmp sgt i64 %n2, 0
  br i1 %any, label %item, label %kept
item:
  %k = phi i64 [0, %listing], [%k1, %item]
  %itemp = getelementptr i64, ptr %p3, i64 %k
  %word = load i64, ptr %itemp
  %thing = call ptr @thing(ptr %made, i64 %word)
  call i32 @PyList_SetItem(ptr %l, i64 %k, ptr %thing)
  %k1 = add i64 %k, 1
  %again = icmp slt i64 %k1, %n2
  br i1 %again, label %item, label %kept
append:
  %appended = call ptr @thing(ptr %made, i64 %n3)
  %grew = call i32 @PyList_Append(ptr %w2, ptr %appended)
  call void @Py_DecRef(ptr %appended)
  br label %stored
item_of:
  %placed = call ptr @thing(ptr %made, i64 %n3)
  %set = call i32 @PyList_SetItem(ptr %w2, i64 %n4, ptr %placed)
  br label %stored
entry_of:
  %entered = call ptr @thing(ptr %made, i64 %n3)
  %key = inttoptr i64 %n4 to ptr
  %put_in = call i32 @PyDict_SetItem(ptr %w2, ptr %key, ptr %entered)
  call void @Py_DecRef(ptr %entered)
  br label %stored
stored:
  %status = phi i32 [%grew, %append], [%set, %item_of], [%put_in, %entry_of]
  %refused = icmp ne i32 %status, 0
  br i1 %refused, label %fail, label %on
stamp:
  %noted = call i1 @stamp(ptr %w2, ptr %w3, ptr %p4)
  br i1 %noted, label %on, label %fail
kept:
  %new = phi ptr [%a, %array], [%x, %eight], [%x, %four], [%o, %put], [%l, %item],
                [%l, %listing]
  store ptr %new, ptr %home
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %fail, label %on
on:
  %sizep = getelementptr i64, ptr @sizes, i64 %kind
  %size = load i64, ptr %sizep
  %many = icmp eq i64 %kind, 3
  %more1 = select i1 %many, i64 %n4, i64 0
  %listed = icmp eq i64 %kind, 4
  %more2 = select i1 %listed, i64 %n2, i64 %more1
  %words = add i64 %size, %more2
  %after = getelementptr i64, ptr %r, i64 %words
  br label %next
give:
  %result = call ptr @thing(ptr %made, i64 %w1)
  ret ptr %result
fail:
  ret ptr null
}
@sizes = internal constant [9 x i64] [i64 4, i64 4, i64 6, i64 5, i64 3, i64 4,
                                     i64 5, i64 5, i64 8]

; What `Together.stamp` does, where nobody watches and the call comes from the place expected: the
; time and the place into its ring. Words from %more on: the list of those who watch, the clock,
; where its last time stands, and what finds a frame.
define internal i1 @stamp(ptr %ring, ptr %python, ptr %more) {
entry:
  %watchers = load ptr, ptr %more
  %size_at = getelementptr i64, ptr %watchers, i64 2
  %size = load i64, ptr %size_at
  %watched = icmp ne i64 %size, 0
  %depth_at = getelementptr i64, ptr %ring, i64 2
  %depth = load ptr, ptr %depth_at
  %new = icmp eq ptr %depth, null
  %unlike = or i1 %watched, %new
  br i1 %unlike, label %slow, label %look
look:
  %find_at = getelementptr i64, ptr %more, i64 3
  %find = load ptr, ptr %find_at
  %frame = call ptr @PyObject_CallOneArg(ptr %find, ptr %depth)
  %none = icmp eq ptr %frame, null
  br i1 %none, label %above, label %found
above:
  call void @PyErr_Clear()
  br label %slow
found:
  %code = call ptr @PyFrame_GetCode(ptr %frame)
  %offset = call i32 @PyFrame_GetLasti(ptr %frame)
  call void @Py_DecRef(ptr %code)
  call void @Py_DecRef(ptr %frame)
  %expected_at = getelementptr i64, ptr %ring, i64 1
  %expected = load ptr, ptr %expected_at
  %same = icmp eq ptr %code, %expected
  br i1 %same, label %quick, label %slow
quick:
  %clock_at = getelementptr i64, ptr %more, i64 1
  %clock = load ptr, ptr %clock_at
  %now = call ptr @PyObject_CallNoArgs(ptr %clock)
  %untold = icmp eq ptr %now, null
  br i1 %untold, label %fail, label %told
told:
  %time = call i64 @PyLong_AsSsize_t(ptr %now)
  %last_at = getelementptr i64, ptr %more, i64 2
  %last = load ptr, ptr %last_at
  %before = load ptr, ptr %last
  store ptr %now, ptr %last
  call void @Py_DecRef(ptr %before)
  %count = load i64, ptr %ring
  %k = urem i64 %count, {remembered}
  %words = mul i64 %k, 3
  %at = add i64 %words, 3
  %time_at = getelementptr i64, ptr %ring, i64 %at
  store i64 %time, ptr %time_at
  %code_at = getelementptr i64, ptr %time_at, i64 1
  store ptr %code, ptr %code_at
  %offset_at = getelementptr i64, ptr %time_at, i64 2
  %wide = sext i32 %offset to i64
  store i64 %wide, ptr %offset_at
  %more_now = add i64 %count, 1
  store i64 %more_now, ptr %ring
  ret i1 true
slow:
  %done = call ptr @PyObject_CallNoArgs(ptr %python)
  %raised = icmp eq ptr %done, null
  br i1 %raised, label %fail, label %noted
noted:
  call void @Py_DecRef(ptr %done)
  ret i1 true
fail:
  ret i1 false
}
""".replace("{remembered}", str(REMEMBERED))


class Place(int):
    """Where something that a call makes stands among what it makes."""


class Returned:
    """Stands for what a function returns at each call."""

    def __init__(self, function):
        self.function = function


class Finish:
    """Records being gathered; `array()` is what the code reads. What they name is kept alive."""

    def __init__(self, *given):
        self.kept, self.made, self.records = [], [], []
        for thing in given:
            self.given(thing)

    def given(self, thing):
        """The same object at each call."""
        return self._place(self._id(thing))

    def empty(self, shape, dtype):
        """A new array."""
        place = self._place(0)
        self.records += [_ARRAY, place, self._id(np.empty), self._id((shape, dtype))]
        return place

    def run(self, address, count):
        """The built-in function at `address`, on the first `count` of what is made."""
        self.records += [_RUN, 0, address, count]

    def number(self, array):
        """A NumPy number, read from an array of no dimensions."""
        place, kind = self._place(0), array.dtype.type
        self.records += [_NUMBER, place, _alloc(kind), self._id(kind), array.itemsize,
                         array.ctypes.data]  # fmt: skip
        self.kept.append(array)
        return place

    def object(self, kind, slots):
        """An object with these slots, {offset: what}: a Place that nothing else takes, a Returned,
        or the same object at each call."""
        place, pairs = self._place(0), []
        for offset, what in slots.items():
            returned = what.__class__ is Returned
            pairs += [offset + _CALLED, self._id(what.function)] if returned else [
                offset, self._word(what)]  # fmt: skip
        self.records += [_OBJECT, place, _alloc(kind), self._id(kind), len(pairs), *pairs]
        return place

    def list(self, things):
        """A list of these, each as for `object`."""
        place = self._place(0)
        self.records += [_LIST, place, len(things), *map(self._word, things)]
        return place

    def append(self, container, what):
        """To the end of a list."""
        self.records += [_APPEND, 0, self._id(container), self._word(what)]

    def store(self, container, key, what):
        """In the place of what a list or dictionary has there."""
        kind, at = (_ITEM, key) if type(container) is list else (_ENTRY, self._id(key))
        self.records += [kind, 0, self._id(container), self._word(what), at]

    def stamp(self, together):
        """The arrays of a `Together` were written now."""
        self.kept.append(together)
        last = slot_address(CLOCK, CLOCK.last)
        self.records += [_STAMP, 0, together.ring.ctypes.data, self._id(together.stamp),
                         id(WATCHERS), id(clock), last, id(_getframe)]  # fmt: skip

    def give(self, what):
        """What the call returns."""
        self.records += [_GIVE, self._word(what)]

    def array(self):
        words = [len(self.made), *self.made, *self.records, 0, 0, 0, 0]  # a record reads 6 words
        return np.array(words, np.uint64).view(np.int64)

    def _place(self, word):
        self.made.append(word)
        return Place(len(self.made) - 1)

    def _word(self, what):
        return int(what) if what.__class__ is Place else self._id(what)

    def _id(self, thing):
        self.kept.append(thing)
        return id(thing)


def _alloc(kind):
    """What makes an object of this type."""
    slot = ctypes.pythonapi.PyType_GetSlot
    slot.restype, slot.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_int]
    return slot(kind, _ALLOC)
