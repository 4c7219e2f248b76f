"""torch.fx.passes.split_module: a graph as a graph of submodules, one for each group of nodes."""

import operator
from collections import OrderedDict

from ...base.errors import hinted
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import map_arg

__all__ = ["Partition", "split_module"]


class Partition:
    """One group: its nodes, the nodes it reads from outside and those that others read."""

    def __init__(self, name, affix=None):
        self.name = name
        self.submod_name = f"submod_{affix}_{name}" if affix else f"submod_{name}"
        self.nodes, self.inputs, self.outputs, self.dependencies = [], {}, {}, {}
        self.graph, self.targets, self.environment = Graph(), {}, {}

    def __repr__(self):
        return f"name: {self.name}, nodes: {self.nodes}, inputs: {list(self.inputs)}"


def split_module(m, root_m, split_callback, qualname_map=None, keep_original_order=False,
                 keep_original_node_name=False, keep_original_input_name=True, *,
                 partition_affix=None, tuple_return=False):  # fmt: skip
    """A `GraphModule` that calls a submodule for each group of nodes.

    Args:
        m: the `GraphModule` to split.
        root_m: kept for PyTorch's signature; what nodes mention is taken from `m`.
        split_callback: node -> the number or name of its group. Inputs and attributes stay out.
        qualname_map: a dictionary that gets {name of a submodule there: name in `m`}.
        keep_original_order: groups in the order of their first nodes, whatever else is possible.
        keep_original_node_name: whether nodes keep their names.
        partition_affix: a word in the names of submodules.
        tuple_return: whether a group with one result gives a tuple, too.

    Raises:
        RuntimeError: groups need each other's results.

    >>> import tidu as torch
    >>> from tidu.fx.passes.split_module import split_module
    >>> module = torch.fx.symbolic_trace(lambda x: torch.relu(x + 1) * 2)
    >>> parts = split_module(module, None, lambda node: int(node.name == "mul"))
    >>> print(parts.code.strip())
    def forward(self, x):
        submod_0 = self.submod_0(x);  x = None
        submod_1 = self.submod_1(submod_0);  submod_0 = None
        return submod_1
    """
    groups = _grouped(m, split_callback, partition_affix)
    for group in groups.values():
        _fill(m, group, qualname_map, keep_original_node_name)
    base, held = Graph(), OrderedDict()
    values = {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "get_attr"):
            values[node] = base.node_copy(node)
            if node.op == "get_attr":
                held[node.target] = _attribute(m, node.target)
    for group in _ordered(groups, keep_original_order):
        results = [group.environment[node] for node in group.outputs]
        single = len(results) == 1 and not tuple_return
        if results:
            group.graph.output(results[0] if single else tuple(results))
        else:
            group.graph.output(None)
        held[group.submod_name] = GraphModule(group.targets, group.graph)
        given = tuple([values[node] for node in group.inputs])
        called = base.call_module(group.submod_name, given)
        if single:
            values[next(iter(group.outputs))] = called
            continue
        for i, node in enumerate(group.outputs):
            values[node] = base.call_function(operator.getitem, (called, i))
    for node in m.graph.nodes:
        if node.op == "output":
            new = base.output(map_arg(node.args[0], lambda n: values[n]), node.type)
            new.meta = dict(node.meta)
    made = GraphModule(held, base)
    made.training = m.training
    return made


def _grouped(m, split_callback, affix):
    """{name: group}, with all that groups read of each other."""
    groups, owner = {}, {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "get_attr", "output"):
            continue
        name = str(split_callback(node))
        group = groups.setdefault(name, Partition(name, affix))
        group.nodes.append(node)
        owner[node] = group

    for node in m.graph.nodes:
        user = owner.get(node)
        for given in node.all_input_nodes:
            source = owner.get(given)
            if source is user:
                continue
            if source is not None:
                source.outputs[given] = None
            if user is not None:
                user.inputs[given] = None
                if source is not None:
                    user.dependencies[source.name] = None
    return groups


def _fill(m, group, qualname_map, keep_names):
    """Copy the nodes of a group into its graph."""
    values = group.environment
    for node in group.inputs:
        values[node] = group.graph.placeholder(node.name, node.type)
        values[node].meta = dict(node.meta)
    for node in group.nodes:
        args, kwargs = (map_arg(x, lambda n: values[n]) for x in (node.args, node.kwargs))
        target = node.target
        if node.op == "call_module":
            target = node.target.replace(".", "_")
            group.targets[target] = _attribute(m, node.target)
            if qualname_map is not None:
                qualname_map[f"{group.submod_name}.{target}"] = node.target
        name = node.name if keep_names else None
        values[node] = group.graph.create_node(node.op, target, args, kwargs, name, node.type)
        values[node].meta = dict(node.meta)


def _ordered(groups, as_given):
    """The groups, each after those whose results it reads."""
    rest, done = dict(groups), []
    while rest:
        free = [g for g in rest.values() if not any(name in rest for name in g.dependencies)]
        if not free or (as_given and free[0] is not next(iter(rest.values()))):
            raise RuntimeError(hinted(
                "cycle exists between partitions!",
                f"the groups {', '.join(rest)} read each other's results.",
            ))  # fmt: skip
        for group in free[:1] if as_given else free:
            done.append(rest.pop(group.name))
    return done


def _attribute(module, path):
    for part in path.split("."):
        module = getattr(module, part)
    return module
