"""In which order leaves with hooks are served in one pass: PyTorch's. Read `Queue`.

PyTorch's engine runs what is ready, the youngest operation first, and before all of them the ends
of the graph, each as soon as nothing more can arrive there. Which of several ends is first follows
from its edges, bias before weight in a layer, and from the way its heap is kept; both are followed
here, on the graph as PyTorch has it (`next_functions`). Only passes that come to a hook ask.
"""

from ..core.handle import TensorBase
from ..core.node import Node
from ..transforms.reverse import reachable
from .faces import edges_shown

__all__ = ["Queue"]


class Queue:
    """The leaves with hooks that a pass from `seeds` fills, and what has arrived at them; so many
    have been `served`."""

    __slots__ = ("complete", "missing", "served", "waiting")

    def __init__(self, seeds):
        self.missing = _edges_into_leaves(seeds)
        self.complete, self.served = {}, 0
        order = [leaf for leaf in _served(seeds) if id(leaf) in self.missing and _has_hooks(leaf)]
        self.waiting = [id(leaf) for leaf in reversed(order)]

    def arrived(self, leaf):
        """The leaves that are to be served now that one edge more has brought its part."""
        key = id(leaf)
        self.missing[key] -= 1
        if self.missing[key]:
            return ()
        if key not in self.waiting:  # its hooks came during the pass
            self.served += 1
            return (leaf,)
        self.complete[key] = leaf
        ready = []
        while self.waiting and self.waiting[-1] in self.complete:
            ready.append(self.complete.pop(self.waiting.pop()))
        self.served += len(ready)
        return ready


def _has_hooks(leaf):
    extra = leaf._extra
    return extra is not None and (extra.hooks or extra.after_hooks or extra.accumulator)


def _edges_into_leaves(seeds):
    """{id of a leaf: how many edges of the graph, and seeds, end there}."""
    counts = {}
    edges = [edge for edge, _ in seeds]
    for node in reachable(seeds):
        edges.extend(node.edges)
    for edge in edges:
        if isinstance(edge, TensorBase):
            counts[id(edge)] = counts.get(id(edge), 0) + 1
    return counts


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
    if edge.__class__ is Node and edge.prim.name == "drawn" and edge not in found:
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
