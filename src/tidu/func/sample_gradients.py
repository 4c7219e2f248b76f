"""`per_sample()`: `loss.backward()` also fills `p.grad_sample`, the gradient of each sample's loss.

While the program runs, the axis of the samples is followed from operation to operation
(`func/batch_axis.py`). Where a parameter meets samples, the operation and its operands are kept;
when backward comes by, the operation's own rule runs once more with the samples as a vmap axis.
"""

import weakref
from collections import namedtuple

import numpy as np

from ..base.errors import hinted
from ..base.frames import user_frame
from ..base.whereabouts import place_of
from ..core.handle import LEAF, TensorBase, bottom, element_type, shape_of, wrap
from ..core.modes import listen, set_grad, unlisten
from ..core.node import Node
from ..core.primitive import OUT
from ..primitives import base, contraction, convolution, indexing, normalization, structural
from ..transforms.batch import BatchLevel
from ..transforms.reverse import run_pass
from .batch_axis import LOST, MEAN, SUM, Mixing, axis_after, is_mean, reshaped, rows_picked
from .derivatives import vjp

__all__ = ["per_sample"]

# What is known of a tensor: computed from parameters alone; the place of the samples in it;
# reduced over so many samples; or samples have met in it, and why that is refused.
SHARED = "shared"
Place = namedtuple("Place", "axis outer size")
Reduced = namedtuple("Reduced", "size")
Mixed = namedtuple("Mixed", "message")

_FIRST_IS_DATA = {contraction.linear_map, contraction.linear_product, contraction.matmul,
                  convolution.convolution, convolution.transposed_convolution,
                  normalization.normalize}  # fmt: skip

# What is kept for a node: an operation to be done per sample; parameters beside a value of all
# samples; how a reduction puts samples together.
Meeting = namedtuple("Meeting", "prim args values axes before after params wanted")
Beside = namedtuple("Beside", "size shared")
Reduction = namedtuple("Reduction", "kind")


class per_sample:
    """Inside, `loss.backward()` fills `p.grad_sample` for every parameter, as well as `p.grad`.

    Args:
        reduction: "mean" or "sum": how the loss puts samples together; "auto" sees it in the
            program. With "mean" the mean of `grad_sample` over the samples is `p.grad`, with "sum"
            their sum.
        batch_size: how many samples there are; the length of axis `dim` of what meets the first
            parameter, where none is given.
        dim: the axis of the samples in the data: 1 for sequences of shape (time, batch, ...).

    `p.grad_sample` has shape (samples, *p.shape) and is overwritten by each backward that reaches
    p. The program is not changed and runs as it would: layers, loops, weights used twice, frozen
    weights. Targets that are ignored, or weighed, share the loss unevenly: then the sum over the
    samples is still right, and each is its share.

    Raises:
        RuntimeError: in backward, where samples mix (batch normalisation in training, a mean over
            the batch that is used again), naming the operation and the line.

    >>> import tidu as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> x = torch.ones(3, 2)
    >>> with torch.func.per_sample():
    ...     (layer(x) ** 2).mean().backward()
    >>> layer.weight.grad_sample.shape
    torch.Size([3, 1, 2])
    """

    def __init__(self, reduction="auto", batch_size=None, dim=0):
        if reduction not in ("auto", MEAN, SUM):
            raise ValueError(f"per_sample: reduction must be 'mean', 'sum' or 'auto', "
                             f"got {reduction!r}")  # fmt: skip
        self.reduction, self.size, self.dim = reduction, batch_size, dim
        self._forget()

    def _forget(self):
        # By id, with weak references, so that all is gone with the graph: what is known of tracked
        # tensors, where the samples are in untracked ones, what is kept for nodes.
        self.known, self.data, self.kept = {}, {}, {}
        self.kinds, self.found, self.busy = set(), {}, False

    def __enter__(self):
        listen(self)
        return self

    def __exit__(self, *exc):
        unlisten(self)
        self._forget()
        return False

    # --- forward: where the samples are ---

    def applied(self, prim, args, params, result):
        if self.busy:
            return
        outs = result if isinstance(result, tuple) else (result,)
        node = _node_of(outs)
        if node is None:  # nothing is recorded, so nothing will come back
            return self._follow_data(prim, args, params, outs)
        known = [self._known(a) for a in args]
        status = self._after(prim, args, known, params, outs, node)
        for out in outs:
            _note(self.known, out, status)

    def _known(self, a):
        """The status of an argument, None for what carries no gradient."""
        if not isinstance(a, TensorBase):
            return None
        entry = self.known.get(id(a))
        if entry is not None and entry[0]() is a:
            return entry[1]
        if a._node is LEAF:
            return SHARED
        if a._node.__class__ is Node and len(shape_of(a)) > self.dim:
            return self._fresh(shape_of(a))  # made outside, or written in place
        return None

    def _fresh(self, shape):
        """The place of the samples in data, None where it has no room for them."""
        length = shape[self.dim] if len(shape) > self.dim else 0
        size = self.size or length
        return Place(self.dim, 1, size) if size and length % size == 0 else None

    def _follow_data(self, prim, args, params, outs):
        """Where the samples are in data after an operation, as far as that can be told."""
        followed = [self._followed(a) for a in args]
        places = followed
        if not any(places):  # the operand with most axes is taken for the data
            ranks = [len(shape_of(a)) if isinstance(a, TensorBase) else -1 for a in args]
            first = max(range(len(args)), key=ranks.__getitem__) if args else 0
            places = [self._fresh(shape_of(a)) if i == first and ranks[i] >= 0 else None
                      for i, a in enumerate(args)]  # fmt: skip
        if not any(places):
            return
        shapes = [tuple(shape_of(a)) for a in args]
        try:
            place = _moved(prim, args, places, _agreed(places), shapes, params,
                           tuple(shape_of(outs[0])))  # fmt: skip
        except Mixing:
            return
        if isinstance(place, Place):
            for out in outs:
                _note(self.data, out, place)

    def _followed(self, a):
        entry = self.data.get(id(a))
        return entry[1] if entry is not None and entry[0]() is a else None

    def _after(self, prim, args, known, params, outs, node):
        """The status of the result; keeps the operation if parameters meet samples in it."""
        mixed = next((k for k in known if isinstance(k, Mixed)), None)
        if mixed is not None:
            return mixed
        shapes, out_shape = [tuple(shape_of(a)) for a in args], tuple(shape_of(outs[0]))
        places = [k if isinstance(k, Place) else None for k in known]
        reduced = [k for k in known if isinstance(k, Reduced)]
        if reduced and any(places):
            return self._refused(prim, node, "a value of all samples is used with single ones")
        if reduced:
            if SHARED in known:
                shared = [(i, args[i]) for i, k in enumerate(known) if k is SHARED]
                _note(self.kept, node, Beside(reduced[0].size, shared))
            return reduced[0]
        if not any(places):
            places = self._data(prim, args, known, shapes, params, out_shape)
            if not any(places):
                return SHARED
        else:
            places = self._rows_beside(prim, args, known, places, shapes, out_shape)
        return self._placed(prim, args, known, places, shapes, params, out_shape, node)

    def _placed(self, prim, args, known, places, shapes, params, out_shape, node):
        expanding = prim is base.broadcast_to and known[0] is SHARED
        try:
            before = _agreed(places)
            after = (
                before
                if expanding
                else _moved(prim, args, places, before, shapes, params, out_shape)
            )
        except Mixing:
            return self._refused(prim, node, "no sample has a gradient of its own there")
        if isinstance(after, Reduced):
            if SHARED in known:
                return self._refused(prim, node, "parameters and samples are reduced together")
            _note(self.kept, node, Reduction(MEAN if is_mean(prim, params) else SUM))
        elif SHARED in known:
            axes = [None] if expanding else [p and p.axis for p in places]
            values = [bottom(a) if isinstance(a, TensorBase) else a for a in args]
            wanted = [i for i, k in enumerate(known) if k is SHARED]
            _note(self.kept, node,
                  Meeting(prim, args, values, axes, before, after, params, wanted))  # fmt: skip
        return after

    def _data(self, prim, args, known, shapes, params, out_shape):
        """The places of samples in untracked operands that parameters meet."""
        places = [None] * len(args)
        if prim is base.broadcast_to:
            grown = len(out_shape) > len(shapes[0]) or shapes[0][:1] == (1,)
            if self.size and self.size > 1 and out_shape[:1] == (self.size,) and grown:
                places[0] = Place(0, 1, self.size)
            return places
        for i, (a, k) in enumerate(zip(args, known, strict=True)):
            if k is None and isinstance(a, TensorBase):
                place = self._followed(a) or self._fresh(shapes[i])
                if place and self._is_data(prim, i, place.axis, known, shapes, out_shape):
                    places[i] = place
        return places

    def _is_data(self, prim, i, axis, known, shapes, out_shape):
        if prim in _FIRST_IS_DATA:
            return i == 0 and (prim is not contraction.matmul or len(shapes[0]) > 1)
        if prim is indexing.take:
            return i > 0
        if prim.kind != "elementwise" or len(shapes[i]) < len(out_shape):
            return False
        # A row for each sample where the parameters have none.
        if shapes[i][axis] == 1:
            return False
        others = [s for s, k in zip(shapes, known, strict=True) if k is SHARED]
        place = axis - len(out_shape)
        return all(len(s) < -place or s[place] == 1 for s in others)

    def _rows_beside(self, prim, args, known, places, shapes, out_shape):
        """Operands beside samples that have a row for each of them: masks, expanded parameters."""
        joined = prim is structural.concatenate
        if not (joined or prim.kind == "elementwise") or SHARED not in known:
            return places
        k, first = next((i, p) for i, p in enumerate(places) if p is not None)
        place = first.axis + len(out_shape) - len(shapes[k])
        found = list(places)
        for i, a in enumerate(args):
            own = place - (len(out_shape) - len(shapes[i]))
            if isinstance(a, TensorBase) and places[i] is None and own >= 0:
                if shapes[i][own] == out_shape[place] > 1:
                    found[i] = first._replace(axis=own)
        return found

    def _refused(self, prim, node, reason):
        """Kept for backward: what the loss does not depend on may mix samples as it likes."""
        place = place_of(user_frame(2))
        word = "batch normalisation" if prim is normalization.normalize else prim.name
        mixed = Mixed(hinted(
            f"per_sample: samples mix in {word} ({place}): {reason}.",
            "use a layer that looks at one sample alone: GroupNorm or LayerNorm instead of "
            "BatchNorm (or its eval mode). If that axis does not hold the samples, say where they "
            "are: per_sample(batch_size=..., dim=...).",
        ))  # fmt: skip
        _note(self.kept, node, mixed)
        return mixed

    # --- backward: the operations once more, with the samples as a vmap axis ---

    def pass_begins(self, job, seeds):
        if not self.busy:
            self.found, self.kinds = {}, set()

    def visited(self, job, node, g, out):
        entry = None if self.busy else self.kept.get(id(node))
        if entry is None or entry[0]() is not node:
            return
        record = entry[1]
        if isinstance(record, Mixed):
            raise RuntimeError(record.message)
        if isinstance(record, Reduction):
            self.kinds.add(record.kind)
            return
        self.busy = True
        try:
            if isinstance(record, Meeting):
                self._split(record, g)
            else:
                self._shared_out(record, out)
        finally:
            self.busy = False

    def _shared_out(self, record, out):
        """Parameters beside the loss of all samples: each sample has its part of their gradient."""
        for i, handle in record.shared:
            if out[i] is not None:
                part = _raw(out[i]) / record.size
                self._arrived(handle, np.broadcast_to(part, (record.size, *part.shape)))

    def pass_ends(self, job):
        if self.busy or not self.found:
            return
        kinds = self.kinds or {SUM}
        if self.reduction == "auto" and len(kinds) > 1:
            raise RuntimeError(hinted(
                "per_sample: the loss is summed over the samples in one place and averaged in "
                "another.",
                "say which it is: per_sample(reduction='mean') or per_sample(reduction='sum').",
            ))  # fmt: skip
        kind = next(iter(kinds)) if self.reduction == "auto" else self.reduction
        for leaf, total in self.found.values():
            count = element_type(leaf).type(len(total))  # in the parameter's type, which stays
            leaf.grad_sample = wrap(total * count if kind == MEAN else total)
        self.found = {}

    def _split(self, meeting, g):
        """Each sample's cotangents of the parameters in one operation."""
        outs = [_raw(p) for p in (g if isinstance(g, tuple) else (g,))]
        before, after = meeting.before, meeting.after
        was = set_grad(False)
        try:
            with BatchLevel(after.size) as level:
                whole = [
                    v if not hasattr(v, "dtype") else wrap(v) if axis is None
                    else _folded(level, v, before._replace(axis=axis))
                    for v, axis in zip(meeting.values, meeting.axes, strict=True)
                ]  # fmt: skip
                pull = self._rule(meeting, whole)
                found = pull([None if o is None else _folded(level, o, after) for o in outs])
                found = [level.fronted(_lifted(f))._value for f in found]
        finally:
            set_grad(was)
        for i, part in zip(meeting.wanted, found, strict=True):
            axis = meeting.axes[i]
            whole = part if axis is None else _in_its_row(part, before._replace(axis=axis))
            self._arrived(meeting.args[i], whole)

    def _rule(self, meeting, whole):
        """[cotangent of each output or None] -> cotangents of the parameters, on one sample."""
        prim, params, wanted = meeting.prim, _single(meeting), meeting.wanted
        edges = tuple([self if i in wanted else None for i in range(len(whole))])
        if OUT not in prim.kept(tuple([e is not None for e in edges])):
            saved = (*whole, None, tuple([tuple(shape_of(v)) for v in whole]))

            def pull(cotangents):
                back = prim.backward(cotangents[0], saved, params, edges)
                return [back[i] for i in wanted]

            return pull

        def operation(*parts):
            args = list(whole)
            for i, part in zip(wanted, parts, strict=True):
                args[i] = part
            return prim(*args, **params)

        made, back = vjp(operation, *[whole[i] for i in wanted])
        outs = made if isinstance(made, tuple) else (made,)

        def pull_from(cotangents):
            full = [wrap(np.zeros(tuple(shape_of(o)), element_type(o))) if c is None else c
                    for c, o in zip(cotangents, outs, strict=True)]  # fmt: skip
            return back(tuple(full) if isinstance(made, tuple) else full[0])

        return pull_from

    def _arrived(self, handle, part):
        """Cotangents (samples, ...) at a parameter, or at what was computed from parameters."""
        if handle._node is LEAF:
            entry = self.found.get(id(handle))
            if entry is not None and len(entry[1]) != len(part):
                raise RuntimeError(hinted(
                    f"per_sample: one parameter meets {len(entry[1])} samples in one place and "
                    f"{len(part)} in another.",
                    "say how many there are: per_sample(batch_size=...).",
                ))  # fmt: skip
            self.found[id(handle)] = (handle, np.array(part if entry is None else entry[1] + part))
            return
        with BatchLevel(len(part)) as level:
            seed = level.lift(wrap(np.ascontiguousarray(part)), 0)
            job = run_pass([(handle._node, seed)], retain=True, create_graph=True)
            found = job.leaves.values()
            arrived = [(leaf, level.fronted(_lifted(g)).detach()) for leaf, g in found]
        for leaf, g in arrived:
            self._arrived(leaf, _raw(g))


# --- notes that go with what they are about -------------------------------------------------------


def _note(table, thing, record):
    key = id(thing)
    table[key] = weakref.ref(thing, lambda _: table.pop(key, None)), record


def _node_of(outs):
    """The node that made some outputs, None where nothing is recorded."""
    node = next((o._node for o in outs if o._node.__class__ is Node), None)
    while node is not None and node.prim.name == "output_of":
        node = node.edges[0]
    return node


# --- places of samples in arrays ------------------------------------------------------------------


def _agreed(places):
    """The place all operands with samples agree on, but for the axis."""
    found = {p[1:] for p in places if p is not None}
    if len(found) > 1:
        raise Mixing
    return next(p for p in places if p is not None)


def _moved(prim, args, places, before, shapes, params, out_shape):
    """The place of the samples in the result, or Reduced."""
    axes = [p and p.axis for p in places]
    if prim is base.reshape:
        axis, outer = reshaped(axes[0], before.outer, shapes[0], out_shape, before.size)
        return Place(axis, outer, before.size)
    if prim is indexing.take and axes[0] in params["dims"] and not any(places[1:]):
        indices = [np.asarray(bottom(a) if isinstance(a, TensorBase) else a) for a in args[1:]]
        axis = rows_picked(axes[0], indices, params["dims"], shapes[0][axes[0]])
        return before._replace(axis=axis)
    axis = axis_after(prim, axes, shapes, params, out_shape, before.size)
    return Reduced(before.size) if axis is LOST else before._replace(axis=axis)


def _single(meeting):
    """The params of an operation on one sample."""
    if meeting.prim is base.broadcast_to:
        shape = meeting.params["shape"]
        return {"shape": (shape[0] // meeting.after.size, *shape[1:])}
    return meeting.params


def _folded(level, value, place):
    """An array with its samples as the axis of the level; what lies beside them stays."""
    axis, outer, size = place
    shape = value.shape
    inner = shape[axis] // (size * outer)
    parts = value.reshape(*shape[:axis], outer, size, inner, *shape[axis + 1 :])
    front = np.moveaxis(parts, axis + 1, 0)
    whole = front.reshape(size, *shape[:axis], outer * inner, *shape[axis + 1 :])
    return level.lift(wrap(whole), 0)


def _in_its_row(part, place):
    """Cotangents of an operand that has a row for each sample: zero in the others' rows."""
    axis, outer, size = place
    shape = part.shape[1:]
    inner = shape[axis] // outer
    rows = part.reshape(size, *shape[:axis], outer, inner, *shape[axis + 1 :])
    out = np.zeros((size, *shape[:axis], outer, size, inner, *shape[axis + 1 :]), part.dtype)
    for b in range(size):
        out[(b, *[slice(None)] * (axis + 1), b)] = rows[b]
    return out.reshape(size, *shape[:axis], outer * size * inner, *shape[axis + 1 :])


def _lifted(g):
    return g if isinstance(g, TensorBase) else wrap(g)


def _raw(g):
    return None if g is None else bottom(g) if isinstance(g, TensorBase) else g
