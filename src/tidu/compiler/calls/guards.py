"""Whether all is as it was, asked in generated code: what a compiled call must check, in 0.2 µs.

A `Block` is a list of records, each a few words: which object, and what must stand in it. One
built-in function, the same for every compiled function, walks the records, writes the addresses of
the tensors' memory where the program reads them (`records.py`), and goes on to what `finishing.py`
describes.
"""

import sys
from functools import lru_cache

import numpy as np

from ...core.handle import LEAF, TensorBase
from ...core.node import NOWHERE
from ..machine import kernels, native
from ..machine.sources import Text
from ..recording.cells import MISSING
from . import finishing
from .objects import TENSOR_SLOTS, has_version, layout, slots_of, version_of
from .records import (
    ANY,
    APART,
    BUSY,
    CHANGED,
    CHECKS,
    COUNT,
    DICT,
    END,
    FAILED,
    FINISH,
    FRESH,
    GIVE,
    GRAD,
    HEADER,
    IN_USE,
    LIST,
    MANY,
    MISSED,
    NEXT,
    OTHER,
    OWNED,
    PLAIN,
    POINTER,
    QUICK,
    READY,
    REST,
    SAME,
    SCAN,
    SIZE,
    SOME,
    TENSOR,
    TOGETHER,
    Check,
)

__all__ = ["ANY", "BUSY", "CHANGED", "FRESH", "IN_USE", "MISS", "READY", "TAKEN", "Block", "begin",
           "call", "chain", "failed", "finishes", "prepare", "refresh"]  # fmt: skip

MISS = object()
TAKEN = np.zeros(1, np.int64)  # how many calls took the fast path
_OFTEN = 20_000  # of them, a twentieth of a second, after which better code for them pays


# The code that walks a block and goes on: `call` and `refresh`, see below.
_WALK = """
declare ptr @PyLong_FromSsize_t(i64)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)

define internal ptr @block(ptr %object) {{
  %field = getelementptr i8, ptr %object, i64 16
  %block = load ptr, ptr %field
  ret ptr %block
}}

define internal i64 @go(ptr %block, ptr %argv, i64 %count, i64 %again) {{
entry:
  store i64 1, ptr %block
  %wanted_at = getelementptr i64, ptr %block, i64 1
  %wanted = load i64, ptr %wanted_at
  %fits = icmp eq i64 %wanted, %count
  %busy_at = getelementptr i64, ptr %block, i64 {busy}
  %busy = load i64, ptr %busy_at
  %free = icmp eq i64 %busy, 0
  %may = and i1 %fits, %free
  br i1 %may, label %begin, label %no
begin:
  %first = getelementptr i64, ptr %block, i64 {header}
  br label %next
next:
  %record = phi ptr [%first, %begin], [%after, %on]
  %kind = load i64, ptr %record
  switch i64 %kind, label %no [ {cases} ]
{blocks}
on:
  %words = phi i64 {phis}
  %bad = icmp eq i64 %words, 0
  %after = getelementptr i64, ptr %record, i64 %words
  br i1 %bad, label %no, label %next
yes:
  %code = load i64, ptr %block
  ret i64 %code
no:
  ret i64 0
}}

define ptr @call(ptr %self, ptr %given, i64 %count) {{
entry:
  %first = call ptr @block(ptr %self)
  %argv = getelementptr ptr, ptr %given, i64 -1
  br label %try
try:
  %block = phi ptr [%first, %entry], [%following, %changed]
  %code = call i64 @go(ptr %block, ptr %argv, i64 %count, i64 0)
  %finish_at = getelementptr i64, ptr %block, i64 {finish}
  %finish = load ptr, ptr %finish_at
  %busy_at = getelementptr i64, ptr %block, i64 {busy}
  %quick_at = getelementptr i64, ptr %block, i64 {quick}
  %quick = load ptr, ptr %quick_at
  %other = icmp eq i64 %code, 0
  br i1 %other, label %changed, label %serves
changed:
  %next_at = getelementptr i64, ptr %block, i64 {next}
  %following = load ptr, ptr %next_at
  %none = icmp eq ptr %following, null
  br i1 %none, label %miss, label %try
miss:
  %miss_at = getelementptr i64, ptr %block, i64 {miss}
  %missed = load ptr, ptr %miss_at
  call void @Py_IncRef(ptr %missed)
  ret ptr %missed
serves:
  call void @Py_IncRef(ptr %quick)
  store i64 1, ptr %busy_at
  %has = icmp ne ptr %finish, null
  %ready = icmp eq i64 %code, 1
  %all = and i1 %has, %ready
  br i1 %all, label %native, label %python
native:
  %made = call ptr @finish(ptr %finish)
  store i64 0, ptr %busy_at
  %give_at = getelementptr i64, ptr %block, i64 {give}
  %give = load ptr, ptr %give_at
  %plain = icmp eq ptr %give, null
  %nothing = icmp eq ptr %made, null
  %as_it_is = or i1 %plain, %nothing
  br i1 %as_it_is, label %done, label %gives
gives:
  %given_back = call ptr @PyObject_CallOneArg(ptr %give, ptr %made)
  call void @Py_DecRef(ptr %made)
  br label %done
python:
  %rest_at = getelementptr i64, ptr %block, i64 {rest}
  %rest = load ptr, ptr %rest_at
  %all_count = add i64 %count, 2
  %list = alloca ptr, i64 %all_count
  store ptr %quick, ptr %list
  %number = call ptr @PyLong_FromSsize_t(i64 %code)
  %second = getelementptr ptr, ptr %list, i64 1
  store ptr %number, ptr %second
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %copy, label %copied
copy:
  %i = phi i64 [0, %python], [%i1, %copy]
  %from = getelementptr ptr, ptr %given, i64 %i
  %argument = load ptr, ptr %from
  %place = add i64 %i, 2
  %to = getelementptr ptr, ptr %list, i64 %place
  store ptr %argument, ptr %to
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %count
  br i1 %more, label %copy, label %copied
copied:
  %went_on = call ptr @PyObject_Vectorcall(ptr %rest, ptr %list, i64 %all_count, ptr null)
  call void @Py_DecRef(ptr %number)
  br label %done
done:
  %result = phi ptr [%made, %native], [%given_back, %gives], [%went_on, %copied]
  %wrong = icmp eq ptr %result, null
  %failed = zext i1 %wrong to i64
  %failed_at = getelementptr i64, ptr %block, i64 {failed}
  store i64 %failed, ptr %failed_at
  %taken_at = getelementptr i64, ptr %block, i64 {taken}
  %taken = load ptr, ptr %taken_at
  %was = load i64, ptr %taken
  %now = add i64 %was, 1
  store i64 %now, ptr %taken
  %improved_at = getelementptr i64, ptr %block, i64 {improve}
  %improved_by = load ptr, ptr %improved_at
  call void @Py_DecRef(ptr %quick)
  %many = icmp eq i64 %now, {often}
  %good = xor i1 %wrong, true
  %improves = and i1 %many, %good
  br i1 %improves, label %improve, label %end
improve:
  %improved = call ptr @PyObject_CallNoArgs(ptr %improved_by)
  %worse = icmp eq ptr %improved, null
  br i1 %worse, label %forget, label %end
forget:
  call void @PyErr_Clear()
  br label %end
end:
  ret ptr %result
}}

define ptr @refresh(ptr %self, ptr %given, i64 %count) {{
entry:
  %block = call ptr @block(ptr %self)
  %argv = getelementptr ptr, ptr %given, i64 -1
  %busy_at = getelementptr i64, ptr %block, i64 {busy}
  %busy = load i64, ptr %busy_at
  %free = icmp eq i64 %busy, 0
  br i1 %free, label %look, label %used
look:
  %code = call i64 @go(ptr %block, ptr %argv, i64 %count, i64 1)
  %changed = icmp eq i64 %code, 0
  %now = zext i1 %changed to i64
  store i64 %now, ptr %busy_at
  br label %tell
used:
  br label %tell
tell:
  %out = phi i64 [%code, %look], [{in_use}, %used]
  %number = call ptr @PyLong_FromSsize_t(i64 %out)
  ret ptr %number
}}
"""


@lru_cache
def _text():
    at = layout()
    return Text(_written, "guards", [getattr(at, name) for name in at.__slots__], _OFTEN)


def _written():
    at, texts, module = layout(), [], {}
    lacking = {DICT} if at.version is None else {SCAN} if at.shared is None else ()
    kinds = [kind for kind in CHECKS if kind not in lacking]
    for kind in kinds:
        check = Check(kind)
        texts.append(check.finish(CHECKS[kind](check, at)))
        module.update(check.m.module)
    blocks = "\n".join(
        f"do{kind}:\n  %n{kind} = call i64 @check{kind}(ptr %record, ptr %argv, ptr %block, "
        f"i64 %again)\n  br label %on"
        for kind in kinds
    )
    cases = " ".join([f"i64 {END}, label %yes", *[f"i64 {k}, label %do{k}" for k in kinds]])
    phis = ", ".join([f"[%n{k}, %do{k}]" for k in kinds])
    # fmt: off
    words = {"header": HEADER, "busy": BUSY, "finish": FINISH, "next": NEXT, "rest": REST,
             "miss": MISSED, "quick": QUICK, "give": GIVE, "failed": FAILED, "taken": COUNT,
             "improve": MANY}
    # fmt: on
    walk = _WALK.format(**words, often=_OFTEN, in_use=IN_USE, blocks=blocks, cases=cases, phis=phis)
    return "\n".join([*module, *texts, finishing.TEXT, walk])


_NAMES = ["call", "refresh"]


@lru_cache
def _functions():
    """The addresses of `_NAMES`."""
    return native.load(_text(), _NAMES, plain=_plainly())


def _plainly():
    """Plain code is made in 6 ms in place of 36; it is taken unless the better is there already."""
    return not native.is_kept(_text())


def _improve():
    """Better code, after so many calls that it pays. The cache keeps it for other processes."""
    for address, better in zip(_functions(), native.load(_text(), _NAMES), strict=True):
        kernels.exchange(address, better)


def begin():
    """Have the code of checks compiled, see `native.begin`."""
    if layout() is not None and not _functions.cache_info().currsize:
        native.begin(_text(), plain=_plainly())


def prepare():
    """Have the code of checks ready."""
    if layout() is not None:
        _functions()


def call(block):
    """``call(*args)``: the result, by the first of this block and those that follow it (`chain`) in
    which all is as it was: what its `Finish` makes where it is READY, otherwise the block is BUSY
    and the rest is left to Python, with READY or FRESH. MISS where no block serves."""
    return kernels.function_at(_functions()[0], own=block)


def chain(blocks):
    """Blocks in the order in which a call of the first tries them; they must be kept alive."""
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        block[NEXT] = 0 if following is None else following.ctypes.data


def failed(block):
    """Whether a call that this block served has raised an error since this was asked last."""
    was, block[FAILED] = bool(block[FAILED]), 0
    return was


def refresh(block):
    """``refresh(*args)`` notes the dictionaries' versions of now: CHANGED, READY, FRESH, or
    IN_USE. What has changed is BUSY from then on: another block is to be written."""
    return kernels.function_at(_functions()[1], own=block)


@lru_cache
def finishes():
    """Whether objects are made here as they are in Python, tried on some."""
    number, mark, shape = np.array(1.5), object(), (2, 3)
    at = slots_of(TensorBase, TENSOR_SLOTS)
    finish, counted = finishing.Finish(), sys.getrefcount(mark)
    empty = finish.empty(shape, number.dtype)
    slots = {"_value": finish.number(number), "_grad": empty, "_node": mark, "_view": None,
             "_extra": finishing.Returned(dict)}  # fmt: skip
    made = finish.object(TensorBase.handle_class, {at[name]: s for name, s in slots.items()})
    finish.give(finish.list([made, mark]))
    array = finish.array()
    block = Block(0)
    block.serves(finish, None, None)
    block.words[COUNT] = (own := np.zeros(1, np.int64)).ctypes.data  # it is no call of a user's
    found, other = call(block.array(array))()
    as_known = (
        type(found) is TensorBase.handle_class and type(found._value) is np.float64
        and found._value == 1.5 and found._grad.shape == shape and found._node is mark is other
        and found._view is None and found._extra == {} and found.__dict__ == {}
    )  # fmt: skip
    del found, other, slots, own
    finish.kept.clear()
    return as_known and sys.getrefcount(mark) == counted


class Block:
    """Records being gathered; `array()` is what `walk` reads. What they name is kept alive."""

    def __init__(self, count):
        self.kept = []
        known = (None, np.ndarray, TensorBase.handle_class, LEAF, NOWHERE)
        self.words = [READY, count, *map(id, known), *[0] * (HEADER - 2 - len(known))]
        self.words[MISSED], self.words[COUNT] = id(MISS), TAKEN.ctypes.data
        self.words[MANY] = id(_improve)
        # Pairs, one after the other: addresses and what stands there, dictionaries and versions.
        self.pointers, self.versions = [], []

    def serves(self, quick, rest, give):
        """Whose block it is. ``rest(quick, code, *args)`` goes on where a call has to be finished
        in Python; ``give(list)``, if not None, gives the result of what `finish` makes."""
        self.kept.append(give)
        self.words[QUICK], self.words[REST] = id(quick), id(rest)
        self.words[GIVE] = 0 if give is None else id(give)

    def array(self, finish=None):
        """`finish`: the array of what is to be done where all is as it was."""
        if finish is not None:
            self.kept.append(finish)
            self.words[FINISH] = finish.ctypes.data
        words = [*self.words, *_pairs(POINTER, self.pointers), *_pairs(DICT, self.versions), END]
        return np.array(words, np.uint64).view(np.int64)

    def _id(self, thing):
        self.kept.append(thing)
        return id(thing)

    def dictionary(self, live, copy):
        """These very entries, and no others."""
        if has_version(live):
            self.versions += [self._id(live), version_of(live, layout().version)]
            return
        self.words += [SCAN, self._id(live), len(copy)]
        for key, value in copy.items():
            self.words += [self._id(key), self._id(value)]

    def table(self, live, names):
        """A dictionary that hardly ever changes; where that can't be told, these entries of it."""
        if has_version(live):
            return self.dictionary(live, live)
        return self.some(live, [(n, (live[n],) if n in live else None) for n in names], ANY)

    def some(self, live, entries, size):
        """These entries of a dictionary, None for one that is missing, and its size (or ANY)."""
        self.words += [SOME, self._id(live), 0, size, len(entries)]
        for key, value in entries:
            self.words += [self._id(key), 0 if value is None else self._id(value[0])]

    def size(self, thing):
        self.words += [SIZE, self._id(thing), len(thing)]

    def pointer(self, address, value):
        self.pointers += [address, self._id(value)]

    def items(self, live, copy, any_of=()):
        """These very items of a list, but for the places `any_of`."""
        self.words += [LIST, self._id(live), len(copy)]
        self.words += [0 if i in any_of else self._id(v) for i, v in enumerate(copy)]

    def cell(self, cell, value):
        """A closure's cell; `value` is MISSING where it is empty."""
        self.kept.append(cell)
        address = id(cell) + layout().cell
        if value is MISSING:
            self.pointers += [address, 0]
        else:
            self.pointer(address, value)

    def tensor(self, which, slot, old, value=None, owned=False, extra=()):
        """A tensor (or the number of an argument) as the trial run found it, its address to be put
        at `slot`; `value`: the very value it must have; `owned`: it is the gradient of `which`;
        `extra`: the `_extra` it must have, if there is one."""
        first = which if isinstance(which, int) else self._id(which)
        kind = OWNED if owned else TENSOR
        node = id(old.node) if old.node in (None, LEAF) else 0
        self.words += [kind, first, id(old.kind), slot, node,
                       old.grad is not None, 0 if value is None else self._id(value),
                       *(map(self._id, extra) if extra else (0,)),
                       *_form(old.shape, old.dtype, old.strides)]  # fmt: skip

    def gradient(self, which, slot, shape, dtype):
        first = which if isinstance(which, int) else self._id(which)
        self.words += [GRAD, first, slot, *_form(shape, dtype)]

    def same(self, number, thing):
        self.words += [SAME, number, self._id(thing)]

    def plain(self, number, anywhere):
        """An argument without attributes of its own; not made in inference mode, but `anywhere`."""
        self.words += [PLAIN, number, 0 if anywhere else id(False)]

    def apart(self, number, owners):
        """The memory of an argument is that of none of these arrays, which own theirs."""
        self.words += [APART, number, len(owners), *map(self._id, owners)]

    def others(self, numbers, reached=()):
        """These arguments are not one another, nor (number, tensor) of `reached`."""
        for i, a in enumerate(numbers):
            for b in numbers[i + 1 :]:
                self.words += [OTHER, a, b]
        for number, tensor in reached:
            self.words += [OTHER, self._id(tensor), number]


def _pairs(kind, words):
    """A record of so many pairs that they can be looked at `TOGETHER`."""
    words = words + words[:2] * (-len(words) // 2 % TOGETHER)
    return words and [kind, len(words) // 2, *words]


def _form(shape, dtype, strides=None):
    """Type, the class of its scalars (none but where there are no dims), how many strides follow
    (none where it lies in C order), dims, sizes, strides."""
    scalar = id(dtype.type) if not shape and dtype.kind in "fiub" else 0
    steps = strides or ()
    return [id(dtype), scalar, len(steps), len(shape), *shape, *steps]
