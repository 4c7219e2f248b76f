"""What a block asks, record by record: each kind of record is a function of generated code.

A record is a few words: its kind, which object, and what must stand in it. `CHECKS` has, for each
kind, what writes its function, which gives how many words to go on by, or 0 where something is not
as it was. It reads objects as CPython lays them out (`objects.py`).
"""

from functools import reduce
from operator import and_, or_

from ..machine.code import Code, Value
from .objects import COUNT_OF_VALUES, TAGS, VALUES, WORD

__all__ = ["ANY", "APART", "BUSY", "CHANGED", "CHECKS", "COUNT", "Check", "DICT", "END", "FAILED",
           "FINISH", "FRESH", "GIVE", "GRAD", "HEADER", "IN_USE", "LIST", "MANY", "MISSED",
           "NEXT", "OTHER", "OWNED", "PLAIN", "POINTER", "QUICK", "READY", "REST", "SAME", "SCAN",
           "SIZE", "SOME", "TENSOR", "TOGETHER"]  # fmt: skip

ANY = 1 << 62  # stands for every size
# FRESH: all as it was, but a gradient's memory is in use. IN_USE: another call is under way.
CHANGED, READY, FRESH, IN_USE = range(4)
END, DICT, SOME, LIST, POINTER, TENSOR, GRAD, SCAN, SAME, OTHER, SIZE, OWNED = range(12)
APART, PLAIN = 12, 13
TOGETHER = 4  # versions of dictionaries that are compared at a time
# Words of a block: the result, how many are given, the addresses of five objects, whether it is
# in use, where the records stand of what follows (`finishing.py`), the block that is tried next,
# what a call gives that none serves, the object whose block it is, what of its class does the rest
# in Python, what makes a result of a list, whether a call failed, where calls are counted, and what
# is called after many.
HEADER = 17
# None, the classes of arrays and tensors, what leaves have, the name of nodes where gradients end
NONE, ARRAY, CLASS, LEAF, NOWHERE = range(2, 7)
BUSY, FINISH, NEXT, MISSED, QUICK, REST, GIVE, FAILED, COUNT, MANY = range(7, HEADER)


class Check:
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

    def need(self, *conditions, otherwise=None):
        """All of these hold; each must be safe to ask where another does not."""
        condition, fine = reduce(and_, conditions), self.m.fresh("fine")
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
    """DICT count (dict version)...: nothing was changed; at `again` the versions are noted. They
    are looked at `TOGETHER`, of which the count is a multiple."""
    m, count = c.m, c.word(1)

    def some(k):
        first = k * (2 * TOGETHER) + 2
        now = [c.read(c.word(first + 2 * i, "ptr"), at.version, "i64") for i in range(TOGETHER)]
        unlike = [now[i] ^ c.word(first + (2 * i + 1)) for i in range(TOGETHER)]
        other, done = m.fresh("other"), m.fresh("same")
        m.line(f"br {reduce(or_, unlike) == 0}, label %{done}, label %{other}")
        m.label(other)
        c.need(Value(m, "i64", 1, "%again") != 0)
        for i, version in enumerate(now):
            m.store(version, c.place(first + (2 * i + 1)))
        m.jump(done)
        m.label(done)

    c.each(count / TOGETHER, some)
    return count * 2 + 2


def _check_some(c, at):
    """SOME dict version size count (key value)...: where something was changed, it was not these
    entries, nor the size."""
    m, thing, count, size = c.m, c.word(1, "ptr"), c.word(4), c.word(3)
    if at.version is not None:
        now = c.read(thing, at.version, "i64")
        look, done = m.fresh("look"), m.fresh("done")
        known = now == c.word(2)
        if at.shared is not None:  # changes of an object's attributes are not told
            known = known & (c.read(thing, at.shared, "i64") == 0)
        m.line(f"br {known}, label %{done}, label %{look}")
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
    """POINTER count (address expected)...: `TOGETHER` at a time, as of DICT."""
    count = c.word(1)

    def some(k):
        first = k * (2 * TOGETHER) + 2
        places = [first + 2 * i for i in range(TOGETHER)]
        c.need(*[c.read(c.word(p, "ptr"), 0, "i64") == c.word(p + 1) for p in places])

    c.each(count / TOGETHER, some)
    return count * 2 + 2


def _check_scan(c, at):
    """SCAN dict count (key value)...: where dictionaries have no version."""
    m, thing, count = c.m, c.word(1, "ptr"), c.word(2)
    c.need(m.call("i64", 1, "PyDict_Size", thing) == count)
    place, key, value = m.slot("i64"), m.slot("ptr"), m.slot("ptr")
    m.store(c.constant(0), place)

    def entry(i):
        m.call("i32", 1, "PyDict_Next", thing, place, key, value)
        c.need(
            m.load(key, "i64", 1) == c.word(i * 2 + 3), m.load(value, "i64", 1) == c.word(i * 2 + 4)
        )

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
    """The address of a value's memory, checked against (type, scalar's class, strides that follow,
    dims, sizes..., strides...) from word `first` on; words that follow. Without strides it must lie
    in C order."""
    m = c.m
    array, scalar, done = m.fresh("array"), m.fresh("scalar"), m.fresh("memory")
    kind = c.read(value, WORD, "i64")
    turned, dims = c.word(first + 2), c.word(first + 3)
    m.line(f"br {kind == c.known(ARRAY)}, label %{array}, label %{scalar}")
    m.label(array)
    c.need(
        c.read(value, 7 * WORD, "i64") == c.word(first),
        m.convert(c.read(value, 3 * WORD, "i32"), "i64") == dims,
        (turned != 0) | ((c.read(value, 8 * WORD, "i32") & 1) == 1),  # in C order
        otherwise=bad,
    )
    lengths, steps = c.read(value, 4 * WORD), c.read(value, 5 * WORD)
    c.each(dims, lambda i: c.need(
        m.load(m.at(lengths, i, "i64"), "i64", 1) == c.word(i + (first + 4)),
        otherwise=bad))  # fmt: skip
    c.each(turned, lambda i: c.need(
        m.load(m.at(steps, i, "i64"), "i64", 1) == c.word(i + dims + (first + 4)),
        otherwise=bad))  # fmt: skip
    data = c.read(value, 2 * WORD)
    from_array = m.block
    m.jump(done)
    m.label(scalar)
    c.need(kind == c.word(first + 1), otherwise=bad)
    inside = m.put("ptr", 1, f"getelementptr i8, {value}, i64 {2 * WORD}")
    from_scalar = m.block
    m.jump(done)
    m.label(done)
    text = f"phi ptr [{data.text}, %{from_array}], [{inside.text}, %{from_scalar}]"
    return m.put("ptr", 1, text), dims + turned + (first + 4)


def _check_tensor(c, at):
    """TENSOR handle class slot node grad value extra type scalar turned dims sizes... strides...:
    writes its address; 0 stands for any value, any extra, and any node but those of leaves."""
    return _tensor(c, at, _handle(c))


def _check_owned(c, at):
    """OWNED, and the words of TENSOR: the gradient of that handle."""
    return _tensor(c, at, c.read(_handle(c), at.grad))


def _tensor(c, at, handle):
    m, none = c.m, c.known(NONE)
    c.need(c.read(handle, WORD, "i64") == c.word(2))
    node, wanted_node = c.read(handle, at.node, "i64"), c.word(4)
    computed = (node != none) & (node != c.known(LEAF)) & (wanted_node == 0)
    missing = m.convert(c.read(handle, at.grad, "i64") == none, "i64")
    value, wanted, extra = c.read(handle, at.value), c.word(6), c.word(7)
    c.need((node == wanted_node) | computed, missing != c.word(5),
           (wanted == 0) | (m.put("i64", 1, f"ptrtoint {value} to i64") == wanted),
           (extra == 0) | (c.read(handle, at.extra, "i64") == extra))  # fmt: skip
    _goes_on(c, at, handle, computed)
    data, words = _memory(c, value, 8)
    m.store(data, c.word(3, "ptr"))
    return words


def _goes_on(c, at, handle, computed):
    """A computed tensor is none of those that require a gradient only with their base."""
    ask, known = c.m.fresh("computed"), c.m.fresh("leaf")
    c.m.line(f"br {computed}, label %{ask}, label %{known}")
    c.m.label(ask)
    c.need(c.read(c.read(handle, at.node), at.name, "i64") != c.known(NOWHERE))
    c.m.jump(known)
    c.m.label(known)


def _check_grad(c, at):
    """GRAD handle slot type scalar turned dims sizes... strides...: its gradient's
    memory serves again if nobody but the tensor holds the gradient, and nobody but the gradient the
    memory."""
    m, handle, none = c.m, _handle(c), c.known(NONE)
    fresh, done = m.fresh("fresh"), m.fresh("done")
    grad = c.read(handle, at.grad)
    c.need(c.read(grad, 0, "i64") == 1, c.read(grad, WORD, "i64") == c.known(CLASS),
           otherwise=fresh)  # fmt: skip
    value = c.read(grad, at.value)
    c.need(*[c.read(grad, offset, "i64") == none for offset in (at.node, at.view, at.extra)],
           c.read(value, 0, "i64") == 1, otherwise=fresh)  # fmt: skip
    data, _ = _memory(c, value, 3, fresh)
    owned, unowned = m.fresh("owned"), m.fresh("scalar")
    is_array = c.read(value, WORD, "i64") == c.known(ARRAY)
    m.line(f"br {is_array}, label %{owned}, label %{unowned}")
    m.label(owned)
    c.need(c.read(value, 6 * WORD, "i64") == 0, otherwise=fresh)
    m.jump(unowned)
    m.label(unowned)
    m.store(data, c.word(2, "ptr"))
    m.jump(done)
    m.label(fresh)
    m.store(c.constant(FRESH), m.at(Value(m, "ptr", 1, "%block"), c.constant(0), "i64"))
    m.jump(done)
    m.label(done)
    return c.word(5) + c.word(6) + 7


def _check_size(c, at):
    """SIZE thing count."""
    c.need(c.m.call("i64", 1, "PyObject_Size", c.word(1, "ptr")) == c.word(2))
    return 3


def _check_same(c, at):
    """SAME number expected: an argument that is this very object."""
    c.need(c.same(c.m.load(c.m.at(c.given, c.word(1), "ptr"), "ptr", 1), c.word(2, "ptr")))
    return 3


def _check_other(c, at):
    """OTHER thing number: an argument that is not this object, or the argument of that number."""
    other = c.m.load(c.m.at(c.given, c.word(2), "ptr"), "ptr", 1)
    c.need(c.m.compare("ne", _handle(c), other))
    return 3


def _check_plain(c, at):
    """PLAIN number false: an argument on which no attributes are set, and which was not made in
    inference mode, if that matters: `false` is False, or 0 where it does not."""
    m, argument = c.m, c.m.load(c.m.at(c.given, c.word(1), "ptr"), "ptr", 1)
    extra, false = c.read(argument, at.extra), c.word(2)
    ask, known = m.fresh("ask"), m.fresh("known")
    few = (false == 0) | (m.put("i64", 1, f"ptrtoint {extra} to i64") == c.known(NONE))
    m.line(f"br {few}, label %{known}, label %{ask}")
    m.label(ask)
    m.declare('@inference = private constant [10 x i8] c"inference\\00"')
    name = Value(m, "ptr", 1, "@inference")
    answer = m.call("ptr", 1, "PyObject_GetAttrString", extra, name)
    m.line(f"call void @Py_DecRef({answer})")
    c.need(m.put("i64", 1, f"ptrtoint {answer} to i64") == false)
    m.jump(known)
    m.label(known)
    if not at.tags:
        tags = m.call("ptr", 1, "PyObject_GenericGetDict", argument, Value(m, "ptr", 1, "null"))
        size = m.call("i64", 1, "PyDict_Size", tags)
        m.line(f"call void @Py_DecRef({tags})")
        c.need(size == 0)
        return 3
    in_dict, in_values = m.fresh("dict"), m.fresh("values")
    look, done = m.fresh("look"), m.fresh("untagged")
    m.line(f"br {c.read(argument, TAGS, 'i64') == 0}, label %{in_values}, label %{in_dict}")
    m.label(in_dict)
    c.need(c.read(c.read(argument, TAGS), 2 * WORD, "i64") == 0)
    m.jump(done)
    m.label(in_values)
    m.line(f"br {c.read(argument, VALUES, 'i64') == 0}, label %{done}, label %{look}")
    m.label(look)
    c.need(m.convert(c.read(c.read(argument, VALUES), COUNT_OF_VALUES, "i8"), "i64") == 0)
    m.jump(done)
    m.label(done)
    return 3


def _check_apart(c, at):
    """APART number count owners...: the memory of an argument belongs to none of these arrays."""
    m, count = c.m, c.word(2)
    value = c.read(m.load(m.at(c.given, c.word(1), "ptr"), "ptr", 1), at.value)
    array, done = m.fresh("array"), m.fresh("apart")
    m.line(f"br {c.read(value, WORD, 'i64') == c.known(ARRAY)}, label %{array}, label %{done}")
    m.label(array)
    own, base = m.put("i64", 1, f"ptrtoint {value} to i64"), c.read(value, 6 * WORD, "i64")

    def owner(i):
        c.need((own != c.word(i + 3)) & (base != c.word(i + 3)))

    c.each(count, owner)
    m.jump(done)
    m.label(done)
    return count + 3


CHECKS = {DICT: _check_dict, SOME: _check_some, LIST: _check_list, POINTER: _check_pointer,
           TENSOR: _check_tensor, GRAD: _check_grad, SCAN: _check_scan, SAME: _check_same,
           OTHER: _check_other, SIZE: _check_size, OWNED: _check_owned,
           APART: _check_apart, PLAIN: _check_plain}  # fmt: skip
