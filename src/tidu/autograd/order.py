"""In which order leaves with hooks are served in one pass: PyTorch's. Read `Queue`.

PyTorch's engine runs what is ready, the youngest operation first, and before all of them the ends
of the graph, each as soon as nothing more can arrive there. So an end is served with the oldest
operation that leads to it (`_ends`), on the graph as PyTorch has it (`next_functions`), and two of
one operation in the order of its edges, bias before weight in a layer. Where an operation is the
last of three ends or more, the way the engine's heap is kept decides: it is followed (`_served`).
Only passes that come to a hook ask.
"""

from ..core.handle import TensorBase
from ..core.node import FREED, Node, past_casts, placeless
from ..transforms.reverse import reachable
from .faces import edges_shown

__all__ = ["Queue"]


class Queue:
    """The leaves with hooks that a pass from `seeds` fills, and what has arrived at them; so many
    have been `served`."""

    __slots__ = ("complete", "missing", "served", "waiting", "watched")

    def __init__(self, seeds):
        ends = _ends(seeds)
        self.missing = {key: end.edges for key, end in ends.items()}
        found = sorted(ends.values(), key=_age)
        order = [end.leaf for end in found if _has_hooks(end.leaf)]
        if len(order) > 1 and _share_one(found):
            order = [leaf for leaf in _served(seeds) if id(leaf) in ends and _has_hooks(leaf)]
        self.waiting = [id(leaf) for leaf in reversed(order)]
        self.complete, self.watched, self.served = {}, set(self.waiting), 0

    def arrived(self, leaf):
        """The leaves that are to be served now that one edge more has brought its part."""
        key = id(leaf)
        self.missing[key] -= 1
        if self.missing[key]:
            return ()
        waiting = self.waiting
        if key not in self.watched:  # its hooks came during the pass
            self.served += 1
            return (leaf,)
        if waiting[-1] == key:
            waiting.pop()
            ready = [leaf]
        else:
            self.complete[key] = leaf
            ready = []
        while waiting and waiting[-1] in self.complete:
            ready.append(self.complete.pop(waiting.pop()))
        self.served += len(ready)
        return ready


def _has_hooks(leaf):
    extra = leaf._extra
    return extra is not None and (extra.hooks or extra.after_hooks or extra.accumulator)


# --- which operation is the last that leads to a leaf -------------------------------------------


class _End:
    """A leaf, how many edges lead there, and the last of them: (its operation's age, the step of
    that operation, the place among its edges), in the order in which PyTorch comes to them."""

    __slots__ = ("edges", "last", "leaf")

    def __init__(self, leaf, last):
        self.leaf, self.last, self.edges = leaf, last, 1


def _age(end):
    return end.last


def _share_one(found):
    """Whether three of these ends, which are in order, have their last edge from one step."""
    return any(one.last[:2] == third.last[:2] for one, third in zip(found, found[2:], strict=False))


def _ends(seeds):
    """{id of a leaf: its end} for what `seeds` lead to."""
    ends, stack, same = {}, [], True
    for place, (edge, _) in enumerate(seeds):
        if isinstance(edge, TensorBase):
            _note(ends, edge, (-_END, 0, place))
        elif edge is not None:
            stack.append(edge)
    seen = set()
    while stack:
        node = stack.pop()
        if node.prim.name == "output_of":
            node = _source(node)
        seq = node.seq
        if seq in seen:
            continue
        seen.add(seq)
        steps, whole = _steps_of(node)
        same = same and whole
        for place, (step, edge) in enumerate(steps):
            if edge.__class__ is Node:
                stack.append(edge)
            elif edge is not None:
                _note(ends, edge, (-seq, step, place))
    return ends if same else _recounted(ends, seeds)


def _note(ends, leaf, last):
    end = ends.get(id(leaf))
    if end is None:
        ends[id(leaf)] = _End(leaf, last)
        return
    end.edges += 1
    if last > end.last:
        end.last = last


def _recounted(ends, seeds):
    """The same, with the edges of the graph as the pass goes along it."""
    for end in ends.values():
        end.edges = 0
    edges = [edge for edge, _ in seeds]
    for node in reachable(seeds):
        edges.extend(node.edges)
    for edge in edges:
        if isinstance(edge, TensorBase):
            if id(edge) not in ends:
                ends[id(edge)] = _End(edge, (_END, 0, len(ends)))
                ends[id(edge)].edges = 0
            ends[id(edge)].edges += 1
    return {key: end for key, end in ends.items() if end.edges}


def _steps_of(node):
    """([(step of the operation, edge)], whether these are all edges of the node): as PyTorch has
    it, an operation may be several steps, which only `edges_shown` draws."""
    edges, name = node.edges, getattr(node, "name", None)
    if getattr(node, "shown", None) is None and name != "CopySlices":
        kind = name, len(edges)
        ways = getattr(node.prim, "steps_shown", None)
        if ways is not None:
            way = ways.get(kind)
            if way is None:
                way = ways[kind] = _way(node.prim, *kind)
            steps, left = way
            whole = not left or all(edges[i] is None for i in left)
            return [(step, past_casts(edges[i])) for step, i in steps], whole
    return _flat(edges_shown(node)), False


def _way(prim, name, count):
    """([(step, which edge)], the other edges) for nodes of this kind: a node whose edges are their
    numbers tells it."""
    node = placeless(0, prim, tuple(range(count)), FREED, {"index": ()})
    if name is not None:
        node.name = name
    steps = _flat(edges_shown(node))
    return steps, set(range(count)) - {i for _, i in steps}


def _flat(edges):
    """[(step, edge)] of an operation with these edges, of which some are steps that are drawn."""
    steps = []
    for edge in edges:
        _parts(edge, steps)
    found = [(0, edge) for edge in edges if not _is_drawn(edge)]
    for i, step in enumerate(reversed(steps), 1):
        found += [(i, edge) for edge in step.edges if not _is_drawn(edge)]
    return found


def _is_drawn(edge):
    return edge.__class__ is Node and edge.prim.name == "drawn"


# --- the order ----------------------------------------------------------------------------------

_END = float("inf")


def _served(seeds):
    """The leaves, as PyTorch's engine comes to them."""
    below, missing = {}, {}
    roots = [edge for edge, _ in seeds if edge is not None]
    _count(roots, below, missing)
    heap, order = [], []
    ready = roots
    while True:
        for edge in ready:
            missing[id(edge)] -= 1
            if not missing[id(edge)]:
                _push(heap, (_END if isinstance(edge, TensorBase) else below[id(edge)][0], edge))
        if not heap:
            return order
        _, edge = _pop(heap)
        if isinstance(edge, TensorBase):
            order.append(edge)
            ready = ()
        else:
            ready = below[id(edge)][1]


def _count(roots, below, missing):
    """Fill `below` {id: (time, edges, node)} and `missing` {id: edges that lead there}."""
    stack = list(roots)
    while stack:
        edge = stack.pop()
        missing[id(edge)] = missing.get(id(edge), 0) + 1
        if isinstance(edge, TensorBase) or id(edge) in below:
            continue
        edges = _edges_of(edge)
        steps = []
        for step in edges:
            _parts(step, steps)
        below[id(edge)] = edge.seq * _STEPS_MOST, edges, edge
        for i, step in enumerate(reversed(steps), 1):
            below[id(step)] = edge.seq * _STEPS_MOST - i, _without_none(step.edges), step
        for step in steps:
            stack.extend(below[id(step)][1])
        stack.extend(edges)


_STEPS_MOST = 1 << 12


def _edges_of(node):
    return _without_none(edges_shown(node))


def _without_none(edges):
    return [_source(edge) for edge in edges if edge is not None]


def _source(edge):
    """An output of a node is no step of its own in PyTorch."""
    while edge.__class__ is Node and edge.prim.name == "output_of":
        edge = edge.edges[0]
    return edge


def _parts(edge, found):
    """The steps that are only drawn from here on, in the order in which they were done."""
    if _is_drawn(edge) and edge not in found:
        for below in edge.edges:
            _parts(below, found)
        found.append(edge)


def _push(heap, item):
    """`std::push_heap`: the youngest is first."""
    heap.append(item)
    _rise(heap, len(heap) - 1, 0, item)


def _rise(heap, hole, top, item):
    parent = (hole - 1) // 2
    while hole > top and heap[parent][0] < item[0]:
        heap[hole] = heap[parent]
        hole, parent = parent, (parent - 1) // 2
    heap[hole] = item


def _pop(heap):
    """`std::pop_heap`, which decides between entries of one age."""
    first, item = heap[0], heap.pop()
    count = len(heap)
    if not count:
        return first
    hole = child = 0
    while child < (count - 1) // 2:
        child = 2 * child + 2
        if heap[child][0] < heap[child - 1][0]:
            child -= 1
        heap[hole] = heap[child]
        hole = child
    if count % 2 == 0 and child == (count - 2) // 2:
        child = 2 * child + 1
        heap[hole] = heap[child]
        hole = child
    _rise(heap, hole, 0, item)
    return first
