"""`tidu.graph(y)`: the recorded graph behind tensors as an object to walk, query and write out.

Nodes and edges are those of PyTorch's graph: one for each `grad_fn`, one more for each leaf.
"""

import sys
from functools import cached_property

from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..core.handle import LEAF, TensorBase
from ..core.node import Node as TapeNode
from ..core.node import name_of
from .recording.naming import Names
from .recording.places import user_frames
from .views.picture import dot_of, mermaid_of, svg_of

__all__ = ["Graph", "GraphEdge", "GraphNode", "graph"]

json = lazy_module("json")
networkx = lazy_module("networkx", "pip install networkx")


class GraphEdge:
    """The way of a value: output `output` of `source` is input `index` of `target`."""

    __slots__ = ("index", "output", "source", "target")

    def __init__(self, source, target, index, output=0):
        self.source, self.target, self.index, self.output = source, target, index, output

    def __repr__(self):
        return f"{self.source.id} -> {self.target.id}"


class GraphNode:
    """An operation or a leaf. `inputs` and `users` are edges; `name` is PyTorch's, as grad_fn's.

    `variable` is what the program calls a leaf or an output: `x`, `model.0.weight`, or None.
    """

    __slots__ = ("id", "inputs", "kind", "name", "op", "params", "sequence", "tensor", "users",
                 "variable")  # fmt: skip

    def __init__(self, id, kind, op, name, tensor=None, params=None, sequence=0):
        self.id, self.kind, self.op, self.name = id, kind, op, name
        self.tensor, self.params, self.sequence = tensor, params, sequence
        self.inputs, self.users, self.variable = [], [], None

    @property
    def label(self):
        """Its name for people: of a leaf its variable and shape, of an operation that of grad_fn.

        >>> import tidu as torch
        >>> w = torch.ones(2, 3, requires_grad=True)
        >>> [node.label for node in torch.graph(w.sum())]
        ['w [2, 3]', 'SumBackward0']
        """
        if self.kind == "op":
            return self.name
        shape = list(self.tensor.shape)
        return (self.variable or "leaf") + (f" {shape}" if shape else "")

    def __repr__(self):
        return f"GraphNode({self.id}, {self.name})"


def graph(*tensors):
    """The graph that computed these tensors.

    Raises:
        RuntimeError: when a tensor has no graph behind it.

    >>> import tidu as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> found = torch.graph(x ** 2 + x)
    >>> [node.name for node in found]
    ['AccumulateGrad', 'PowBackward0', 'AddBackward0']
    >>> [edge.target.op for edge in found.leaves[0].users]
    ['pow', 'add']
    """
    for tensor in tensors:
        if not isinstance(tensor, TensorBase):
            raise TypeError(f"graph(): expected tensors, but got {type(tensor).__name__}")
        if tensor._node is None:
            raise RuntimeError(
                hinted(
                    "element 0 of tensors does not require grad and does not have a grad_fn",
                    "nothing this tensor was computed from requires a gradient, or the chain was "
                    "cut by detach(), .data or no_grad().",
                )
            )
    found = Graph(tensors)
    found.name_by(user_frames(sys._getframe(1)))
    return found


class Graph:
    """Nodes in order of computation; iterate over them, or walk from node to node.

    `nodes`, `edges`, `outputs`, `leaves`, `tensors`; `forward()` and `backward()` give the nodes in
    either direction; `to_json`, `to_dot`, `to_mermaid`, `to_svg` and `to_networkx` write it out.
    """

    def __init__(self, tensors):
        self._seen = {}
        self.nodes, self.edges = [], []
        self.outputs = [self._enter(t) for t in tensors]
        for tensor, node in zip(tensors, self.outputs, strict=True):
            if node.tensor is None:
                node.tensor = tensor

    def _enter(self, tensor):
        edge = tensor if tensor._node is LEAF else tensor._node
        stack = [edge]
        while stack:
            top = stack[-1]
            if id(top) in self._seen:
                stack.pop()
                continue
            missing = [] if not isinstance(top, TapeNode) else [
                e for e in top.edges if e is not None and id(e) not in self._seen]  # fmt: skip
            if missing:
                stack.extend(reversed(missing))
            else:
                self._add(stack.pop())
        return self._seen[id(edge)]

    def _add(self, edge):
        """Inputs are there already. Outputs of an operation with several stand for it."""
        if not isinstance(edge, TapeNode):
            node = GraphNode(len(self.nodes), "leaf", "leaf", "AccumulateGrad", edge)
        elif edge.prim.name == "output_of":
            self._seen[id(edge)] = self._seen[id(edge.edges[0])]
            return
        else:
            params = edge.params if isinstance(edge.params, dict) else {}
            node = GraphNode(len(self.nodes), "op", edge.prim.name, name_of(edge), None, params,
                             edge.seq)  # fmt: skip
            self._connect(node, edge)
        self._seen[id(edge)] = node
        self.nodes.append(node)

    def _connect(self, node, tape_node):
        for index, source in enumerate(tape_node.edges):
            if source is None:
                continue
            several = isinstance(source, TapeNode) and source.prim.name == "output_of"
            output = source.params if several else 0
            edge = GraphEdge(self._seen[id(source)], node, index, output)
            self.edges.append(edge)
            node.inputs.append(edge)
            edge.source.users.append(edge)

    def name_by(self, frames):
        """Give leaves and outputs the names that variables and modules of these frames have."""
        names = Names()
        for frame in frames:
            names.look(frame, force=True)
        for node, tensor in self.tensors.items():
            known = names.known(names.key_of(tensor))
            node.variable = known[0] if known else None

    # --- looking at it ---------------------------------------------------------------------------

    def __iter__(self):
        return iter(self.nodes)

    def __len__(self):
        return len(self.nodes)

    @cached_property
    def leaves(self):
        """The nodes where gradients end."""
        return [node for node in self.nodes if node.kind == "leaf"]

    @property
    def tensors(self):
        """{node: tensor} for the leaves and the outputs, whose tensors are known."""
        return {node: node.tensor for node in self.nodes if node.tensor is not None}

    def forward(self):
        """The nodes with every node after what it was computed from."""
        return iter(self.nodes)

    def backward(self):
        """The nodes in the order a backward pass visits them: youngest first, then the leaves."""
        made = sorted([n for n in self.nodes if n.kind == "op"], key=lambda n: -n.sequence)
        return iter([*made, *self.leaves])

    def ancestors(self, node):
        """All nodes that `node` was computed from."""
        return self._reached(node, lambda n: [e.source for e in n.inputs])

    def descendants(self, node):
        """All nodes that were computed from `node`."""
        return self._reached(node, lambda n: [e.target for e in n.users])

    @staticmethod
    def _reached(node, step):
        found, waiting = {}, step(node)
        while waiting:
            top = waiting.pop()
            if top.id not in found:
                found[top.id] = top
                waiting += step(top)
        return [found[key] for key in sorted(found)]

    # --- writing it out --------------------------------------------------------------------------

    def to_json(self):
        """{"nodes": [...], "edges": [...]} as JSON text."""
        nodes = [{"id": n.id, "kind": n.kind, "op": n.op, "name": n.name, "label": n.label,
                  "variable": n.variable,
                  "shape": list(n.tensor.shape) if n.tensor is not None else None}
                 for n in self.nodes]  # fmt: skip
        edges = [{"from": e.source.id, "to": e.target.id, "input": e.index, "output": e.output}
                 for e in self.edges]  # fmt: skip
        return json.dumps({"nodes": nodes, "edges": edges,
                           "outputs": [n.id for n in self.outputs]})  # fmt: skip

    def _plain(self):
        items = [(n.id, n.label, n.kind) for n in self.nodes]
        return items, [(e.source.id, e.target.id) for e in self.edges]

    def to_dot(self):
        """The text of a Graphviz file."""
        return dot_of(*self._plain())

    def to_mermaid(self):
        """The text of a Mermaid flow chart, as Markdown pages show it."""
        return mermaid_of(*self._plain())

    def to_svg(self):
        """A picture as SVG text, laid out here: nothing needs to be installed."""
        return svg_of(*self._plain())

    def to_networkx(self):
        """A networkx.MultiDiGraph with the nodes' ids; attributes as in `to_json`.

        `label` tells nodes apart in a drawing: `networkx.get_node_attributes(found, "label")`.
        """
        found = networkx.MultiDiGraph()
        for n in self.nodes:
            shape = list(n.tensor.shape) if n.tensor is not None else None
            found.add_node(n.id, kind=n.kind, op=n.op, name=n.name, label=n.label,
                           variable=n.variable, shape=shape)  # fmt: skip
        for e in self.edges:
            found.add_edge(e.source.id, e.target.id, input=e.index, output=e.output)
        return found

    def _repr_svg_(self):
        return self.to_svg()

    def __repr__(self):
        return f"Graph({len(self.nodes)} nodes, {len(self.edges)} edges)"
