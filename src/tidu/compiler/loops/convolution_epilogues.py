"""Where a convolution writes, and what is done with a part of it as soon as that is whole: the
elementwise equations over it in a compiled program, its epilogue.

That is ``@epilogue(table, image, channel, channels, first, rows, down, count)``, of a part: of
`channels` planes, `rows` rows of `count` elements, `down` apart, from the element `first` of a
plane on. The loops of a convolution call it while the part lies in a near cache; what they cannot
tell in parts is gone through at the end (`WithEpilogue.finish`).
"""

from itertools import pairwise
from math import ceil, prod

from ..machine import kernels, native, pool
from ..machine.code import Code, Value, kind_of
from .convolution_sizes import lanes_of
from .epilogues import Chain
from .nests import SHARE, homes
from .pointwise import lanes_below
from .reductions import loop

__all__ = ["AHEAD", "EPILOGUE", "Results", "WithEpilogue", "ask_for", "begin", "emit", "flat",
           "load"]  # fmt: skip

_NUMBERS = ("image", "channel", "channels", "first", "rows", "down", "count")
_HEADER = f"define void @epilogue(ptr %table, {', '.join([f'i64 %{name}' for name in _NUMBERS])})"
EPILOGUE = ("epilogue", "buffers")  # what loops are given of it: its address, and that of the table

AHEAD = 4  # channels: how early their rows are asked for


def ask_for(m, place, kind, vectors):
    """Fetch what is read later: the planes of channels lie too far apart to be foreseen."""
    m.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    for v in range(vectors):
        there = m.at(place, m.constant("i64", v * m.lanes, 1), kind)
        m.line(f"call void @llvm.prefetch.p0({there}, i32 0, i32 3, i32 1)")


class Results:
    """An array (N, C, *size) that lies densely, and `epilogue`: the numbers `EPILOGUE`."""

    __slots__ = ("y",)
    epilogue = (0, 0)

    def __init__(self, y):
        self.y = y

    def finish(self, first=0, count=None):
        """The epilogue of `count` whole images (None: all that there are) from `first` on."""


class WithEpilogue(Results):
    """Results that have an epilogue; `function` and `address` are what `load` gives."""

    __slots__ = ("epilogue", "function", "table")

    def __init__(self, y, function, address, table):
        super().__init__(y)
        self.function, self.table = function, table
        self.epilogue = address, table.ctypes.data

    def finish(self, first=0, count=None):
        images, channels, *space = self.y.shape
        count, size = images - first if count is None else count, prod(space)
        if count * channels * size:
            chunk = ceil(SHARE / 2 / size)
            pool.ensure()
            self.function(self.table, first * channels, channels, size, chunk, count * channels)


def flat(ref, shape):
    """(from one image to the next, from channel to channel, from element to element of a plane) in
    elements; None where the last is not one number."""
    image, channel, *space = ref.broadcast(shape)
    axes = [(n, s) for n, s in zip(shape[2:], space, strict=True) if n != 1]
    for (_, outer), (n, inner) in pairwise(axes):
        if outer != n * inner:
            return None
    return image, channel, axes[-1][1] if axes else 1


def emit(plan, step):
    """(the text of the function, the places of its operands, the numbers that stand behind those in
    its list): the text does not depend on sizes."""
    written = _Epilogue(plan, step)
    refs = [plan.refs[v] for v in written.variables]
    numbers = [n for image, channel, _ in written.layouts for n in (image, channel)]
    text = _through_all(written.text, written.m.module)
    return text, [(r.buffer, r.offset) for r in refs], numbers


class _Epilogue(Chain):
    """The state of writing one. Operands that lie alike share their indices: a part may be few
    elements of many planes, for which the arithmetic of places would be most of the work."""

    def __init__(self, plan, step):
        m = Code(lanes=lanes_of(kind_of(step.out.element_type)))
        super().__init__(m, plan, step, lambda ref: flat(ref, step.out.shape))
        self.layouts = list(dict.fromkeys(self.strides))
        self.homes, steps = homes(m, self.kinds, 2 * len(self.layouts))
        for name in _NUMBERS:
            setattr(self, name, Value(m, "i64", 1, f"%{name}"))
        self.zero, self.channel_steps = m.constant("i64", 0, 1), steps[1::2]
        self.origins = [
            self.image * n + self.first * across
            for n, (_, _, across) in zip(steps[::2], self.layouts, strict=True)
        ]
        lanes = m.constant("i64", m.lanes, 1)
        self.whole = self.count / lanes * lanes
        self.rest = lanes_below(m, self.count - self.whole) if m.lanes > 1 else None
        loop(m, self.channel, self.channel + self.channels, self.plane)
        m.line("ret void")
        self.text = m.text(_HEADER)

    def plane(self, c):
        m = self.m
        starts = [at + c * n for at, n in zip(self.origins, self.channel_steps, strict=True)]
        given = {v: m.load(place, kind, 1)
                 for v, place, kind, (_, _, across) in self.placed(starts)
                 if v in self.reads and across == 0}  # fmt: skip
        later = [at + n * AHEAD for at, n in zip(starts, self.channel_steps, strict=True)]

        def row(r):
            for v, place, kind, strides in self.placed(self.moved(later, r * self.down)):
                if v in self.reads and strides[-1] == 1:
                    ask_for(m, place, kind, 2)
            self.row(self.moved(starts, r * self.down), given)

        loop(m, self.zero, self.rows, row)

    def row(self, starts, given):
        m = self.m

        def vector(i, mask):
            places = [place for _, place, _, _ in self.placed(self.moved(starts, i))]
            self.compute(places, mask, dict(given))

        full, last, done = [m.fresh(s) for s in ("full", "last", "done")]
        m.line(f"br {self.whole > 0}, label %{full}, label %{done}")
        m.label(full)
        i, opened = m.loop_open(self.zero, self.whole, m.constant("i64", m.lanes, 1))
        vector(i, None)
        m.loop_close(opened)
        m.jump(done)
        m.label(done)
        after = m.fresh("row")
        m.line(f"br {self.whole < self.count}, label %{last}, label %{after}")
        m.label(last)
        vector(self.whole, self.rest)
        m.jump(after)
        m.label(after)

    def moved(self, starts, count):
        """The index of each layout, `count` elements on."""
        return [start + count * across if across else start
                for start, (_, _, across) in zip(starts, self.layouts, strict=True)]  # fmt: skip

    def placed(self, indices):
        """(variable, the address at its layout's index, kind, strides)."""
        at = dict(zip(self.layouts, indices, strict=True))
        return [(v, self.m.at(home, at[strides], kind), kind, strides)
                for v, home, kind, strides in zip(self.variables, self.homes, self.kinds,
                                                  self.strides, strict=True)]  # fmt: skip


def _through_all(text, module):
    """The whole text, with the built-in function ``entry(table, first, channels, size, chunk,
    count)``: the epilogue of `count` planes of `size` elements from plane `first` on."""
    kinds = ["ptr", "i64", "i64", "i64", "i64"]
    m = Code()
    table, first, channels, size, _ = kernels.arguments(m, kinds)

    def plane(u):
        here = first + u
        channel = m.put("i64", 1, f"srem {here}, {channels.text}")
        m.line(f"call void @epilogue({table}, {here / channels}, {channel}, i64 1, i64 0, i64 1, "
               f"i64 0, {size})")  # fmt: skip

    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), plane)
    m.line("ret void")
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    return kernels.Body(f"{text}\n{body}", kinds, module, chunk=None, work=_LEAST).whole()


_LEAST = 16  # elements of a plane, at least
_LOADED: dict = {}  # text: (function, address)


def begin(text):
    """Have it compiled while the rest of a program is planned."""
    if text not in _LOADED:
        native.begin(text)


def load(text):
    """(the function that goes through whole planes, the address of `@epilogue`) of a text."""
    found = _LOADED.get(text)
    if found is None:
        address, epilogue = kernels.load(text, ["epilogue"])
        found = _LOADED[text] = kernels.function_at(address), epilogue
    return found
