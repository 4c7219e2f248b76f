"""The general way of an operation (short ones: `fast.py`, `looks.py`, `direct.py`).

It finds the innermost transform among the values and hands the call to it. Where there is none it
computes, and records a node if a value is being tracked. Read `below`, then `record`.
"""

from numpy import ndarray

from ..base.dtypes import KEPT
from ..base.errors import out_of_memory
from ..base.lazy import lazy_module
from .blocks import LOOP_FROM
from .handle import (
    LEAF,
    TensorBase,
    View,
    element_type,
    extra_of,
    is_inference,
    lying,
    note_view,
    shape_of,
    wrap,
)
from .modes import LOCAL, STATE
from .node import Node, Packed, PackedBackwards, Parcel, output_node, placeless
from .versions import clock, owner, version

__all__ = ["below", "computed", "edges_of", "link", "link_result", "parcel", "record",
           "saved_for"]  # fmt: skip

kept = lazy_module("tidu.core.kept")


def below(prim, args, params):
    """The primitive on handles (and Python numbers), under whatever transforms they carry.

    What comes out is nobody's view yet: `Primitive.__call__` sees to that for users' tensors.
    """
    level, depth, tracked, values = None, -1, False, []
    for a in args:
        if isinstance(a, TensorBase):
            value = a._value
            if value.dtype is None:
                if value.level.depth > depth:
                    level = value.level
                    depth = level.depth
            elif a._node is not None:
                tracked = True
            values.append(value)
        else:
            values.append(a)
    if STATE.special and LOCAL.stage is not None and LOCAL.stage.depth > depth:
        level = LOCAL.stage
    if level is not None:
        result = level.process(prim, args, params)
    else:
        if prim.is_view:
            values[0] = args[0]._array()
        result = computed(prim, args, values, params, tracked)
    if STATE.listeners and (level is None or level.told):
        for listener in STATE.listeners:
            listener.applied(prim, args, params, result)
    return result


def computed(prim, args, values, params, tracked):
    """The primitive on the values of `args`, recorded if one of these is tracked."""
    if KEPT and not prim.is_view:
        kept.require_moving(prim, values)
    compute = prim.large
    if compute is None or values[0].__class__ is not ndarray or values[0].size < LOOP_FROM:
        compute = prim.eval
    try:
        out = compute(*values, **params)
    except MemoryError as error:
        raise out_of_memory(error) from None
    if tracked and prim.differentiable and (not STATE.special or LOCAL.grad):
        if STATE.inference:
            _check_inference(prim, args)
        result = record(prim, edges_of(args), values, params, out, wrap)
        if STATE.special and LOCAL.packing is not None:
            pack_saved(result, args)
        return result
    return tuple([wrap(part) for part in out]) if out.__class__ is tuple else wrap(out)


def edges_of(args):
    """Where the gradient of each argument goes: a Node, a leaf, or None."""
    edges = []
    for a in args:
        node = a._node if isinstance(a, TensorBase) else None
        edges.append(a if node is LEAF else node)
    return edges


def record(prim, edges, values, params, out, lift):
    """Handles for `out` with a node that remembers how it was made.

    `edges` say where the gradients of the inputs go, `values` are the inputs one level below
    their handles, and `lift(value, node)` makes a handle of the same level.
    """
    several = out.__class__ is tuple
    first = out[0] if several else out
    if isinstance(first, TensorBase):
        first = first._value
    kind = (first.element_type if first.dtype is None else first.dtype).kind
    saved = saved_for(prim, edges, values, out)
    if kind != "f":
        if kind == "c" and prim.conjugated is not None:
            prim = prim.conjugated
        elif kind == "V":
            prim = Narrow(prim, values)
    # Values of transforms are no memory that a line could change: only the eager tape is asked.
    make = Node if lift is wrap else placeless
    node = make(clock(), prim, tuple(edges), saved, params)
    if not several:
        return lift(out, node if kind in _DIFFERENTIABLE else None)
    node.outputs = tuple([(tuple(shape_of(part)), element_type(part)) for part in out])
    return tuple(
        [
            lift(part, output_node(clock(), node, i))
            if i not in prim.nondiff_outputs and element_type(part).kind in _DIFFERENTIABLE
            else lift(part, None)
            for i, part in enumerate(out)
        ]
    )


def _check_inference(prim, args):
    """Refuse to keep a tensor made in inference mode for the backward pass."""
    plan = prim.plan(tuple([edge is not None for edge in edges_of(args)]))
    if any(kept and is_inference(a) for a, kept in zip(args, plan.inputs, strict=True)):
        raise RuntimeError(_INFERENCE)


class Narrow:
    """A primitive on bfloat16, whose rules on raw arrays may widen it: Python's numbers count as
    float32 beside it. Each cotangent comes back in the type of its input."""

    def __init__(self, base, values):
        self.base = base
        self.types = [getattr(v, "dtype", None) for v in values]

    def __getattr__(self, name):
        return getattr(self.base, name)

    def __call__(self, *args, **params):
        return self.base(*args, **params)

    def backward(self, g, saved, params, edges):
        out = self.base.backward(g, saved, params, edges)
        return [
            c
            if c is None
            or kept is None
            or getattr(c, "dtype", kept) is None
            or isinstance(c, TensorBase)
            or c.dtype is kept
            else c.astype(kept)
            for c, kept in zip(out, self.types, strict=True)
        ]


_INFERENCE = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
    "inference mode in computation tracked by autograd. To work around this, you can make "
    "a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
    "`torch.inference_mode()`."
)

_ONE = (True,)
_DIFFERENTIABLE = "fcVW"  # kinds of NumPy's types: floating point, complex, bfloat16, complex32


def saved_for(prim, edges, values, out):
    """What the rules of the tracked inputs ask for, in the places `Node.saved` documents."""
    count = len(edges)
    if count == 2:  # the loops below, unrolled for the most frequent cases
        needs = (edges[0] is not None, edges[1] is not None)
        plan = prim.plans.get(needs) or prim.plan(needs)
        x, y = plan.inputs
        saved = [values[0] if x else None, values[1] if y else None]
    elif count == 1:
        plan = prim.plans.get(_ONE) or prim.plan(_ONE)
        saved = [values[0] if plan.inputs[0] else None]
    else:
        plan = prim.plan(tuple([edge is not None for edge in edges]))
        saved = [v if k else None for v, k in zip(values, plan.inputs, strict=True)]
    parts = plan.out and prim.kept_outputs is not None
    saved.append(_kept_parts(prim.kept_outputs, out) if parts else out if plan.out else None)
    saved.append(prim.kept_shapes(values) if plan.shapes else None)
    return tuple(saved)


def pack_saved(result, args):
    """Give what a new node saved to the user's hooks."""
    first = result[0] if result.__class__ is tuple else result
    node = first._node
    if node is None:
        return
    if node.prim.name == "output_of":
        node = node.edges[0]
    count = len(args)
    packed = [None] * count
    # Hooks see x * y and x @ y as PyTorch's do.
    backwards = count == 2 and (node.prim.kind == "elementwise" or node.prim.name == "mm")
    for i in reversed(range(count)) if backwards else range(count):
        packed[i] = parcel(node.saved[i], args[i])
    for i, entry in enumerate(node.saved[count:], start=count):
        if i == count and entry is not None:  # the output, or several
            several = entry.__class__ is tuple
            parts = [parcel(part, None) for part in (entry if several else (entry,))]
            packed.append(tuple(parts) if several else parts[0])
        else:
            packed.append(entry)
    node.saved = (PackedBackwards if backwards else Packed)(packed)


def parcel(value, handle):
    """One saved value as the hooks leave it; `handle` is the user's tensor, if it is an input."""
    if getattr(value, "dtype", None) is None:
        return value
    (pack, unpack), LOCAL.packing = LOCAL.packing, None
    try:
        if isinstance(value, TensorBase):  # of a transform, whose values are tensors
            content = pack(value if handle is None else handle)
            return Parcel(content, unpack, element_type(value), whole=True)
        before = version(value)
        content = pack(wrap(value) if handle is None or handle._value is not value else handle)
    finally:
        LOCAL.packing = (pack, unpack)
    if version(value) != before:
        raise RuntimeError(_PACKED_IN_PLACE)
    return Parcel(content, unpack, value.dtype)


_PACKED_IN_PLACE = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack "
    "hook cannot be modified by in-place operations as this can lead to unexpected side-effects. "
    "Please open an issue if you need to perform in-place operations on the input to a pack hook."
)


def _kept_parts(kept, out):
    """The outputs the rules read: what is not kept may be overwritten."""
    return tuple([v if i in kept else None for i, v in enumerate(out)])


def link_result(prim, params, source, result):
    """Remember that a result looks into the memory of its source, if it really does."""
    if result.__class__ is not tuple:
        _link_view(prim, params, source, result)
        return
    for part, (step, given) in zip(result, prim.parts(params), strict=True):
        _link_view(step, given, source, part)


def _link_view(prim, params, source, result):
    if result._view is not None:
        return
    value, other = result._value, source._value
    if value.dtype is None or other.dtype is None:  # what lies at their bottom tells
        value, other = lying(value), lying(other)
        if value.dtype is not None and owner(value) is not owner(other):
            return
    elif value.base is None or (value.base is not other and owner(value) is not owner(other)):
        return
    link(prim, params, source, result)


def link(prim, params, source, result):
    """Remember that `result` is the view of `source` that this step makes."""
    if is_inference(source):
        extra_of(result).inference = True
    elif result._extra is not None:
        result._extra.inference = False
    view = source._view
    mode, step = LOCAL.grad if STATE.special else True, (prim, params)
    if view is None:
        base, result._view = source, View(source, (step,), mode)
    else:
        base, part = view.base, None if view.part is None else 0
        result._view = View(base, (*view.steps, step), mode and view.grad_mode, part)
    note_view(base, result)
