"""explain(loss) after the forward: the graph as it stands, and a backward pass on paper.

The pass is computed here, node by node, with the same rules and in the same order as `run_pass`,
but no hook runs, nothing is freed and no `.grad` is touched.
"""

import math
from heapq import heappop, heappush

import numpy as np

from ...base.errors import hinted
from ...core.handle import LEAF, TensorBase, element_type, shape_of
from ...core.node import FREED, Node, Slots
from .book import Book
from .matching import located
from .naming import Names
from .places import Places, user_frames
from .records import Arrival, BackwardPass, Message, Recording, Step
from .sites import Site, cells_before, own_frames
from .values import Snapshot, array_of

__all__ = ["recording_of"]


def recording_of(tensors, seeds, frame):
    """A Recording with the graph of `tensors` and one pass from `seeds`."""
    recording = Recording()
    book, names, places = Book(recording), Names(), Places()
    call = BackwardPass(0, "explain")
    pairs = []
    if len(seeds) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(seeds)} gradients")
    for i, (tensor, g) in enumerate(zip(tensors, seeds, strict=True)):
        edge = _edge(tensor)
        record = book.leaf(tensor) if edge is tensor else book.of_node(edge, tensor)
        g = _seed(tensor) if g is None else _given_seed(i, tensor, g)
        call.seeds.append((record, Snapshot(g)))
        pairs.append((edge, g[()] if g.shape == () else g))
    recording.passes.append(call)
    _fill_values(recording)
    _walk_back(book, call, pairs)
    _fill_shapes(call)
    frames = list(user_frames(frame))
    for each in frames:
        names.look(each, force=True)
        book.name_arrays(each.f_locals)
    book.finish(names)
    _locate(recording, places, frames)
    _parameters(recording, book, names)
    return recording


def _edge(tensor):
    node = tensor._node
    if node is None:
        raise RuntimeError(
            hinted(
                "element 0 of tensors does not require grad and does not have a grad_fn",
                "there is no graph behind this tensor: nothing it was computed from requires a "
                "gradient, or the chain was cut by detach(), .data or no_grad().",
            )
        )
    return tensor if node is LEAF else node


def _seed(tensor):
    """All ones: for a scalar the seed of backward(), else the sum of all elements."""
    return np.ones(tuple(shape_of(tensor)), element_type(tensor))


def _given_seed(position, tensor, g):
    """The user's seed, refused as backward() would refuse it."""
    if not isinstance(g, TensorBase):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    have, want = tuple(shape_of(g)), tuple(shape_of(tensor))
    if have != want:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of torch.Size({list(have)}) "
            f"and output[{position}] has a shape of torch.Size({list(want)})."
        )
    return array_of(g).astype(element_type(tensor), copy=False)


def _walk_back(book, call, pairs):
    waiting, heap, leaves, sums = {}, [], {}, {}

    def send(edge, g, message):
        key = id(edge)
        entry = waiting.get(key)
        if entry is None:
            waiting[key] = [edge, [message]]
            sums[key] = g
            if edge.__class__ is Node:
                heappush(heap, (-edge.seq, key))
            else:
                leaves[key] = edge
        else:
            entry[1].append(message)
            sums[key] = sums[key] + g

    for (edge, g), (record, value) in zip(pairs, call.seeds, strict=True):
        send(edge, g, Message(None, None, record, value))
    while heap:
        key = heappop(heap)[1]
        node, incoming = waiting.pop(key)
        _visit(book, call, node, sums.pop(key), incoming, send)
    for key, leaf in leaves.items():
        before = None if leaf._grad is None else Snapshot(leaf._grad)
        arrival = Arrival(book.leaf(leaf), Snapshot(sums[key]), waiting[key][1], before,
                          Snapshot(leaf))  # fmt: skip
        arrival.after = _after(leaf, sums[key])
        call.arrivals.append(arrival)


def _visit(book, call, node, g, incoming, send):
    if node.saved is FREED:
        raise RuntimeError(_FREED)
    if g.__class__ is Slots:
        g = g.fill(len(node.outputs))
    record = book.of_node(node)
    shown = [None if p is None else Snapshot(p) for p in g] if g.__class__ is tuple else Snapshot(g)
    sent = []
    out = node.prim.backward(g, node.saved, node.params, node.edges)
    for i, (edge, value) in enumerate(zip(node.edges, out, strict=True)):
        if edge is None or value is None:
            continue
        shot = Snapshot(g if value.__class__ is Slots else value)
        message = Message(record, i, book.of_edge(edge), shot)
        sent.append(message)
        send(edge, value, message)
    call.steps.append(Step(record, shown, incoming, sent, False))


def _after(leaf, g):
    """What `.grad` would be after a backward() now."""
    if leaf._grad is None:
        return Snapshot(g)
    return Snapshot(array_of(leaf._grad) + array_of(g))


_FREED = hinted(
    "Trying to explain a graph that was freed.",
    "backward() frees the values it has used. Call tidu.explain(loss) before loss.backward(), call "
    "backward(retain_graph=True), or put the code into `with tidu.explain() as ex:`.",
)


def _fill_values(recording):
    """Values that no rule kept are computed again from those that are known."""
    for record in recording.records:
        if record.kind == "part":
            source = record.inputs[0]
            if record.value is None and source.made:
                record.value = source.made[record.index]
        elif record.value is None and record.kind == "op":
            found = _computed(record)
            if isinstance(found, tuple):
                record.made = found
            else:
                record.value = found


def _fill_shapes(call):
    for step in call.steps:
        for message in step.sent:
            if message.target.value is None and not message.target.made:
                message.target.value = Snapshot.unknown(message.value)


def _computed(record):
    arrays = []
    for item in record.inputs:
        if isinstance(item, TensorBase) or not hasattr(item, "value"):
            arrays.append(item)
        elif item.value is None or item.value.array is None:
            return None
        else:
            arrays.append(item.value.array[()] if item.value.shape == () else item.value.array)
    try:
        out = record.prim.eval(*arrays, **record.params)
    except (TypeError, ValueError, AttributeError, IndexError, KeyError):
        return None
    if isinstance(out, tuple):
        return tuple([Snapshot(part) for part in out])
    return Snapshot(out)


def _locate(recording, places, frames):
    """Where each operation was called, where that is sure; for leaves, where they were assigned."""
    explained = [record for record, _ in recording.passes[0].seeds]
    found = located(recording.records, explained, frames, places.source)
    for record in recording.records:
        site = found.get(record.id)
        if isinstance(site, Site):
            record.place = places.expression(site.file, site.node)
        elif site is not None:
            record.place = places.line(site[0], site[1:])
        elif record.kind == "op":
            recording.unplaced += 1
    for record in recording.records:
        if record.kind == "part":
            record.place = record.inputs[0].place
        elif record.kind != "op":
            _locate_leaf(record, places, frames)


def _locate_leaf(record, places, frames):
    """The last assignment above the line that runs now, to a leaf's name or to its module's."""
    names = [part for name in record.names for part in (name, name.partition(".")[0])]
    frames = own_frames(frames)
    cells = [(file, math.inf) for frame in frames[-1:] for file in reversed(cells_before(frame))]
    for file, line in [*[(f.f_code.co_filename, f.f_lineno) for f in frames], *cells]:
        source = places.source(file)
        spans = [source.assigned(name, line) for name in names]
        spans = [span for span in spans if span is not None]
        if spans:
            record.place = places.line(file, max(spans))
            return


def _parameters(recording, book, names):
    for root, module in names.seen:
        for path, parameter in module.named_parameters():
            record = book.by_id.get(id(parameter))
            if record is not None:
                recording.parameters.append((f"{root}.{path}", record, parameter))
