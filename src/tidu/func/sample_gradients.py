"""`per_sample()`: `loss.backward()` also fills `p.grad_sample`, the gradient of each sample's loss.

While the program runs, the axis of the samples is followed from operation to operation
(`func/batch_axis.py`). Where a parameter meets samples, the operation and its operands are kept;
when backward comes by, the operation's own rule runs once more with the samples as a vmap axis.
"""

import numpy as np

from ..core.handle import LEAF, TensorBase, bottom, element_type, shape_of, wrap
from ..core.modes import listen, set_grad, unlisten
from ..core.node import Node
from ..core.primitive import OUT
from ..errors import hinted
from ..primitives import base, contraction, convolution, indexing, normalization, structural
from ..transforms.batch import BatchLevel
from ..transforms.reverse import run_pass
from ..whereabouts import place_of, user_frame
from .batch_axis import LOST, MEAN, SUM, Mixing, axis_after, is_mean, reshaped
from .derivatives import vjp

__all__ = ["per_sample"]

SHARED = "shared"  # computed from parameters alone
_FIRST_IS_DATA = {contraction.linear_map, contraction.linear_product, contraction.matmul,
                  convolution.convolution, convolution.transposed_convolution,
                  normalization.normalize}  # fmt: skip


class Meeting:
    """An operation in which parameters met samples: what is needed to do it per sample."""

    __slots__ = ("args", "axes", "outer", "params", "place", "prim", "values", "wanted")

    def __init__(self, prim, args, axes, outer, place, params):
        self.prim, self.axes, self.outer = prim, axes, outer
        self.place, self.params = place, params  # of the samples in the result: (axis, outer)
        self.values = [bottom(a) if isinstance(a, TensorBase) else a for a in args]
        self.args = args
        self.wanted = []


class per_sample:
    """Inside, `loss.backward()` fills `p.grad_sample` for every parameter, as well as `p.grad`.

    Args:
        reduction: "mean" or "sum": how the loss puts samples together; "auto" sees it in the
            program. With "mean" the mean of `grad_sample` over the samples is `p.grad`, with "sum"
            their sum.
        batch_size: how many samples there are, where the first axis of what meets the first
            parameter does not tell.

    `p.grad_sample` has shape (samples, *p.shape) and is overwritten by each backward. The program
    is not changed and runs as it would: layers, loops, weights used twice, frozen weights.

    Raises:
        RuntimeError: where samples mix (batch normalisation in training, a mean over the batch that
            is used again), naming the operation and the line.

    >>> import tidu as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> x = torch.ones(3, 2)
    >>> with torch.func.per_sample():
    ...     (layer(x) ** 2).mean().backward()
    >>> layer.weight.grad_sample.shape
    torch.Size([3, 1, 2])
    """

    def __init__(self, reduction="auto", batch_size=None):
        if reduction not in ("auto", MEAN, SUM):
            raise ValueError(f"per_sample: reduction must be 'mean', 'sum' or 'auto', "
                             f"got {reduction!r}")  # fmt: skip
        self.reduction, self.size = reduction, batch_size
        self._forget()

    def _forget(self):
        self.status, self.meetings, self.spread, self.kinds = {}, {}, {}, set()
        self.found, self.busy = {}, False

    def __enter__(self):
        listen(self)
        return self

    def __exit__(self, *exc):
        unlisten(self)
        self._forget()
        return False

    # --- forward: where the samples are ---

    def applied(self, prim, args, params, result):
        if self.busy or not prim.differentiable:
            return
        known = [self._status(a) for a in args]
        tracked = [k for k in known if k is not None]
        if not tracked:
            return
        outs = result if isinstance(result, tuple) else (result,)
        status = self._after(prim, args, known, params, outs)
        for out in outs:
            self.status[id(out)] = (out, status)

    def _status(self, a):
        """SHARED, LOST, (axis, outer) of the samples, or None for what carries no gradient."""
        if not isinstance(a, TensorBase):
            return None
        entry = self.status.get(id(a))
        if entry is not None and entry[0] is a:
            return entry[1]
        if a._node is LEAF:
            return SHARED
        if a._node.__class__ is Node:
            return 0, 1  # made outside, or written in place: its first axis
        return None

    def _after(self, prim, args, known, params, outs):
        """The status of the result; keeps the operation if parameters meet samples in it."""
        shapes = [tuple(shape_of(a)) for a in args]
        out_shape = tuple(shape_of(outs[0]))
        axes = [k[0] if isinstance(k, tuple) else None for k in known]
        if all(k in (None, SHARED) for k in known):
            axes = self._data(prim, args, known, shapes, params, out_shape)
            if all(a is None for a in axes):
                return SHARED
        elif all(a is None for a in axes):  # sums over the samples, and parameters
            self._spread(args, known, outs)
            return LOST
        elif LOST in known:
            self._refuse(prim, "a value summed over the samples is used with single samples again")
        else:
            axes = self._data_beside(prim, args, known, axes, shapes, out_shape)
        return self._placed(prim, args, known, axes, shapes, params, outs, out_shape)

    def _placed(self, prim, args, known, axes, shapes, params, outs, out_shape):
        outers = {k[1] for k in known if isinstance(k, tuple)} or {1}
        try:
            place = self._place(prim, known, axes, shapes, params, out_shape, outers)
        except Mixing:
            self._refuse(prim, "it combines samples, so no sample has a gradient of its own")
        if place is LOST:
            self.kinds.add(MEAN if is_mean(prim, params) else SUM)
            if any(k is SHARED for k in known):
                self._refuse(prim, "parameters and samples are reduced together")
            return LOST
        if any(k is SHARED for k in known):
            if prim is base.broadcast_to:
                axes = [None]
            self._meet(Meeting(prim, args, axes, next(iter(outers)), place, params), known, outs)
        return place

    def _place(self, prim, known, axes, shapes, params, out_shape, outers):
        """(axis, outer) of the samples in the result, or LOST."""
        if prim is base.broadcast_to and known[0] is SHARED:
            return 0, 1
        if len(outers) > 1:
            raise Mixing
        (outer,) = outers
        if prim is base.reshape:
            return reshaped(axes[0], outer, shapes[0], out_shape, self.size)
        axis = axis_after(prim, axes, shapes, params, out_shape, self.size)
        return LOST if axis is LOST else (axis, outer)

    def _data(self, prim, args, known, shapes, params, out_shape):
        """The axes of untracked operands that are samples, beside parameters."""
        axes = [None] * len(args)
        if prim is base.broadcast_to:
            grown = len(out_shape) > len(shapes[0]) or shapes[0][:1] == (1,)
            if self.size and out_shape[:1] == (self.size,) and grown and self.size > 1:
                axes[0] = 0
            return axes
        for i, (a, k) in enumerate(zip(args, known, strict=True)):
            if k is not None or not isinstance(a, TensorBase) or not shapes[i]:
                continue
            if prim in _FIRST_IS_DATA:
                chosen = i == 0 and (prim is not contraction.matmul or len(shapes[0]) > 1)
            elif prim is indexing.take:
                chosen = i > 0
            elif prim.kind == "elementwise":
                chosen = self._is_row(i, known, shapes, out_shape)
            else:
                chosen = False
            if chosen and (self.size is None or shapes[i][0] % self.size == 0):
                self.size = self.size or shapes[i][0]
                axes[i] = 0
        return axes

    def _is_row(self, i, known, shapes, out_shape):
        """An elementwise operand has a row for each sample where the parameters have none."""
        if len(shapes[i]) < len(out_shape) or shapes[i][0] == 1:
            return False
        others = [s for s, k in zip(shapes, known, strict=True) if k is SHARED]
        return all(len(s) < len(out_shape) or s[0] == 1 for s in others)

    def _data_beside(self, prim, args, known, axes, shapes, out_shape):
        """Operands beside samples that have a row for each of them: masks, expanded parameters."""
        joined = prim is structural.concatenate
        if not (joined or prim.kind == "elementwise") or SHARED not in known:
            return axes
        rank = len(out_shape)
        place = next(a + rank - len(s) for a, s in zip(axes, shapes, strict=True) if a is not None)
        found = list(axes)
        for i, (a, k) in enumerate(zip(args, known, strict=True)):
            own = place - (rank - len(shapes[i]))
            if isinstance(a, TensorBase) and k in (None, SHARED) and own >= 0:
                if shapes[i][own] == out_shape[place] > 1:
                    found[i] = own
        return found

    def _meet(self, meeting, known, outs):
        meeting.wanted = [i for i, k in enumerate(known) if k is SHARED]
        node = outs[0]._node
        if node.__class__ is not Node:
            return  # recording is off
        while node.prim.name == "output_of":
            node = node.edges[0]
        self.meetings[id(node)] = (node, meeting)

    def _spread(self, args, known, outs):
        """Parameters beside the loss of all samples: each sample has the whole (mean) or a part."""
        node = outs[0]._node
        if SHARED in known and LOST in known and node.__class__ is Node:
            self.spread[id(node)] = (node, [(i, args[i]) for i, k in enumerate(known)
                                            if k is SHARED])  # fmt: skip

    def _refuse(self, prim, reason):
        place = place_of(user_frame(3))
        word = "batch normalisation" if prim is normalization.normalize else prim.name
        raise RuntimeError(hinted(
            f"per_sample: samples mix in {word} ({place}): {reason}.",
            "use a layer that looks at one sample alone: GroupNorm or LayerNorm instead of "
            "BatchNorm (or its eval mode), or follow the samples with vmap(grad(...)).",
        ))  # fmt: skip

    # --- backward: the operations once more, with the samples as a vmap axis ---

    def pass_begins(self, job, seeds):
        if not self.busy:
            self.found = {}

    def visited(self, job, node, g, out):
        if self.busy:
            return
        entry = self.meetings.get(id(node))
        shared = self.spread.get(id(node))
        self.busy = True
        try:
            if entry is not None and entry[0] is node:
                self._split(entry[1], g)
            elif shared is not None and shared[0] is node:
                for i, handle in shared[1]:
                    if out[i] is not None:
                        part = _raw(out[i]) / self.size
                        self._arrived(handle, np.broadcast_to(part, (self.size, *part.shape)))
        finally:
            self.busy = False

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
            leaf.grad_sample = wrap(total * leaf_type(leaf, self.size) if kind == MEAN else total)
        self.status, self.meetings, self.spread, self.kinds = {}, {}, {}, set()

    def _split(self, meeting, g):
        """Each sample's cotangents of the parameters in one operation."""
        outs = [_raw(p) for p in (g if isinstance(g, tuple) else (g,))]
        was = set_grad(False)
        try:
            with BatchLevel(self.size) as level:
                whole = [
                    v if not hasattr(v, "dtype") else wrap(v) if axis is None
                    else self._folded(level, v, axis, meeting.outer)
                    for v, axis in zip(meeting.values, meeting.axes, strict=True)
                ]  # fmt: skip
                pull = self._rule(meeting, whole)
                found = pull([None if o is None else self._folded(level, o, *meeting.place)
                              for o in outs])  # fmt: skip
                found = [level.fronted(_lifted(f))._value for f in found]
        finally:
            set_grad(was)
        for i, part in zip(meeting.wanted, found, strict=True):
            axis = meeting.axes[i]
            whole = part if axis is None else self._in_its_row(part, axis, meeting.outer)
            self._arrived(meeting.args[i], whole)

    def _rule(self, meeting, whole):
        """[cotangent of each output or None] -> cotangents of the parameters, on one sample."""
        prim, params, wanted = meeting.prim, self._single(meeting), meeting.wanted
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

    def _single(self, meeting):
        """The params of an operation on one sample."""
        if meeting.prim is base.broadcast_to:
            shape = meeting.params["shape"]
            return {"shape": (shape[0] // self.size, *shape[1:])}
        return meeting.params

    def _folded(self, level, value, axis, outer):
        """An array with its samples as the axis of the level; what lies beside them stays."""
        shape = value.shape
        if shape[axis] % (self.size * outer):
            raise RuntimeError(hinted(
                f"per_sample: an axis of {shape[axis]} elements does not hold {self.size} samples.",
                "say how many there are: per_sample(batch_size=...).",
            ))  # fmt: skip
        inner = shape[axis] // (self.size * outer)
        parts = value.reshape(*shape[:axis], outer, self.size, inner, *shape[axis + 1 :])
        front = np.moveaxis(parts, axis + 1, 0)
        whole = front.reshape(self.size, *shape[:axis], outer * inner, *shape[axis + 1 :])
        return level.lift(wrap(whole), 0)

    def _in_its_row(self, part, axis, outer):
        """Cotangents of an operand that has a row for each sample: zero in the others' rows."""
        size, shape = self.size, part.shape[1:]
        inner = shape[axis] // outer
        rows = part.reshape(size, *shape[:axis], outer, inner, *shape[axis + 1 :])
        out = np.zeros((size, *shape[:axis], outer, size, inner, *shape[axis + 1 :]), part.dtype)
        for b in range(size):
            out[(b, *[slice(None)] * (axis + 1), b)] = rows[b]
        return out.reshape(size, *shape[:axis], outer * size * inner, *shape[axis + 1 :])

    def _arrived(self, handle, part):
        """Cotangents (samples, ...) at a parameter, or at what was computed from parameters."""
        if handle._node is LEAF:
            entry = self.found.get(id(handle))
            total = part if entry is None else entry[1] + part
            self.found[id(handle)] = (handle, np.array(total))
            return
        with BatchLevel(self.size) as level:
            seed = level.lift(wrap(np.ascontiguousarray(part)), 0)
            job = run_pass([(handle._node, seed)], retain=True, create_graph=True)
            arrived = [
                (leaf, level.fronted(_lifted(g)).detach()) for leaf, g in job.leaves.values()
            ]
        for leaf, g in arrived:
            self._arrived(leaf, _raw(g))


def _lifted(g):
    return g if isinstance(g, TensorBase) else wrap(g)


def _raw(g):
    return None if g is None else bottom(g) if isinstance(g, TensorBase) else g


def leaf_type(leaf, size):
    """The number of samples in the type of a parameter, which the product keeps."""
    return element_type(leaf).type(size)
