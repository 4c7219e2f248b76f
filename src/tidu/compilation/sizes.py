"""One graph for several sizes: what two recordings of a function differ in becomes a size.

A `Pattern` is made of two recordings at different sizes. Where a number in them is not the same, it
is told by a size of the inputs; where none tells it, there is no pattern. A third recording that
fits runs by what the backend gave for the pattern, so nothing is assumed of other sizes.
"""

import hashlib
from dataclasses import dataclass
from operator import add, floordiv, mul

from ..fx import Graph
from ..fx.node import Node, map_arg
from ..nested.lengths import SymInt

__all__ = ["Pattern", "Recording", "pattern_of"]


@dataclass(eq=False)
class Recording:
    """A graph, and where its inputs are found and their shapes."""

    graph: Graph
    paths: list
    shapes: list


@dataclass(frozen=True)
class _Size:
    """A number: ``how(size, by)``, or the size itself."""

    symbol: str
    how: object = None
    by: int = 0

    def value(self, sizes):
        size = sizes[self.symbol]
        return size if self.how is None else self.how(size, self.by)


@dataclass(frozen=True)
class _At:
    """A node, by its place in its graph."""

    place: int


def _rows(graph):
    """[(op, target, arguments)] of a graph, with places for nodes."""
    places = {node: _At(i) for i, node in enumerate(graph.nodes)}
    return [(n.op, n.target, map_arg((n.args, dict(n.kwargs)), places.__getitem__))
            for n in graph.nodes]  # fmt: skip


class _Differs(Exception):
    """Two recordings differ in more than sizes."""


def pattern_of(one, two):
    """The Pattern of two recordings; None where sizes do not tell what they differ in."""
    if one.paths != two.paths or [len(s) for s in one.shapes] != [len(s) for s in two.shapes]:
        return None
    symbols = _symbols(one, two)
    olds, news = _rows(one.graph), _rows(two.graph)
    if not symbols or len(olds) != len(news):
        return None
    known = {pair: name for name, (pair, _) in symbols.items()}
    try:
        rows = [_merged(old, new, known) for old, new in zip(olds, news, strict=True)]
    except _Differs:
        return None
    return Pattern(two, {name: at for name, (_, at) in symbols.items()}, rows)


def _symbols(one, two):
    """{name: (its two values, (input, axis) where it is read)}; PyTorch's names for sizes."""
    found, taken = {}, set()
    for i, (path, old, new) in enumerate(zip(one.paths, one.shapes, two.shapes, strict=True)):
        for axis, pair in enumerate(zip(old, new, strict=True)):
            if pair[0] == pair[1] or any(pair == other for other, _ in found.values()):
                continue
            text = f"{path}.size()[{axis}]"
            number = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 100
            while number in taken:
                number += 1
            taken.add(number)
            found[f"s{number}"] = pair, (i, axis)
    return found


def _merged(old, new, known):
    """What two values have in common, with a _Size where they are different numbers."""
    if type(old) is not type(new):
        raise _Differs
    if isinstance(old, dict):
        if list(old) != list(new):
            raise _Differs
        return {key: _merged(old[key], new[key], known) for key in old}
    if isinstance(old, (tuple, list)):
        if len(old) != len(new):
            raise _Differs
        return [_merged(a, b, known) for a, b in zip(old, new, strict=True)]
    if isinstance(old, slice):
        parts = ((s.start, s.stop, s.step) for s in (old, new))
        return _merged(*parts, known)
    if _same(old, new):
        return old
    if type(old) is int:
        return _told(old, new, known)
    raise _Differs


def _told(old, new, known):
    """The _Size that is `old` in one recording and `new` in the other."""
    for (a, b), name in known.items():
        if (old, new) == (a, b):
            return _Size(name)
    for (a, b), name in known.items():
        if a and old % a == 0 and (old, new) == (a * (old // a), b * (old // a)):
            return _Size(name, mul, old // a)
        for by in {a // old, b // new} - {0, 1} if old > 0 and new > 0 else ():
            if (old, new) == (a // by, b // by):
                return _Size(name, floordiv, by)
        if old - a == new - b:
            return _Size(name, add, old - a)
    raise _Differs


def _fits(pattern, value, sizes):
    """Whether a value of a recording is what a pattern says for its sizes."""
    if isinstance(pattern, _Size):
        return type(value) is int and pattern.value(sizes) == value
    if isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    if isinstance(pattern, dict):
        return (isinstance(value, dict) and list(pattern) == list(value)
                and all(_fits(pattern[k], value[k], sizes) for k in pattern))  # fmt: skip
    if isinstance(pattern, list):
        alike = isinstance(value, (tuple, list)) and len(pattern) == len(value)
        return alike and all(map(_fits, pattern, value, [sizes] * len(value)))
    return type(pattern) is type(value) and _same(pattern, value)


def _same(a, b):
    """Whether two arguments are the same; arrays only if they are one."""
    return a is b or (not hasattr(a, "__array__") and a == b)


class Pattern:
    """A graph with sizes among its inputs. `symbols`: {name: (input, axis)}; `run`: what the
    backend gave for it."""

    run = None

    def __init__(self, recording, symbols, rows):
        self.recording, self.symbols, self.rows = recording, symbols, rows
        self.graph = self._written()

    def sizes_of(self, recording):
        """The sizes of another recording that fits, by their names; None if it does not."""
        shapes, own = recording.shapes, self.recording.shapes
        if recording.paths != self.recording.paths or list(map(len, shapes)) != list(map(len, own)):
            return None
        sizes = {name: shapes[i][axis] for name, (i, axis) in self.symbols.items()}
        here = {own[i][axis]: name for name, (i, axis) in self.symbols.items()}
        for shape, was in zip(shapes, own, strict=True):
            for n, old in zip(shape, was, strict=True):
                if n != old and sizes.get(here.get(old)) != n:
                    return None
        rows = _rows(recording.graph)
        fits = len(rows) == len(self.rows) and all(map(
            _fits, self.rows, rows, [sizes] * len(rows)))  # fmt: skip
        return sizes if fits and min(sizes.values()) > 1 else None

    def given(self, sizes, tensors):
        """The inputs of the graph: each size before the first tensor that has it."""
        found = []
        for i, tensor in enumerate(tensors):
            found += [sizes[name] for name, (at, _) in self.symbols.items() if at == i]
            found.append(tensor)
        return found

    def _written(self):
        """The graph of the second recording, with its sizes as nodes."""
        graph, made, names = Graph(), {}, {}
        inputs = 0
        for node, row in zip(self.recording.graph.nodes, self.rows, strict=True):
            if node.op == "placeholder":
                for name, (at, _) in self.symbols.items():
                    if at == inputs:
                        names[name] = graph.placeholder(name, SymInt)
                inputs += 1
            new = [made.get(n) for n in self.recording.graph.nodes]
            args, kwargs = _filled((node.args, dict(node.kwargs)), row[2], new, names, graph)
            made[node] = graph.create_node(node.op, node.target, args, kwargs, node.name, node.type)
            made[node].meta = dict(node.meta)
        return graph


def _filled(value, pattern, nodes, names, graph):
    """The arguments that a pattern says, in the forms of a recording's."""
    if isinstance(pattern, _Size):
        size = names[pattern.symbol]
        return size if pattern.how is None else graph.call_function(
            pattern.how, (size, pattern.by))  # fmt: skip
    if isinstance(pattern, _At):
        return nodes[pattern.place]
    if isinstance(value, slice):
        return slice(*_filled((value.start, value.stop, value.step), pattern, nodes, names, graph))
    if isinstance(value, dict):
        return {k: _filled(value[k], pattern[k], nodes, names, graph) for k in value}
    if isinstance(value, (tuple, list)) and not isinstance(value, Node):
        parts = [_filled(v, p, nodes, names, graph)
                 for v, p in zip(value, pattern, strict=True)]  # fmt: skip
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
