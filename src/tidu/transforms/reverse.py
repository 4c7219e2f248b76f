"""Reverse mode: one pass over a tape from the outputs to the leaves.

Read `run_pass`. A tape holds values of one kind: raw arrays for `.backward()`, or handles of a
lower level inside `func.grad`; with `create_graph` the rules get recorded handles instead, and
their own work lands on the same tape.
"""

from heapq import heappop, heappush

from numpy import generic, ndarray

from ..base.dtypes import tensor_type
from ..base.errors import GraphFreed, hinted
from ..base.lazy import lazy_module
from ..base.size import mismatch
from ..core import versions
from ..core.blocks import LOOP_FROM, large
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.modes import LOCAL, STATE, set_grad
from ..core.node import (
    FREED,
    UNDEFINED,
    Node,
    Packed,
    PackedBackwards,
    Parcel,
    Slots,
    opened,
    output_node,
    placeless,
)
from ..core.versions import CLOCK, clock
from ..primitives.arithmetic import add
from ..primitives.structural import alias
from .reverse_level import Lifted
from .trace import Traced

__all__ = ["beside", "gathered", "reachable", "run_between", "run_pass", "saved_by",
           "sent_by"]  # fmt: skip

# Reads the program's text, only when its error is raised.
changed = lazy_module(__name__.rpartition(".")[0] + ".changed")


class Pass:
    """What one pass is asked to do and what it has found: `leaves` {id: (leaf, g)}, `captured`.

    `arrived(job, leaf)` is told when something arrives at a leaf that has `_extra`; `awaited`
    is its own.
    """

    __slots__ = (
        "__weakref__",
        "arrived",
        "awaited",
        "captured",
        "create_graph",
        "leaves",
        "lift",
        "needed",
        "retain",
        "seeds",
        "wanted",
    )  # fmt: skip

    def __init__(self, seeds, retain, create_graph, wanted, lift, arrived):
        self.seeds, self.arrived = seeds, arrived
        self.retain, self.create_graph, self.wanted, self.lift = retain, create_graph, wanted, lift
        self.needed = self.awaited = None
        self.leaves, self.captured = {}, {}


def run_pass(seeds, *, retain=False, create_graph=False, wanted=None, lift=wrap, arrived=None):
    """Send the cotangents `seeds` [(edge, g)] back; returns the Pass with what arrived.

    `wanted`: ids of the edges to capture (`autograd.grad`); None collects at every leaf.
    """
    job = Pass(seeds, retain, create_graph, wanted, lift, arrived)
    if STATE.listeners:
        for listener in STATE.listeners:
            listener.pass_begins(job, seeds)
    if STATE.tracers and LOCAL.tracer is not None:
        _sweep_recorded(job, seeds)
    elif wanted is None and (not create_graph or (LOCAL.grad and not STATE.special)):
        _sweep(job, seeds)
    else:
        _sweep_wanted(job, seeds)
    if STATE.listeners:
        for listener in STATE.listeners:
            listener.pass_ends(job)
    return job


def _sweep_recorded(job, seeds):
    """The same while a function is recorded: its equations are of rules, not of the program."""
    outer, LOCAL.by_rules = LOCAL.by_rules, not job.create_graph
    try:
        _sweep_wanted(job, seeds)
    finally:
        LOCAL.by_rules = outer


def _sweep_wanted(job, seeds):
    """`_sweep` where the pass is for certain inputs only, or its own work must be recorded."""
    outer, LOCAL.wanted = LOCAL.wanted, job.wanted is not None
    was = set_grad(True) if job.create_graph else None
    try:
        if job.wanted is not None:
            job.needed = _leading_to(job.wanted, seeds)
            if LOCAL.tracer is not None:
                LOCAL.tracer.goes_back(job.wanted, seeds)
        _sweep(job, seeds)
    finally:
        LOCAL.wanted = outer
        if was is not None:
            set_grad(was)


def _sweep(job, seeds):
    # Largest sequence number first: every user of a node has been visited before the node is.
    pending, heap = {}, []
    leaves, needed, wanted = job.leaves, job.needed, job.wanted
    plain = wanted is None and not job.create_graph and not STATE.listeners
    retain = job.retain
    contributions = seeds
    while True:
        for edge, g in contributions:
            if g is None or edge is None:
                if edge.__class__ is not Node:
                    if edge is not None and edge._extra is not None and job.arrived is not None:
                        job.arrived(job, edge)
                    continue
                if edge.seq in pending:
                    continue
                g = UNDEFINED  # what a user's backward gave None for is visited all the same
            if edge.__class__ is Node:
                seq = edge.seq
                entry = pending.get(seq)
                if entry is not None:
                    pending[seq] = (edge, _plus(entry[1], g))
                elif needed is None or seq in needed:
                    pending[seq] = (edge, g)
                    heappush(heap, -seq)
            elif wanted is None or id(edge) in wanted:
                entry = leaves.get(id(edge))
                leaves[id(edge)] = (edge, g if entry is None else _plus(entry[1], g))
                if edge._extra is not None and job.arrived is not None:
                    job.arrived(job, edge)
        if not heap:
            return
        seq = -heappop(heap)
        node, g = pending.pop(seq)
        if not plain or node.hooks is not None or g.__class__ is Slots:
            contributions = _visit(job, node, g)
            continue
        saved, prim = node.saved, node.prim
        if CLOCK.last > seq and prim.keeps:
            _check_unchanged(node)
        if saved.__class__ is tuple:
            parts = prim.backward(g, saved, node.params, node.edges)
        else:
            parts = _from_unpacked(node, g, _opened(saved))
        contributions = zip(node.edges, parts, strict=True)
        if prim.keeps and not retain:
            node.saved = FREED


def _plus(total, g):
    if total is UNDEFINED:
        return g
    if total.__class__ is ndarray and g.__class__ is ndarray and g.size >= LOOP_FROM:
        return large(add, total, g)
    if isinstance(total, TensorBase) or isinstance(g, TensorBase):
        return gathered(total, g)
    return total + g


def gathered(total, g):
    """The sum of two gradients, one of them at least a tensor. Masked ones say how they add up:
    what one masks out, the other may not."""
    for one, other in ((total, g), (g, total)):
        gather = getattr(getattr(one, "_value", None), "gather", None)
        if gather is not None:
            return gather(other)
    return total + g


def _visit(job, node, g):
    """The contributions of one node to the edges below it: `_sweep`'s step in full."""
    if node.hooks is not None:
        g = _before(job, node, g)
    if g is UNDEFINED and node.prim.name != "function":
        return _passed_on(job, node)
    if job.wanted is not None and id(node) in job.wanted:
        job.captured[id(node)] = g
        if node.seq not in job.needed.runs:
            return ()
    saved = node.saved
    if CLOCK.last > node.seq and node.prim.keeps:
        _check_unchanged(node)
    if saved.__class__ is not tuple:
        saved = _opened(saved)
    empty = g is UNDEFINED
    if g.__class__ is Slots:
        g = g.fill(_outputs(node))
    if job.create_graph:
        saved = _lifted(node, saved, job.lift)
    if STATE.listeners:
        out = _listened(job, node, g, saved)
    else:
        out = node.prim.backward(g, saved, node.params, node.edges)
    if empty and (job.create_graph or job.lift is not wrap):
        out = [_raised(job, part) for part in out]
    if node.prim.keeps and not job.retain:
        node.saved = FREED
    if STATE.listeners:
        for listener in STATE.listeners:
            listener.visited(job, node, g, out)
    if node.hooks is not None and node.hooks.post:
        out = _after(job, node, g, out)
    return zip(node.edges, out, strict=True)


def _listened(job, node, g, saved):
    """The rules of a node; listeners are told of an error there."""
    try:
        if _overheard(job, node, g):
            return _aloud(node, g, saved)
        return node.prim.backward(g, saved, node.params, node.edges)
    except Exception:
        for listener in STATE.listeners:
            failed = getattr(listener, "failed", None)
            if failed is not None:
                failed(node)
        raise


def _overheard(job, node, g):
    """Whether a listener wants to be told of what a rule computes, one by one."""
    if job.create_graph or not isinstance(g, (ndarray, generic)) or g.size >= LOOP_FROM:
        return False
    if getattr(node.prim, "one_step", True):  # a function of the user's is one, too
        return False
    return any(getattr(who, "hears_rules", False) for who in STATE.listeners)


def _aloud(node, g, saved):
    """The rules of a node on tensors, so that what they do passes `below`."""
    saved = [wrap(v) if isinstance(v, (ndarray, generic)) else v for v in saved]
    was = set_grad(False)
    try:
        out = node.prim.backward(wrap(g), saved, node.params, node.edges)
    finally:
        set_grad(was)
    return [part._value if isinstance(part, TensorBase) else part for part in out]


def _passed_on(job, node):
    """A node that no gradient reached has none for its inputs; its hooks are told."""
    out = (None,) * len(node.edges)
    if node.prim.keeps and not job.retain:
        node.saved = FREED
    if node.hooks is not None and node.hooks.post:
        out = _after(job, node, UNDEFINED.fill(_outputs(node)), out)
    return zip(node.edges, out, strict=True)


def _raised(job, part):
    """A gradient made from nothing, as this pass has its gradients."""
    if part is None or isinstance(part, TensorBase):
        return part
    return job.lift(wrap(part), None) if job.create_graph and job.lift is not wrap else wrap(part)


def _outputs(node):
    """How many outputs a node has."""
    return len(getattr(node, "outputs", (None,)))


def _opened(saved):
    """The saved values of a node that are not simply there: freed, or packed by hooks."""
    if saved is FREED:
        raise GraphFreed(SECOND_TIME)
    if saved.__class__ is PackedBackwards:
        first, second, *rest = saved
        second = opened(second, Parcel.restored)
        first = opened(first, Parcel.restored)
        return first, second, *[opened(entry, Parcel.restored) for entry in rest]
    if saved.__class__ is not Packed:
        return saved
    return tuple([opened(entry, Parcel.restored) for entry in saved])


def _from_unpacked(node, g, saved):
    """The rules of a node on values that a user's hook gave back, which may be others."""
    try:
        return node.prim.backward(g, saved, node.params, node.edges)
    except ValueError as error:
        shapes = [shape_of(value) for value in saved[: len(node.edges) + 1] if value is not None]
        words = next(filter(None, [mismatch(shape_of(g), shape) for shape in shapes]), None)
        raise RuntimeError(words or str(error)) from error


def _lifted(node, saved, lift):
    """The saved values as handles on the tape again, so that the rules' work is recorded."""
    edges = node.edges
    count = len(edges)
    handles = []
    for i, value in enumerate(saved):
        if i > count or not isinstance(value, (TensorBase, ndarray, generic, tuple)):
            handles.append(value)
        elif i < count:
            edge = edges[i]
            if not isinstance(edge, TensorBase):
                handles.append(lift(value, edge))
            elif not isinstance(node.saved, Packed) or edge._value is value:
                handles.append(edge)
            else:
                handles.append(lift(value, beside(edge)))
        else:
            handles.append(_lifted_output(node, value, lift))
    return handles


def beside(leaf):
    """The place on the tape of another value for a leaf: what a user's hook unpacked for it."""
    return placeless(clock(), alias, (leaf,), (None, None, None), {})


def _lifted_output(node, value, lift):
    if value.__class__ is not tuple:
        return lift(value, node)
    return tuple(
        [
            None if part is None else lift(part, output_node(clock(), node, i))
            for i, part in enumerate(value)
        ]
    )


def sent_by(node, g, summed=False):
    """What one node sends to its inputs, recorded; hooks do not run, and what it saved stays.

    What was broadcast is summed by PyTorch's pass and not by its node: `summed` if here it is.
    """
    if CLOCK.last > node.seq and node.prim.keeps:
        _check_unchanged(node)
    saved = node.saved if node.saved.__class__ is tuple else _opened(node.saved)
    if node.prim.kind == "elementwise" and saved and not summed:
        saved = (*saved[:-1], None)
    return node.prim.backward(g, _lifted(node, saved, wrap), node.params, node.edges)


def run_between(seeds, ends):
    """{id(edge): gradient} of what `seeds` send to the edges `ends`, recorded; it goes no further
    than these, and what the nodes between saved stays."""
    job = Pass(seeds, True, True, {id(end) for end in ends}, wrap, None)
    outer, LOCAL.wanted = LOCAL.wanted, True
    try:
        job.needed = _leading_to(job.wanted, seeds, job.wanted)
        _sweep(job, seeds)
    finally:
        LOCAL.wanted = outer
    return job.captured | {key: g for key, (_, g) in job.leaves.items()}


def reachable(seeds, ends=()):
    """The nodes to which `seeds` lead, the oldest first; nothing below nodes with ids `ends`."""
    found, stack = {}, [edge for edge, _ in seeds if edge is not None]
    while stack:
        node = stack.pop()
        if isinstance(node, TensorBase) or node.seq in found:
            continue
        found[node.seq] = node
        if id(node) in ends:
            continue
        stack.extend([edge for edge in node.edges if edge is not None])
    return [found[seq] for seq in sorted(found)]


def _leading_to(wanted, seeds, ends=()):
    """The sequence numbers of the nodes from which a wanted edge is reached."""
    needed, reached = set(), set()
    for node in reachable(seeds, ends):
        seq = node.seq
        if id(node) in ends:
            reached.add(seq)
            continue
        for edge in node.edges:
            if edge is None:
                continue
            if id(edge) in wanted or (not isinstance(edge, TensorBase) and edge.seq in reached):
                needed.add(seq)
                break
        if seq in needed or id(node) in wanted:
            reached.add(seq)
    return _Needed(needed, reached)


class _Needed:
    """Nodes to be reached (`in`), and those among them to be run (`runs`)."""

    __slots__ = ("reached", "runs")

    def __init__(self, runs, reached):
        self.runs, self.reached = runs, reached

    def __contains__(self, seq):
        return seq in self.reached


def _as_handle(job, g):
    return g if isinstance(g, TensorBase) or g is None else job.lift(g, None)


def _as_value(job, handle):
    if job.create_graph or not isinstance(handle, TensorBase):
        return handle
    value = handle._value
    return value if value.dtype is not None and job.lift is wrap else _below(handle)


def _below(handle):
    value = handle._value
    return value.tensor if isinstance(value, Lifted) else wrap(value)


def check_result(hook, result, g):
    """Refuse what cannot take the place of the gradient `g`."""
    if not isinstance(result, TensorBase):
        raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
    if tuple(shape_of(result)) != tuple(shape_of(g)):
        name = getattr(hook, "__name__", "<unknown>")
        raise RuntimeError(
            hinted(
                f"hook '{name}' has changed the size of value",
                f"it got a gradient of shape {list(shape_of(g))} and returned one of shape "
                f"{list(shape_of(result))}.",
            )
        )
    have, want = element_type(result), element_type(g)
    if have != want:
        name, (have, want) = getattr(hook, "__name__", "<unknown>"), map(tensor_type, (have, want))
        raise RuntimeError(
            hinted(
                f"hook '{name}' has changed the type of value (was {want} got {have})",
                "return the gradient in the type in which it came: result.to(g.dtype).",
            )
        )


def _several(hook, result, count):
    """What a hook of a node returned, one value for each of `count`."""
    if not isinstance(result, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(result).__name__}'")
    parts = result
    if len(parts) != count:
        name = getattr(hook, "__name__", "<unknown>")
        raise RuntimeError(
            f"hook '{name}' has returned an incorrect number of values (got {len(parts)}, but "
            f"expected {count})"
        )
    for part in parts:
        if part is not None and not isinstance(part, TensorBase):
            raise TypeError(f"expected Variable, but hook returned '{type(part).__name__}'")
    return parts


def _before(job, node, g):
    """Run the hooks of a node before it is visited, as PyTorch orders them."""
    hooks = node.hooks
    was, outer = set_grad(job.create_graph), LOCAL.job
    LOCAL.job = job
    try:
        for hook in list(hooks.tensor.values()):
            result = hook(None if g is UNDEFINED else _as_handle(job, g))
            if result is not None:
                if g is UNDEFINED:
                    raise RuntimeError("can't replace a None gradient with a non-None value")
                check_result(hook, result, g)
                g = _as_value(job, result)
        for ref in list(hooks.retained.values()):
            tensor = ref()
            if tensor is not None and g is not UNDEFINED:
                _retain(tensor, _as_handle(job, g), job.create_graph)
        for hook in list(hooks.pre.values()):
            outs = g.fill(_outputs(node)) if g.__class__ is Slots else (g,)
            result = hook(tuple([_as_handle(job, part) for part in outs]))
            if result is not None:
                values = [_as_value(job, part) for part in _several(hook, result, len(outs))]
                several = g.__class__ is Slots and (g is not UNDEFINED or len(values) > 1)
                g = Slots(dict(enumerate(values))) if several else values[0]
                g = UNDEFINED if g is None else g
    finally:
        LOCAL.job = outer
        set_grad(was)
    return g


def _retain(tensor, g, create_graph):
    if tensor._grad is None:
        tensor._grad = g if create_graph else wrap(_copied(g._value))
    elif create_graph:
        tensor._grad = tensor._grad + g
    else:
        tensor._grad._value = tensor._grad._value + g._value


def _copied(value):
    return value.copy() if value.dtype is not None and hasattr(value, "flags") else value


def _after(job, node, g, out):
    was = set_grad(job.create_graph)
    try:
        for hook in list(node.hooks.post.values()):
            ins = tuple([_as_handle(job, part) for part in out])
            outs = g if g.__class__ is tuple else (g,)
            result = hook(ins, tuple([_as_handle(job, part) for part in outs]))
            if result is not None:
                parts = _several(hook, result, len(ins))
                if any(a is None and b is not None for a, b in zip(ins, parts, strict=True)):
                    raise RuntimeError("can't replace a None gradient with a non-None value")
                out = [_as_value(job, part) for part in parts]
    finally:
        set_grad(was)
    return out


def _check_unchanged(node):
    for array, from_node in saved_by(node):
        if isinstance(array, Traced):
            array.level.reads_saved(array, node)
        elif getattr(array, "dtype", None) is not None and versions.stale(array, node.seq):
            raise RuntimeError(changed.message(node, from_node, array))


def saved_by(node):
    """The values that a node saved, each with what made it."""
    for i, value in enumerate(node.saved):
        if value is None or i > len(node.edges):  # the last entry holds shapes
            continue
        from_node = node.edges[i] if i < len(node.edges) else node
        for part in value if value.__class__ is tuple else (value,):
            if hasattr(part, "kept_values"):  # all that a user's function saved
                yield from part.kept_values(node)
            else:
                yield part._value if isinstance(part, TensorBase) else part, from_node


SECOND_TIME = hinted(
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward.",
    "call the first one as backward(retain_graph=True), or compute the forward pass again before "
    "the second backward.",
)
