"""Node: one recorded operation. It is data, so it can be drawn, stepped, freed, differentiated.

`saved` is (one entry per input, then the output, then the input shapes), None where the rules do
not ask. `edges` says where each input's gradient goes. A node never points to its output's handle.
"""

import sys
from collections import OrderedDict
from sys import _getframe

from ..base.frames import OURS

__all__ = ["FREED", "Hooks", "NOWHERE", "Node", "Packed", "PackedBackwards", "Parcel", "Slots",
           "UNDEFINED", "VEILED_CAST", "ends_here", "hooks_of", "name_of", "nowhere", "opened",
           "output_node", "past_casts", "placeless"]  # fmt: skip


class _Freed(tuple):
    __slots__ = ()


FREED = _Freed()


class Packed(tuple):
    """`Node.saved` where a user's hooks took some values: a `Parcel` stands for each."""

    __slots__ = ()


class PackedBackwards(Packed):
    """`Packed`, the second of two inputs first, as PyTorch's hooks see some operations."""

    __slots__ = ()


class Parcel:
    """What `pack` gave for one value, and the `unpack` that gives the value back."""

    __slots__ = ("content", "kind", "unpack", "whole")

    def __init__(self, content, unpack, kind, whole=False):
        self.content, self.unpack, self.kind, self.whole = content, unpack, kind, whole

    def open(self):
        tensor = self.unpack(self.content)
        if not hasattr(tensor, "_value"):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor if self.whole else tensor._value

    def restored(self):
        """What `open` gives, in the floating type of what was packed: the gradient has it, too."""
        value = self.open()
        if self.whole or value.dtype is None or value.dtype is self.kind:
            return value
        both = value.dtype.kind in "fViub" and self.kind.kind in "fV"
        return value.astype(self.kind) if both else value


def opened(entry, get=Parcel.open):
    """An entry of `Node.saved` as it was before it was packed."""
    if entry.__class__ is Parcel:
        return get(entry)
    if entry.__class__ is tuple and any(part.__class__ is Parcel for part in entry):
        return tuple([opened(part, get) for part in entry])
    return entry


class Node:
    __slots__ = (
        "__weakref__",
        "edges",
        "given",
        "hooks",
        "name",
        "outputs",
        "params",
        "place",
        "prim",
        "saved",
        "seq",
        "shown",
    )

    def __init__(self, seq, prim, edges, saved, params):
        self.seq = seq
        self.prim = prim
        self.edges = edges
        self.saved = saved
        self.params = params
        self.hooks = None
        if prim.keeps:  # the line of the program, for the message should the values be changed
            frame = _getframe(2)
            code = frame.f_code
            while OURS[code.co_filename] and (above := frame.f_back) is not None:
                frame = above
                code = frame.f_code
            self.place = code, frame.f_lasti

    def __lt__(self, other):
        return self.seq < other.seq


_new = object.__new__


def placeless(seq, prim, edges, saved, params):
    """A node of which nobody will ask where it was made: it costs less."""
    node = _new(Node)
    node.seq, node.prim, node.edges, node.saved, node.params = seq, prim, edges, saved, params
    node.hooks = None
    return node


def name_of(node):
    """PyTorch's name for a node, as it is printed: 'MulBackward0'."""
    while node.prim.name == "output_of":
        node = node.edges[0]
    try:
        return node.name
    except AttributeError:
        return node.prim.torch_name


class Veiled(str):
    """The name of a node that is no step of its own in PyTorch, which promotes inside of the next
    one: `next_functions` leads past it."""

    __slots__ = ()


VEILED_CAST = Veiled("ToCopyBackward0")


def past_casts(edge):
    """An edge, or the next one that is shown; None where no gradient goes on."""
    while edge.__class__ is Node and getattr(edge, "name", None).__class__ is Veiled:
        (edge,) = edge.edges
    return None if ends_here(edge) else edge


class Hooks:
    """What users attached to a node: functions, and details for messages."""

    __slots__ = ("face", "metadata", "post", "pre", "retained", "tensor")

    def __init__(self):
        # Ordered dictionaries, because handles that remove hooks refer to them weakly.
        self.tensor, self.pre, self.post = OrderedDict(), OrderedDict(), OrderedDict()
        self.retained = {}
        self.metadata = self.face = None


def hooks_of(node):
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


class Slots:
    """The gradient of a node with several outputs while its parts arrive: {output index: part}."""

    __slots__ = ("parts",)
    dtype = None

    def __init__(self, parts):
        self.parts = parts

    def __add__(self, other):
        # Of more than one part, these are a sum already, which nobody else holds.
        merged = self.parts if len(self.parts) > 1 else dict(self.parts)
        for index, part in other.parts.items():
            merged[index] = merged[index] + part if index in merged else part
        return Slots(merged)

    def fill(self, count):
        return tuple([self.parts.get(i) for i in range(count)])


UNDEFINED = Slots({})  # what reaches a node whose users all gave None


class _OutputOf:
    """The primitive of an output node: its gradient goes to its slot of the node."""

    name = "output_of"
    keeps = False

    @staticmethod
    def backward(g, saved, params, edges):
        return (Slots({params: g}),)


OUTPUT_OF = _OutputOf()


def output_node(seq, source, index):
    """The node of output `index` of `source`."""
    return placeless(seq, OUTPUT_OF, (source,), (None,), index)


class _Nowhere:
    """The primitive of a view's node whose base came to require a gradient after the view was
    taken: the view requires one with its base, has no `grad_fn`, and its gradient is given up."""

    name = torch_name = "nowhere"
    keeps = False

    @staticmethod
    def backward(g, saved, params, edges):
        return ()


NOWHERE = sys.intern("Nowhere")  # the name of such nodes, by which compiled code knows them


def nowhere(seq):
    """A node from which no gradient goes on; `seq` tells it from the others in a pass back."""
    node = placeless(seq, _Nowhere, (), (None, ()), None)
    node.name = NOWHERE
    return node


def ends_here(edge):
    """Whether it is the node of a view that requires a gradient only with its base."""
    return edge.__class__ is Node and getattr(edge, "name", None) is NOWHERE
