"""torch.fx.replace_pattern: parts of a graph that look like a pattern, replaced."""

import copy
from typing import NamedTuple

from ..base.errors import hinted
from ..nn import Module
from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule
from .node import Node, map_arg

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]


class Match(NamedTuple):
    """One place: the node the pattern ends with, and {node of the pattern: node of the graph}."""

    anchor: Node
    nodes_map: dict


class ReplacedPatterns(NamedTuple):
    """As `Match`, and the nodes that took the place."""

    anchor: Node
    nodes_map: dict
    replacements: list


def replace_pattern(gm, pattern, replacement):
    """Replace what looks like a pattern. Places that would overlap are taken in order.

    Args:
        gm: the `GraphModule`; it is changed.
        pattern, replacement: functions of the same inputs, or modules, or graphs. Inputs of the
            pattern stand for any value.

    Returns:
        A `Match` for each place.

    >>> import tidu as torch
    >>> module = torch.fx.symbolic_trace(lambda x, y: torch.relu(x + y) * 2)
    >>> def pattern(a, b):
    ...     return torch.relu(a + b)
    >>> def replacement(a, b):
    ...     return torch.tanh(a) + b
    >>> len(torch.fx.replace_pattern(module, pattern, replacement))
    1
    >>> module(torch.zeros(1), torch.ones(1))
    tensor([2.])
    """
    found = _replace(gm, pattern, replacement)
    return [Match(anchor=place.anchor, nodes_map=place.nodes_map) for place in found]


def replace_pattern_with_filters(gm, pattern, replacement=None, match_filters=None,
                                 ignore_literals=False, replacement_callback=None,
                                 node_name_match=""):  # fmt: skip
    """As `replace_pattern`, where every filter(match, original_graph, pattern_graph) agrees.

    ignore_literals: numbers and strings of the pattern stand for any.
    replacement_callback: (match, original_graph, pattern_graph) -> the replacement.
    """
    return _replace(gm, pattern, replacement, match_filters or [], ignore_literals,
                    replacement_callback)  # fmt: skip


def _graph_of(given):
    if isinstance(given, GraphModule):
        return given.graph
    if isinstance(given, Graph):
        return given
    return symbolic_trace(given).graph


class _Matcher:
    """Compares a pattern with the part of a graph that ends at a node."""

    def __init__(self, pattern, module, ignore_literals):
        self.pattern, self.module, self.ignore = pattern, module, ignore_literals
        (self.output,) = [node for node in pattern.nodes if node.op == "output"]
        ends = []
        map_arg(self.output.args, ends.append)
        self.ends = list(dict.fromkeys(ends))
        self.inner = {node for node in pattern.nodes if node.op not in ("placeholder", "output")}

    def match(self, anchor, graph):
        """{pattern node: node}, or None. Of several ends, the last is at the anchor."""
        found = {}
        if not self._same(self.ends[-1], anchor, found):
            return None
        for end in self.ends[:-1]:
            if end not in found and not self._search(end, graph, found):
                return None
        # What is inside of the pattern must have no users outside.
        for own, node in found.items():
            if own in self.inner and own not in self.ends and not own.op == "get_attr":
                if any(user not in found.values() for user in node.users):
                    return None
        return found

    def _search(self, end, graph, found):
        for node in reversed(graph.nodes):
            trial = dict(found)
            if self._same(end, node, trial):
                found.update(trial)
                return True
        return False

    def _same(self, own, node, found):
        if own in found:
            return found[own] is node
        if own.op == "placeholder":
            found[own] = node
            return True
        if own.op != node.op or not self._same_target(own, node):
            return False
        if own.op == "get_attr":
            found[own] = node
            return True
        if not self.inner.issuperset([own]) or node in [
            n for o, n in found.items() if o in self.inner
        ]:
            return False
        found[own] = node
        args, kwargs = _spread(own), _spread(node)
        if args is None or kwargs is None or len(args) != len(kwargs):
            return False
        return all(self._same_value(a, b, found) for a, b in zip(args, kwargs, strict=True))

    def _same_target(self, own, node):
        if own.op == "call_module":
            held = own.graph.owning_module
            if held is None:
                return own.target == node.target
            mine = _submodule(held, own.target)
            theirs = _submodule(self.module, node.target)
            return type(mine) is type(theirs)
        if own.op == "get_attr":
            return own.target == node.target or own.target.startswith("_tensor_constant")
        return own.target == node.target

    def _same_value(self, a, b, found):
        if isinstance(a, Node):
            if isinstance(b, Node):
                return self._same(a, b, found)
            if a.op == "placeholder" and found.get(a, b) == b:
                found[a] = b
                return True
            return False
        if isinstance(b, Node):
            return False
        if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
            return len(a) == len(b) and all(
                self._same_value(x, y, found) for x, y in zip(a, b, strict=True)
            )
        return self.ignore or (type(a) is type(b) and a == b)


def _spread(node):
    """The arguments of a node in one list: those by name in the order of their names."""
    return [*node.args, *[part for name in sorted(node.kwargs)
                          for part in (name, node.kwargs[name])]]  # fmt: skip


def _submodule(module, path):
    for part in path.split("."):
        module = getattr(module, part, None)
    return module


def _places(gm, matcher, filters, pattern):
    """The places in order, none of which shares an inner node with one before."""
    taken, found = set(), []
    for node in gm.graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        nodes = matcher.match(node, gm.graph)
        if nodes is None:
            continue
        inner = {n for own, n in nodes.items() if own in matcher.inner and own.op != "get_attr"}
        match = Match(matcher.ends[-1], nodes)
        if inner & taken or not all(f(match, gm.graph, pattern) for f in filters):
            continue
        taken |= inner
        found.append(match)
    return found


def _replace(gm, pattern, replacement, filters=(), ignore_literals=False, callback=None):
    pattern_graph = _graph_of(pattern)
    matcher = _Matcher(pattern_graph, gm, ignore_literals)
    names = [node for node in pattern_graph.nodes if node.op == "placeholder"]
    done, moved = [], {}
    new_graph = _graph_of(replacement) if callback is None else None
    for match in _places(gm, matcher, filters, pattern_graph):
        graph = new_graph if callback is None else _graph_of(
            callback(match, gm.graph, pattern_graph))  # fmt: skip
        inputs = [node for node in graph.nodes if node.op == "placeholder"]
        if len(inputs) != len(names):
            raise RuntimeError(hinted(
                f"the pattern has {len(names)} inputs and the replacement {len(inputs)}",
                "both are functions of the same arguments.",
            ))  # fmt: skip
        for own in names:  # a place before this one may have taken what it reads
            match.nodes_map[own] = _current(match.nodes_map.get(own), moved)
        given = {new: match.nodes_map[old] for new, old in zip(inputs, names, strict=True)}
        done.append(_put(gm, match, matcher, graph, given, moved))
    _bring_attributes(gm, new_graph, replacement)
    gm.recompile()
    return done


def _current(value, moved):
    while isinstance(value, Node) and value in moved:
        value = moved[value]
    return value


def _put(gm, match, matcher, graph, given, moved):
    """Put a copy of the replacement in the place of a match."""
    inner = [n for own, n in match.nodes_map.items() if own in matcher.inner]
    order = {node: i for i, node in enumerate(gm.graph.nodes)}
    ends = [match.nodes_map[end] for end in matcher.ends]
    users = [user for end in ends for user in end.users]
    spot = min(users, key=order.__getitem__) if users else ends[-1].next
    before = set(gm.graph.nodes)
    values = dict(given)
    with gm.graph.inserting_before(spot):
        result = gm.graph.graph_copy(graph, values)
    made = []
    map_arg((result,), made.append)
    if len(made) != len(ends):
        raise RuntimeError(hinted(
            f"the pattern has {len(ends)} results and the replacement {len(made)}",
            "both give the same number of values.",
        ))  # fmt: skip
    for old, new in zip(ends, made, strict=True):
        old.replace_all_uses_with(new)
        moved[old] = new
    for node in sorted(set(inner), key=order.__getitem__, reverse=True):
        if not node.users:
            gm.graph.erase_node(node)
    fresh = [node for node in gm.graph.nodes if node not in before]
    return ReplacedPatterns(match.anchor, match.nodes_map, fresh)


def _bring_attributes(gm, graph, replacement):
    """Give the module what the replacement mentions and the module lacks."""
    gm.delete_all_unused_submodules()
    source = replacement if isinstance(replacement, Module) else getattr(
        graph, "owning_module", None)  # fmt: skip
    for node in gm.graph.nodes:
        if node.op in ("call_module", "get_attr") and _submodule(gm, node.target) is None:
            held = None if source is None else _submodule(source, node.target)
            if held is None:
                raise RuntimeError(
                    'Attempted to create a "' + node.op + '" node during subgraph rewriting with '
                    f"target {node.target}, but the referenced attribute does not exist in either "
                    "the original GraphModule `gm` or the replacement GraphModule `replacement`"
                )
            if isinstance(held, Module):
                gm.add_submodule(node.target, copy.deepcopy(held))
            else:
                place, _, name = node.target.rpartition(".")
                setattr(gm.get_submodule(place), name, copy.deepcopy(held))
