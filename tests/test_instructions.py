"""Instructions are read in the same words whatever version of Python runs, which has its own."""

import sys

import tidu as torch
from tidu.base.instructions import instructions, steps
from tidu.compilation.call_sites import caller_of
from tidu.compiler.recording import executed, growing


def names(found):
    return [(s.opname, s.argval) for s in found if s.opname not in ("POP_TOP", "RETURN_VALUE")]


def test_methods_variables_and_words():
    def f(x, losses, y):
        losses.append(y, key=x)
        return x[y], x + y

    found = names(steps(f.__code__))
    assert found[:5] == [("LOAD_FAST", "losses"), ("LOAD_ATTR", "append"), ("LOAD_FAST", "y"),
                         ("LOAD_FAST", "x"), ("CALL", 2)]  # fmt: skip
    assert [n for n, _ in found[5:]] == ["LOAD_FAST", "LOAD_FAST", "BINARY_SUBSCR", "LOAD_FAST",
                                         "LOAD_FAST", "BINARY_OP", "BUILD_TUPLE"]  # fmt: skip
    first = f.__code__.co_firstlineno
    lines = [s.line for s in steps(f.__code__)]
    assert lines == sorted(lines) and set(lines) == {first + 1, first + 2}


def test_effects_add_up():
    def f(x, y):
        z = x * y
        return sum([x, y, z][1:], start=z)

    assert sum(s.effect for s in instructions(f.__code__) if s.opname != "RETURN_VALUE") == 1


def test_lines_that_change_something():
    def f(thing, n, listed):
        thing.count = n
        n = n + 1
        listed.append(n)
        thing.count += 1

    first = f.__code__.co_firstlineno
    assert executed._changes(f.__code__, ()) == {first + 1, first + 3, first + 4}
    assert executed._changes(f.__code__, {"count"}) == {first + 1, first + 3, first + 4}
    assert executed._looks_up(f.__code__, {"count"}) == {first + 4}


def test_lists_that_are_only_appended_to():
    def appends(x, losses):
        y = x.sum()
        losses.append(y)
        return y

    def reads(x, losses):
        y = x.sum()
        losses.append(y)
        return y, losses

    def hands_on(x, losses):
        return print(x, losses)

    for f, only in ((appends, True), (reads, False), (hands_on, False)):
        assert growing._only_appended("losses", [f.__code__]) == only


class Told:
    """Numbers whose methods say how they were called."""

    def add(self, *_):
        self.site = caller_of(sys._getframe().f_code)
        return self

    __add__ = __radd__ = __mul__ = add


def test_how_a_call_was_written():
    def f(number, told):
        result = number + told
        mine = told.site, result
        other = told * number
        last = told.add(result)
        return mine[0], other.site, last

    def g(number, told):
        a, b = (told + number, 1)[0:1] * 2
        return a, b

    told = Told()
    reflected, _, _ = f(2.0, told)
    assert reflected.is_reflected(told) and reflected.target(None) == "result"
    found = told.site
    assert found.method() == "add" and found.operation() is None and found.target(None) == "last"
    g(2.0, told)
    assert not told.site.is_reflected(told) and told.site.target(None) is None


def test_errors_know_functions_from_methods():
    def f(t, x, call):
        return call(x, t.sort(x, "a"))

    try:
        f(torch, torch.ones(2), max)
    except TypeError as error:
        text = str(error)
    assert "got (Tensor, str)" in text
