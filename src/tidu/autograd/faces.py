"""What users see of the tape: `grad_fn` with PyTorch's names, `next_functions`, hooks' handles."""

import weakref
from collections import namedtuple

import numpy as np

from ..base.dtypes import OF_NUMPY
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..base.size import Size
from ..core.handle import TensorBase, edge_of, element_type, extra_of, shape_of, wrap
from ..core.modes import LOCAL
from ..core.node import (
    FREED,
    Hooks,
    Node,
    Packed,
    Parcel,
    hooks_of,
    name_of,
    opened,
    past_casts,
)  # fmt: skip
from ..core.primitive import OUT, SHAPES
from ..primitives import contraction
from ..primitives.structural import slice_
from ..transforms.reverse import SECOND_TIME, beside
from .removable import RemovableHandle

__all__ = ["AccumulateGrad", "GradientEdge", "GraphNode", "accumulator_of",
           "edges_shown", "face_of", "gradient_edge", "output_number"]  # fmt: skip

one_node = lazy_module(f"{__package__}.one_node")
replays = lazy_module(f"{__package__}.replays")
names_kept = lazy_module(f"{__package__}.saved_names")
_CLASSES = {}


_ENGINES = ("CopySlices", "CopyBackwards", "NotImplemented")  # nodes of no single operation


class GraphNode:
    """A step of a backward pass: `name()`, `next_functions`, `metadata`, hooks, `_saved_...`."""

    requires_grad = True

    def __init__(self, node):
        self._node, self._outputs = node, {}

    def __setattr__(self, name, value):
        if name.startswith(("_saved_", "_raw_saved_")) and name in dir(self):
            raise AttributeError(
                f"attribute '{name}' of '{type(self).__name__}' objects is not writable"
            )
        object.__setattr__(self, name, value)

    def _hooks(self):
        if self._node.prim is _Drawn or replays.is_replayed(self._node):
            raise NotImplementedError(hinted(
                f"{self.name()}: this step is not a node of its own in tidu.",
                "it is a part of the node that leads to it; hooks can be registered there.",
            ))  # fmt: skip
        return hooks_of(self._node)

    def _looked_at(self):
        if LOCAL.tracer is not None:
            LOCAL.tracer.looks_at(self._node)

    def name(self):
        self._looked_at()
        name = name_of(self._node)
        return f"torch::autograd::{name}" if name in _ENGINES else name

    def __call__(self, *gradients):
        """What the node sends to its inputs when its outputs get `gradients`; no hook runs."""
        told = replays.told_by(self._node)
        return one_node.called(told, _shown(told), gradients)

    @property
    def next_functions(self):
        """((function, output number), ...): where the gradients of the inputs go."""
        self._looked_at()
        return tuple([_next(edge) for edge in _shown(replays.told_by(self._node))])

    @property
    def metadata(self):
        hooks = hooks_of(self._node)
        if hooks.metadata is None:
            hooks.metadata = {}
        return hooks.metadata

    @property
    def _input_metadata(self):
        """Shape and type of each output of the operation, as far as tensors told them."""
        count = len(getattr(self._node, "outputs", None) or (0,))
        return [self._outputs.get(i) for i in range(count)]

    def _sequence_nr(self):
        return self._node.seq

    def register_hook(self, fn):
        """fn(grad_inputs, grad_outputs) after the node has run; may return new grad_inputs."""
        return _added(self._hooks().post, fn)

    def register_prehook(self, fn):
        """fn(grad_outputs) before the node runs; may return new grad_outputs."""
        return _added(self._hooks().pre, fn)

    def __getattr__(self, name):
        if name.startswith(("_saved_", "_raw_saved_")) and not self._own_function():
            told = replays.told_by(self._node)
            source = names_kept.saved_names(told).get(name.partition("_saved_")[2])
            if source is not None:
                return self._kept(told, name, source)
        context = getattr(self._node.prim, "ctx", None)  # of a function the user wrote
        if context is not None and not name.startswith("__"):
            return getattr(context, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _own_function(self):
        return getattr(self._node.prim, "ctx", None) is not None

    def _kept(self, told, name, source):
        """The value of `_saved_...`, or what stands for it under `_raw_saved_...`."""
        place = names_kept.place_of(source)
        try:
            if place is None:
                if name.startswith("_raw"):
                    raise AttributeError
                found = names_kept.setting(told, source)
            else:
                part = int(source.partition(":")[2] or 0) if ":" in source else None
                saved = SavedTensor(told, place, part)
                if name.startswith("_raw"):
                    return saved
                found = saved.value()
            if isinstance(found, TensorBase):
                if self._node.saved is FREED:
                    raise RuntimeError(SECOND_TIME)
                if replays.is_hollow(told):
                    raise AttributeError
            return found
        except AttributeError:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '{name}'"
            ) from None

    @property
    def _raw_saved_tensors(self):
        """What a function of the user's saved, one object for each tensor."""
        if not self._own_function():
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '_raw_saved_tensors'"
            )
        node = self._node
        if node.saved is FREED:
            raise RuntimeError(SECOND_TIME)
        kept = node.saved[len(node.edges)].items
        return tuple([SavedByFunction(each) for each in kept])

    def __dir__(self):
        names = set(super().__dir__()) - {"_raw_saved_tensors"}
        if self._own_function():
            return sorted({*names, *dir(self._node.prim.ctx), "_raw_saved_tensors"})
        for name, source in names_kept.saved_names(replays.told_by(self._node)).items():
            if names_kept.place_of(source) is not None:
                names |= {f"_saved_{name}", f"_raw_saved_{name}"}
            elif _answers(self, f"_saved_{name}"):
                names.add(f"_saved_{name}")
        return sorted(names)

    def __repr__(self):
        self._looked_at()
        own = type(self).__name__ == getattr(self._node.prim, "torch_name", "") and (
            getattr(self._node.prim, "ctx", None) is not None
        )
        place = "torch.autograd.function." if own else ""
        return f"<{place}{type(self).__name__} object at {id(self._node):#x}>"


def edges_shown(node):
    """The edges of a node as PyTorch has them, as far as they are known without doing anything."""
    shown = getattr(node, "shown", None)
    if shown.__class__ is not Node and shown.__class__.__name__ != "Replay":
        return _shown(node)
    # Steps done again are younger than all of the graph; its own edges have their places in time.
    steps = _STEPS.get(node.prim)
    return steps("", *node.edges) if steps else node.edges


def _shown(node):
    """The edges of a node as PyTorch has them: a composition's own, no indices, no conditions."""
    return [past_casts(edge) for edge in _steps_before(node)]


def _steps_before(node):
    try:
        if tuple in map(type, node.shown):
            node.shown = tuple(map(_steps, node.shown))
        return node.shown
    except AttributeError:
        pass
    prim, edges = node.prim, node.edges
    if prim is slice_:
        node.shown = _sliced(node)
        return node.shown
    rules = getattr(prim, "rules", None)
    steps = _STEPS.get(prim) or _STEPS_BY_NAME.get(prim.name)
    if steps is not None:
        node.shown = steps(name_of(node), *edges)
        return node.shown
    if rules is None or not any(rules):
        shown = getattr(prim, "shown", None)
        if shown is not None:
            return [edges[i] for i in shown]
        named = len(getattr(prim, "inputs", ())) or len(edges)
        # Of what comes after the named inputs, indices and weights of classes get no gradient.
        return [e for i, e in enumerate(edges) if i < named or e is not None]
    if (name := name_of(node)) == "CopySlices":
        base, part = edges
        return [base, part.edges[0] if _is_copy(part) else part]
    if name in _LONE:
        return [edge for edge in edges if edge is not None]
    return [e for e, rule in zip(edges, prim.rules, strict=True) if rule is not None]


def _is_copy(edge):
    """Whether an edge leads to the alias that stands for a tensor which was written elsewhere."""
    return edge.__class__ is Node and edge.prim.name == "alias"


# --- operations that are several in PyTorch -----------------------------------------------------


class _Drawn:
    """The primitive of a node that is only shown: a step that is part of another one here."""

    name, keeps, inputs, rules, pullback = "drawn", False, (), None, None


def _drawn(name, *edges):
    if edges and not any(edge is not None and edge.__class__ is not dict for edge in edges):
        return None
    told = {}
    if edges and edges[-1].__class__ is dict:
        *edges, told = edges
    node = Node(0, _Drawn, tuple(edges), (None,) * (len(edges) + 2), {})
    node.given = None, (), told, ()
    whole = "Backward" in name or name in _ENGINES
    node.name, node.shown = name if whole else f"{name}Backward0", node.edges
    return node


def _steps(step):
    """A step that a composition named, (name, inputs ...), as a node to look at."""
    return _drawn(step[0], *map(_steps, step[1:])) if step.__class__ is tuple else step


def _sliced(node):
    """x[a, b, ...]: one step for each item, of which the node is the last."""
    (edge,), items = node.edges, node.params["index"]
    lengths = () if node.saved is FREED else tuple(node.saved[SHAPES][0])
    taken = len([item for item in items if item is not None and item is not Ellipsis])
    steps, axis = [], 0
    for item in items:
        if item is None:
            steps.append("Unsqueeze")
        elif item is Ellipsis:
            axis = len(lengths) - taken + axis
        else:
            if item.__class__ is not slice:
                steps.append("Select")
            elif axis >= len(lengths) or item.indices(lengths[axis]) != (0, lengths[axis], 1):
                steps.append("Slice")
            axis += 1
    for name in steps[:-1]:
        edge = _drawn(name, edge)
    return (edge,)


def _layer(name, x, weight, *bias):
    """PyTorch's order: bias, input, weight; the input a matrix, the weight transposed."""
    if not name.endswith("ViewBackward0"):
        return (*bias, x, _drawn("T", weight))
    product = "Addmm" if bias else "Mm"
    return (_drawn(product, *bias, _drawn("View", x), _drawn("T", weight)),)


def _product(name, x, y):
    """A product of stacks of matrices: both expanded, and one axis made of the leading ones."""
    if name != "UnsafeViewBackward0":
        return x, y
    spread = [_drawn("View", _drawn("Expand", edge)) if edge is not None else None
              for edge in (x, y)]  # fmt: skip
    return (_drawn("Bmm", *spread),)


def _with_weights(name, x, weight=None, bias=None):
    return x, weight, bias


_STEPS = {
    contraction.linear_map: _layer, contraction.linear_product: _layer,
    contraction.matmul: _product,
}  # fmt: skip
_STEPS_BY_NAME = {  # loaded late
    **dict.fromkeys(("convolution", "transposed_convolution", "normalize"), _with_weights),
    "gru": lambda name, gates, hidden, weight, *bias: (gates, hidden, *bias, weight),
    **dict.fromkeys(("nll_loss", "nll_loss_backward"), lambda name, x, *classes: [x]),
}


# Where a number is no input of the node; elsewhere PyTorch makes a tensor of it.
_LONE = (
    "PowBackward0",
    "PowBackward2",
    "RsubBackward1",
    "LeakyReluBackward0",
    "FmodBackward0",
    "RemainderBackward0",
    "FillBackward2",
    "ScatterBackward1",
    "DivBackward1",
    "MulBackward1",
    "ZeroBackward0",
    "FillBackward0",
    "CopysignBackward1",
    "XlogyBackward1",
    "XlogyBackward2",
    "ConstantPadNdBackward0",
    "RreluWithNoiseBackward0",
    "EmbeddingBackward0",
    "IndexFillBackward0",
    "MaskedFillBackward0",
)


def _next(edge):
    if edge is None:
        return None, 0
    if isinstance(edge, TensorBase):
        return accumulator_of(edge), 0
    return face_of(edge), output_number(edge)


def output_number(node):
    return node.params if node.prim.name == "output_of" else 0


def _added(hooks, hook):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def face_of(node):
    """The user's object for a node, the same one as long as somebody holds it."""
    while node.prim.name == "output_of":
        node = node.edges[0]
    hooks = hooks_of(node)
    face = hooks.face() if hooks.face is not None else None
    if face is None:
        name = name_of(node)
        kind = _CLASSES.get(name)
        if kind is None:
            kind = _CLASSES[name] = type(name, (GraphNode,), {})
        face = kind(node)
        hooks.face = weakref.ref(face)
    return face


# --- the ends of a graph ------------------------------------------------------------------------


class AccumulateGrad(GraphNode):
    """Where a gradient ends: the leaf is `variable`."""

    next_functions = ()

    def __call__(self, *gradients):
        return one_node.accumulated(self.variable, gradients)

    def __init__(self, leaf):
        self.variable, self._outputs = leaf, {0: _metadata(leaf)}

    def _hooks(self):
        # The leaf holds the hooks and not this object, which holds the leaf: no cycle.
        return accumulator_hooks(self.variable)

    @property
    def _input_metadata(self):
        return [self._outputs[0]]

    def name(self):
        return "torch::autograd::AccumulateGrad"

    def _sequence_nr(self):
        return (1 << 64) - 1

    def __getattr__(self, name):
        raise AttributeError(f"'AccumulateGrad' object has no attribute '{name}'")

    def __dir__(self):
        return object.__dir__(self)

    def __eq__(self, other):
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self):
        return id(self.variable)

    def __repr__(self):
        return f"<AccumulateGrad object at {id(self.variable):#x}>"


def accumulator_hooks(leaf):
    extra = extra_of(leaf)
    if extra.accumulator is None:
        extra.accumulator = Hooks()
    return extra.accumulator


def accumulator_of(leaf):
    """The end of the graph at a leaf, the same object as long as somebody holds it."""
    hooks = accumulator_hooks(leaf)
    face = hooks.face() if hooks.face is not None else None
    if face is None:
        face = AccumulateGrad(leaf)
        hooks.face = weakref.ref(face)
    return face


# --- edges --------------------------------------------------------------------------------------

GradientEdge = namedtuple("GradientEdge", "node output_nr ownership_token", defaults=(None,))
GradientEdge.__doc__ = "Where a gradient flows: into output `output_nr` of the operation `node`."

Metadata = namedtuple("Metadata", "shape dtype")


def _metadata(tensor):
    return Metadata(Size(shape_of(tensor)), OF_NUMPY[element_type(tensor)])


def gradient_edge(tensor):
    """The edge through which the gradient of `tensor` comes."""
    edge = edge_of(tensor)
    if isinstance(edge, TensorBase):
        return GradientEdge(accumulator_of(edge), 0)
    face, number = face_of(edge), output_number(edge)
    face._outputs[number] = _metadata(tensor)
    return GradientEdge(face, number)


# --- saved values -------------------------------------------------------------------------------


def _answers(face, name):
    """Whether a node has this setting; one that was freed had it."""
    try:
        getattr(face, name)
    except AttributeError:
        return False
    except RuntimeError:
        return True
    return True


class SavedTensor:
    """One value an operation saved; its hooks may be set once."""

    def __init__(self, node, place, part=None):
        self._owner, self._place, self._part = node, place, part

    def _entry(self):
        saved = self._owner.saved
        if saved is FREED:
            raise RuntimeError(SECOND_TIME)
        # An input that was not given has no place: the result and the shapes are the last two.
        return saved[self._place] if self._place < len(saved) + OUT else None

    def value(self):
        """The tensor (on the tape as it was), number, or None that was saved."""
        node, entry = self._owner, opened(self._entry())
        if self._part is not None:
            entry = entry[self._part]
            return wrap(entry) if isinstance(entry, (np.ndarray, np.generic)) else entry
        if entry.__class__ is tuple:  # of several outputs, those that are kept
            return tuple(
                [
                    wrap(part) if isinstance(part, (np.ndarray, np.generic)) else part
                    for part in entry
                ]
            )
        if not hasattr(entry, "dtype") or isinstance(entry, TensorBase):
            factor = node.prim.name in ("mul", "div") and entry is not None
            return wrap(np.asarray(entry)) if factor and not hasattr(entry, "dtype") else entry
        if not 0 <= self._place < len(node.edges):
            return wrap(entry, node)
        edge = node.edges[self._place]
        if isinstance(edge, TensorBase):
            packed = isinstance(self._entry(), Parcel) and edge._value is not entry
            return wrap(entry, beside(edge)) if packed else edge
        return wrap(entry, edge)

    def register_hooks(self, pack_hook, unpack_hook):
        """Pack this value now and unpack it when it is read."""
        entry = self._entry()
        _check_free(entry is None, isinstance(entry, Parcel))
        saved = list(kept := self._owner.saved)
        saved[self._place] = Parcel(pack_hook(wrap(entry)), unpack_hook, entry.dtype)
        self._owner.saved = type(kept)(saved) if isinstance(kept, Packed) else Packed(saved)


class SavedByFunction:
    """One value that a function of the user's saved; its hooks may be set once."""

    def __init__(self, kept):
        self._kept = kept

    def register_hooks(self, pack_hook, unpack_hook):
        """Pack this value now and unpack it when it is read."""
        kept = self._kept
        _check_free(kept.value is None and kept.parcel is None, kept.parcel is not None)
        tensor = wrap(kept.value)
        kept.parcel = Parcel(pack_hook(tensor), unpack_hook, tensor._value.dtype)
        kept.value = kept.tensor = None


def _check_free(none, hooked):
    if none:
        raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
    if hooked:
        raise RuntimeError(
            "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: "
            "only one pair of hooks is allowed at a time."
        )
