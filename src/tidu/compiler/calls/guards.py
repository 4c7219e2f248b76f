"""Whether all is as it was, asked in generated code: what a compiled call must check, in 0.2 µs.

A `Block` is a list of records, each a few words: which object, and what must stand in it. One
built-in function, the same for every compiled function, walks the records, writes the addresses of
the tensors' memory where the program reads them, and goes on to what `finishing.py` describes. It
reads objects as CPython lays them out (`objects.py`).
"""

import sys
from functools import lru_cache

import numpy as np

from ...core.handle import TensorBase
from ..machine import kernels, native
from ..machine.code import Code, Value
from . import finishing
from .objects import TENSOR_SLOTS, WORD, layout, slots_of, version_of

__all__ = ["ANY", "BUSY", "CHANGED", "FRESH", "IN_USE", "READY", "Block", "call", "finishes",
           "refresh"]  # fmt: skip

ANY = 1 << 62  # stands for every size
# FRESH: all as it was, but a gradient's memory is in use. IN_USE: another call is under way.
CHANGED, READY, FRESH, IN_USE = range(4)
_END, _DICT, _SOME, _LIST, _POINTER, _TENSOR, _GRAD, _SCAN, _SAME, _OTHER, _SIZE, _OWNED = range(12)
_APART = 12
# Words of a block: the result, how many are given, the addresses of three objects, whether it is
# in use, and where the records stand of what follows (`finishing.py`).
_HEADER = 7
_NONE, _ARRAY, _CLASS = 2, 3, 4  # None, the class of arrays, the class of tensors
BUSY, _FINISH = 5, 6


# --- the code that walks --------------------------------------------------------------------------


class _Check:
    """One kind of record being written as a function: words to go on by, or 0."""

    def __init__(self, number):
        self.m = m = Code()
        self.name = f"check{number}"
        self.record, self.given = Value(m, "ptr", 1, "%record"), Value(m, "ptr", 1, "%argv")
        self.bad = m.fresh("bad")

    def word(self, i, kind="i64"):
        return self.m.load(self.place(i), kind, 1)

    def place(self, i):
        m = self.m
        index = i if isinstance(i, Value) else m.constant("i64", i, 1)
        return m.at(self.record, index, "i64")

    def read(self, pointer, offset, kind="ptr"):
        m = self.m
        return m.load(m.put("ptr", 1, f"getelementptr i8, {pointer}, i64 {offset}"), kind, 1)

    def known(self, i):
        """The address of an object that stands in the block's header."""
        block = Value(self.m, "ptr", 1, "%block")
        return self.m.load(self.m.at(block, self.constant(i), "i64"), "i64", 1)

    def need(self, condition, otherwise=None):
        fine = self.m.fresh("fine")
        self.m.line(f"br {condition}, label %{fine}, label %{otherwise or self.bad}")
        self.m.label(fine)

    def same(self, x, y):
        return self.m.compare("eq", x, y)

    def constant(self, n):
        return self.m.constant("i64", n, 1)

    def each(self, count, at):
        """``at(index)`` for 0, 1, ... count - 1."""
        m = self.m
        enter, done = m.fresh("some"), m.fresh("none")
        m.line(f"br {count > 0}, label %{enter}, label %{done}")
        m.label(enter)
        i, opened = m.loop_open(self.constant(0), count, self.constant(1))
        at(i)
        m.loop_close(opened)
        m.jump(done)
        m.label(done)

    def finish(self, words):
        m = self.m
        m.line(f"ret i64 {words.text if isinstance(words, Value) else words}")
        m.label(self.bad)
        m.line("ret i64 0")
        return m.text(
            f"define internal i64 @{self.name}(ptr %record, ptr %argv, ptr %block, i64 %again)"
        )


def _check_dict(c, at):
    """DICT count (dict version)...: nothing was changed; at `again` the versions are noted."""
    m, count = c.m, c.word(1)

    def one(i):
        now = c.read(c.word(i * 2 + 2, "ptr"), at.version, "i64")
        other, done = m.fresh("other"), m.fresh("same")
        m.line(f"br {now == c.word(i * 2 + 3)}, label %{done}, label %{other}")
        m.label(other)
        c.need(Value(m, "i64", 1, "%again") != 0)
        m.store(now, c.place(i * 2 + 3))
        m.jump(done)
        m.label(done)

    c.each(count, one)
    return count * 2 + 2


def _check_some(c, at):
    """SOME dict version size count (key value)...: where something was changed, it was not these
    entries, nor the size."""
    m, thing, count, size = c.m, c.word(1, "ptr"), c.word(4), c.word(3)
    if at.version is not None:
        now = c.read(thing, at.version, "i64")
        look, done = m.fresh("look"), m.fresh("done")
        m.line(f"br {now == c.word(2)}, label %{done}, label %{look}")
        m.label(look)
    c.need((size == ANY) | (m.call("i64", 1, "PyDict_Size", thing) == size))

    def entry(i):
        found = m.call("ptr", 1, "PyDict_GetItem", thing, c.word(i * 2 + 5, "ptr"))
        c.need(c.same(found, c.word(i * 2 + 6, "ptr")))

    c.each(count, entry)
    if at.version is not None:
        m.store(now, c.place(2))
        m.jump(done)
        m.label(done)
    return count * 2 + 5


def _check_list(c, at):
    """LIST list count items...: these very objects; 0 stands for any."""
    thing, count = c.word(1, "ptr"), c.word(2)
    c.need(c.read(thing, 2 * WORD, "i64") == count)
    items = c.read(thing, 3 * WORD)

    def item(i):
        wanted = c.word(i + 3)
        c.need((wanted == 0) | (c.m.load(c.m.at(items, i, "i64"), "i64", 1) == wanted))

    c.each(count, item)
    return count + 3


def _check_pointer(c, at):
    """POINTER address expected."""
    c.need(c.same(c.read(c.word(1, "ptr"), 0), c.word(2, "ptr")))
    return 3


def _check_scan(c, at):
    """SCAN dict count (key value)...: where dictionaries have no version."""
    m, thing, count = c.m, c.word(1, "ptr"), c.word(2)
    c.need(m.call("i64", 1, "PyDict_Size", thing) == count)
    place, key, value = m.slot("i64"), m.slot("ptr"), m.slot("ptr")
    m.store(c.constant(0), place)

    def entry(i):
        m.call("i32", 1, "PyDict_Next", thing, place, key, value)
        c.need(m.load(key, "i64", 1) == c.word(i * 2 + 3))
        c.need(m.load(value, "i64", 1) == c.word(i * 2 + 4))

    c.each(count, entry)
    return count * 2 + 3


def _handle(c):
    """The tensor of a record: its word 1, or the argument of the call whose number stands there."""
    m, word = c.m, c.word(1)
    chosen, known, done = m.fresh("argument"), m.fresh("known"), m.fresh("found")
    m.line(f"br {word < 4096}, label %{chosen}, label %{known}")
    m.label(chosen)
    argument = m.load(m.at(c.given, word, "ptr"), "ptr", 1)
    m.jump(done)
    m.label(known)
    handle = c.word(1, "ptr")
    m.jump(done)
    m.label(done)
    return m.put("ptr", 1, f"phi ptr [{argument.text}, %{chosen}], [{handle.text}, %{known}]")


def _memory(c, value, first, bad=None):
    """The address of a value's memory, checked against (type, scalar's class, dims, sizes...) from
    word `first` on; words that follow."""
    m = c.m
    array, scalar, done = m.fresh("array"), m.fresh("scalar"), m.fresh("memory")
    kind = c.read(value, WORD, "i64")
    dims = c.word(first + 2)
    m.line(f"br {kind == c.known(_ARRAY)}, label %{array}, label %{scalar}")
    m.label(array)
    c.need(c.read(value, 7 * WORD, "i64") == c.word(first), bad)
    c.need(m.convert(c.read(value, 3 * WORD, "i32"), "i64") == dims, bad)
    c.need((c.read(value, 8 * WORD, "i32") & 1) == 1, bad)  # in C order
    sizes = c.read(value, 4 * WORD)
    c.each(dims, lambda i: c.need(
        m.load(m.at(sizes, i, "i64"), "i64", 1) == c.word(i + (first + 3)), bad))  # fmt: skip
    data = c.read(value, 2 * WORD)
    from_array = m.block
    m.jump(done)
    m.label(scalar)
    c.need(kind == c.word(first + 1), bad)
    inside = m.put("ptr", 1, f"getelementptr i8, {value}, i64 {2 * WORD}")
    from_scalar = m.block
    m.jump(done)
    m.label(done)
    text = f"phi ptr [{data.text}, %{from_array}], [{inside.text}, %{from_scalar}]"
    return m.put("ptr", 1, text), dims + (first + 3)


def _check_tensor(c, at):
    """TENSOR handle class slot node grad value type scalar dims sizes...: writes its address."""
    return _tensor(c, at, _handle(c))


def _check_owned(c, at):
    """OWNED, and the words of TENSOR: the gradient of that handle."""
    return _tensor(c, at, c.read(_handle(c), at.grad))


def _tensor(c, at, handle):
    m, none = c.m, c.known(_NONE)
    c.need(c.read(handle, WORD, "i64") == c.word(2))
    for offset, place in ((at.node, 4), (at.grad, 5)):
        is_none = m.convert(c.read(handle, offset, "i64") == none, "i64")
        c.need(is_none != c.word(place))
    value, wanted = c.read(handle, at.value), c.word(6)
    c.need((wanted == 0) | (m.put("i64", 1, f"ptrtoint {value} to i64") == wanted))
    data, words = _memory(c, value, 7)
    m.store(data, c.word(3, "ptr"))
    return words


def _check_grad(c, at):
    """GRAD handle slot type scalar dims sizes...: its gradient's memory serves again if nobody but
    the tensor holds the gradient, and nobody but the gradient the memory."""
    m, handle, none = c.m, _handle(c), c.known(_NONE)
    fresh, done = m.fresh("fresh"), m.fresh("done")
    grad = c.read(handle, at.grad)
    c.need(c.read(grad, 0, "i64") == 1, fresh)
    c.need(c.read(grad, WORD, "i64") == c.known(_CLASS), fresh)
    for offset in (at.node, at.view, at.extra):
        c.need(c.read(grad, offset, "i64") == none, fresh)
    value = c.read(grad, at.value)
    c.need(c.read(value, 0, "i64") == 1, fresh)
    data, _ = _memory(c, value, 3, fresh)
    owned, unowned = m.fresh("owned"), m.fresh("scalar")
    is_array = c.read(value, WORD, "i64") == c.known(_ARRAY)
    m.line(f"br {is_array}, label %{owned}, label %{unowned}")
    m.label(owned)
    c.need(c.read(value, 6 * WORD, "i64") == 0, fresh)
    m.jump(unowned)
    m.label(unowned)
    m.store(data, c.word(2, "ptr"))
    m.jump(done)
    m.label(fresh)
    m.store(c.constant(FRESH), m.at(Value(m, "ptr", 1, "%block"), c.constant(0), "i64"))
    m.jump(done)
    m.label(done)
    return c.word(5) + 6


def _check_size(c, at):
    """SIZE thing count."""
    c.need(c.m.call("i64", 1, "PyObject_Size", c.word(1, "ptr")) == c.word(2))
    return 3


def _check_same(c, at):
    """SAME number expected: an argument that is no tensor."""
    c.need(c.same(c.m.load(c.m.at(c.given, c.word(1), "ptr"), "ptr", 1), c.word(2, "ptr")))
    return 3


def _check_other(c, at):
    """OTHER number number: two arguments that are not one object."""
    one, two = [c.m.load(c.m.at(c.given, c.word(i), "i64"), "i64", 1) for i in (1, 2)]
    c.need(one != two)
    return 3


def _check_apart(c, at):
    """APART number count owners...: the memory of an argument belongs to none of these arrays."""
    m, count = c.m, c.word(2)
    value = c.read(m.load(m.at(c.given, c.word(1), "ptr"), "ptr", 1), at.value)
    array, done = m.fresh("array"), m.fresh("apart")
    m.line(f"br {c.read(value, WORD, 'i64') == c.known(_ARRAY)}, label %{array}, label %{done}")
    m.label(array)
    own, base = m.put("i64", 1, f"ptrtoint {value} to i64"), c.read(value, 6 * WORD, "i64")

    def owner(i):
        c.need((own != c.word(i + 3)) & (base != c.word(i + 3)))

    c.each(count, owner)
    m.jump(done)
    m.label(done)
    return count + 3


_CHECKS = {_DICT: _check_dict, _SOME: _check_some, _LIST: _check_list, _POINTER: _check_pointer,
           _TENSOR: _check_tensor, _GRAD: _check_grad, _SCAN: _check_scan, _SAME: _check_same,
           _OTHER: _check_other, _SIZE: _check_size, _OWNED: _check_owned,
           _APART: _check_apart}  # fmt: skip

_WALK = """
declare ptr @PyLong_FromSsize_t(i64)

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
  %block = call ptr @block(ptr %self)
  %argv = getelementptr ptr, ptr %given, i64 -1
  %code = call i64 @go(ptr %block, ptr %argv, i64 %count, i64 0)
  %finish_at = getelementptr i64, ptr %block, i64 {finish}
  %finish = load ptr, ptr %finish_at
  %has = icmp ne ptr %finish, null
  %ready = icmp eq i64 %code, 1
  %all = and i1 %has, %ready
  %busy_at = getelementptr i64, ptr %block, i64 {busy}
  br i1 %all, label %native, label %python
native:
  store i64 1, ptr %busy_at
  %made = call ptr @finish(ptr %finish)
  store i64 0, ptr %busy_at
  ret ptr %made
python:
  %changed = icmp eq i64 %code, 0
  br i1 %changed, label %tell, label %take
take:
  store i64 1, ptr %busy_at
  br label %tell
tell:
  %number = call ptr @PyLong_FromSsize_t(i64 %code)
  ret ptr %number
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
def _functions():
    """The addresses of (call, refresh)."""
    at, texts, module = layout(), [], {}
    kinds = [kind for kind in _CHECKS if kind != (_DICT if at.version is None else _SCAN)]
    for kind in kinds:
        check = _Check(kind)
        texts.append(check.finish(_CHECKS[kind](check, at)))
        module.update(check.m.module)
    blocks = "\n".join(
        f"do{kind}:\n  %n{kind} = call i64 @check{kind}(ptr %record, ptr %argv, ptr %block, "
        f"i64 %again)\n  br label %on"
        for kind in kinds
    )
    cases = " ".join([f"i64 {_END}, label %yes", *[f"i64 {k}, label %do{k}" for k in kinds]])
    phis = ", ".join([f"[%n{k}, %do{k}]" for k in kinds])
    walk = _WALK.format(header=_HEADER, busy=BUSY, finish=_FINISH, in_use=IN_USE, blocks=blocks,
                        cases=cases, phis=phis)  # fmt: skip
    text = "\n".join([*module, *texts, finishing.TEXT, walk])
    return native.load(text, ["call", "refresh"])


def call(block):
    """``call(*args)``: what the block's `Finish` gives, where it has one and all is READY.
    Otherwise CHANGED, or READY or FRESH: the block is BUSY then until the caller says it is not."""
    return kernels.function_at(_functions()[0], own=block)


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
    array = finish.empty(shape, number.dtype)
    slots = {"_value": finish.number(number), "_grad": array, "_node": mark, "_view": None,
             "_extra": finishing.Returned(dict)}  # fmt: skip
    made = finish.object(TensorBase.handle_class, {at[name]: s for name, s in slots.items()})
    finish.give(finish.list([made, mark]))
    records = finish.array()
    found, other = call(Block(0).array(records))()
    as_known = (
        type(found) is TensorBase.handle_class and type(found._value) is np.float64
        and found._value == 1.5 and found._grad.shape == shape and found._node is mark is other
        and found._view is None and found._extra == {} and found.__dict__ == {}
    )  # fmt: skip
    del found, other, slots
    finish.kept.clear()
    return as_known and sys.getrefcount(mark) == counted


# --- records --------------------------------------------------------------------------------------


class Block:
    """Records being gathered; `array()` is what `walk` reads. What they name is kept alive."""

    def __init__(self, count):
        self.kept = []
        known = (None, np.ndarray, TensorBase.handle_class)
        self.words = [READY, count, *map(id, known), 0, 0]
        self.versions = []  # of dictionaries: (address, version), one after the other

    def array(self, finish=None):
        """`finish`: the array of what is to be done where all is as it was."""
        if finish is not None:
            self.kept.append(finish)
            self.words[_FINISH] = finish.ctypes.data
        versions = self.versions and [_DICT, len(self.versions) // 2, *self.versions]
        return np.array([*self.words, *versions, _END], np.uint64).view(np.int64)

    def _id(self, thing):
        self.kept.append(thing)
        return id(thing)

    def dictionary(self, live, copy):
        """These very entries, and no others."""
        offset = layout().version
        if offset is not None:
            self.versions += [self._id(live), version_of(live, offset)]
            return
        self.words += [_SCAN, self._id(live), len(copy)]
        for key, value in copy.items():
            self.words += [self._id(key), self._id(value)]

    def some(self, live, entries, size):
        """These entries of a dictionary, None for one that is missing, and its size (or ANY)."""
        self.words += [_SOME, self._id(live), 0, size, len(entries)]
        for key, value in entries:
            self.words += [self._id(key), 0 if value is None else self._id(value[0])]

    def size(self, thing):
        self.words += [_SIZE, self._id(thing), len(thing)]

    def pointer(self, address, value):
        self.words += [_POINTER, address, self._id(value)]

    def items(self, live, copy, any_of=()):
        """These very items of a list, but for the places `any_of`."""
        self.words += [_LIST, self._id(live), len(copy)]
        self.words += [0 if i in any_of else self._id(v) for i, v in enumerate(copy)]

    def cell(self, cell, value):
        self.kept.append(cell)
        self.pointer(id(cell) + layout().cell, value)

    def tensor(self, which, slot, old, value=None, owned=False):
        """A tensor (or the number of an argument) as the trial run found it, its address to be put
        at `slot`; `value`: the very value it must have; `owned`: it is the gradient of `which`."""
        first = which if isinstance(which, int) else self._id(which)
        kind = _OWNED if owned else _TENSOR
        self.words += [kind, first, id(old.handle.__class__), slot, old.node is not None,
                       old.grad is not None, 0 if value is None else self._id(value),
                       *_form(old.value.shape, old.value.dtype)]  # fmt: skip

    def gradient(self, which, slot, shape, dtype):
        first = which if isinstance(which, int) else self._id(which)
        self.words += [_GRAD, first, slot, *_form(shape, dtype)]

    def same(self, number, thing):
        self.words += [_SAME, number, self._id(thing)]

    def apart(self, number, owners):
        """The memory of an argument is that of none of these arrays, which own theirs."""
        self.words += [_APART, number, len(owners), *map(self._id, owners)]

    def others(self, numbers):
        for i, a in enumerate(numbers):
            for b in numbers[i + 1 :]:
                self.words += [_OTHER, a, b]


def _form(shape, dtype):
    """Type, the class of its scalars (none but where there are no dims), dims, sizes."""
    scalar = id(dtype.type) if not shape and dtype.kind in "fiub" else 0
    return [id(dtype), scalar, len(shape), *shape]
