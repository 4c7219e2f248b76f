"""Nested containers as trees: flatten to a list of leaves, map, and build again."""

from collections import OrderedDict, defaultdict, deque
from operator import itemgetter

from .size import Size

__all__ = ["StructSequence", "TreeSpec", "broadcast", "flatten", "leaves", "map", "register",
           "struct_sequence", "unflatten"]  # fmt: skip


class TreeSpec:
    """The structure of a tree: its type, what else builds it (`context`), and its children."""

    __slots__ = ("children_specs", "context", "num_leaves", "type")

    def __init__(self, type, context, children_specs):
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves = 1 if type is None else sum([c.num_leaves for c in children_specs])

    num_children = property(lambda self: len(self.children_specs))
    num_nodes = property(lambda self: 1 + sum(c.num_nodes for c in self.children_specs))

    def is_leaf(self):
        return self.type is None

    def children(self):
        return list(self.children_specs)

    def child(self, index):
        return self.children_specs[index]

    def unflatten(self, leaves):
        return unflatten(self, leaves)

    def flatten_up_to(self, tree):
        """The parts of `tree` in the places of this structure's leaves."""
        found = []
        _match(self, tree, found)
        return found

    def __eq__(self, other):
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (
            self.type is other.type
            and self.context == other.context
            and self.children_specs == other.children_specs
        )

    def __hash__(self):
        return hash((self.type, repr(self.context), self.children_specs))

    def __repr__(self, indent=0):
        if self.type is None:
            return "*"
        named = hasattr(self.type, "_fields")
        head = f"namedtuple, {self.type}" if named else f"{self.type.__name__}, {self.context}"
        head = f"TreeSpec({head}, ["
        between = ",\n" + " " * (indent + 2)
        return head + between.join(c.__repr__(indent + 2) for c in self.children_specs) + "])"


LEAF = TreeSpec(None, None, ())


class StructSequence(tuple):
    """The results of a function that has several: a tuple whose parts have names, too."""

    __slots__ = ()
    n_fields, n_unnamed_fields = 0, 0

    def __new__(cls, sequence, _=None):
        self = tuple.__new__(cls, sequence)
        if len(self) != cls.n_fields:
            raise TypeError(
                f"{cls.__module__}.{cls.__name__}() takes a {cls.n_fields}-sequence "
                f"({len(self)}-sequence given)"
            )
        return self

    def __repr__(self):
        parts = [f"{name}={part!r}" for name, part in zip(self.__match_args__, self, strict=True)]
        return f"{type(self).__module__}.{type(self).__name__}(\n" + ",\n".join(parts) + ")"

    def __reduce__(self):
        return _struct, (type(self).__name__, tuple(self))  # found without torch, too


_STRUCTS: dict = {}


def _struct(name, parts):
    return _STRUCTS[name](parts)


def struct_sequence(name, fields):
    """The class torch.return_types.`name`, with these parts. (`namedtuple` compiles a program for
    each class, which all together are a good part of the time of an import.)"""
    names = tuple(fields.split())
    parts = {field: property(itemgetter(i)) for i, field in enumerate(names)}
    kind = type(name, (StructSequence,), {
        "__slots__": (), "__module__": "torch.return_types", "__match_args__": names,
        "n_fields": len(names), "n_sequence_fields": len(names), **parts,
    })  # fmt: skip
    _REGISTRY[kind] = (lambda x: (x, None), kind)
    _STRUCTS[name] = kind
    return kind


def _dict_rules(kind):
    return (lambda x: (list(x.values()), list(x)),
            lambda children, keys: kind(zip(keys, children, strict=True)))  # fmt: skip


def _defaultdict_from(children, context):
    factory, keys = context
    return defaultdict(factory, zip(keys, children, strict=True))


_REGISTRY = {
    list: (lambda x: (x, None), lambda children, _: list(children)),
    tuple: (lambda x: (x, None), lambda children, _: tuple(children)),
    Size: (lambda x: (x, None), lambda children, _: Size(children)),
    dict: _dict_rules(dict),
    OrderedDict: _dict_rules(OrderedDict),
    defaultdict: (lambda x: (list(x.values()), [x.default_factory, list(x)]), _defaultdict_from),
    deque: (lambda x: (list(x), x.maxlen), lambda children, maxlen: deque(children, maxlen)),
}  # fmt: skip


def register(kind, to_children, from_children):
    """Make `kind` a container: to_children(x) -> (children, context), and back."""
    _REGISTRY[kind] = (to_children, from_children)


def registered(kind):
    return kind in _REGISTRY


def rules_of(kind):
    """(to_children, from_children) of a container; KeyError if it is none."""
    return _REGISTRY[kind]


def containers():
    """The kinds of containers."""
    return iter(_REGISTRY)


def flatten(tree, is_leaf=None):
    """(leaves, spec): the leaves from left to right and what is needed to build the tree again."""
    found = []
    return found, _walk(tree, found, is_leaf)


def _walk(tree, found, is_leaf=None):
    kind = tree.__class__
    rules = _REGISTRY.get(kind)
    if is_leaf is not None and is_leaf(tree):
        rules, kind = None, None
    if rules is not None:
        children, context = rules[0](tree)
    elif kind is not None and isinstance(tree, tuple) and hasattr(tree, "_fields"):
        children, context = tree, None
    else:
        found.append(tree)
        return LEAF
    return TreeSpec(kind, context, tuple([_walk(child, found, is_leaf) for child in children]))


def unflatten(spec, values):
    """The tree of this spec with these leaves."""
    values = values if isinstance(values, (list, tuple)) else list(values)
    if len(values) != spec.num_leaves:
        raise ValueError(
            f"treespec.unflatten(leaves): `leaves` has length {len(values)} but the spec refers to "
            f"a pytree that holds {spec.num_leaves} items ({spec})."
        )
    return _build(spec, iter(values))


def _build(spec, values):
    if spec.type is None:
        return next(values)
    children = [
        next(values) if child.type is None else _build(child, values)
        for child in spec.children_specs
    ]
    if spec.type in _REGISTRY:
        return _REGISTRY[spec.type][1](children, spec.context)
    return spec.type(*children)


def _match(spec, tree, found):
    """Collect the parts of `tree` at the leaves of `spec`; ValueError where they do not fit."""
    if spec.type is None:
        found.append(tree)
        return
    kind = tree.__class__
    mappings = (dict, OrderedDict, defaultdict)
    if kind is not spec.type and not (kind in mappings and spec.type in mappings):
        raise ValueError(f"Node type mismatch; expected {spec.type}, but got {kind}.")
    children = _REGISTRY[kind][0](tree)[0] if kind in _REGISTRY else tree
    if len(children) != len(spec.children_specs):
        raise ValueError(
            f"Node arity mismatch; expected {len(spec.children_specs)}, but got {len(children)}."
        )
    if kind in mappings:
        keys = spec.context[1] if spec.type is defaultdict else spec.context
        if set(keys) != set(tree):
            raise ValueError(f"Node keys mismatch; expected {keys}, but got {list(tree)}.")
        children = [tree[key] for key in keys]
    for child, part in zip(spec.children_specs, children, strict=True):
        _match(child, part, found)


def broadcast(prefix, spec):
    """The leaves of `prefix`, each repeated for all leaves of `spec` below it; None: no match."""
    if prefix.__class__ not in _REGISTRY and not (
        isinstance(prefix, tuple) and hasattr(prefix, "_fields")
    ):
        return [prefix] * spec.num_leaves
    if spec.type is not prefix.__class__:
        return None
    children, context = (
        _REGISTRY[spec.type][0](prefix) if spec.type in _REGISTRY else (prefix, None)
    )
    if context != spec.context or len(children) != len(spec.children_specs):
        return None
    parts = [broadcast(c, s) for c, s in zip(children, spec.children_specs, strict=True)]
    return None if None in parts else [leaf for part in parts for leaf in part]


def leaves(tree, is_leaf=None):
    return flatten(tree, is_leaf)[0]


def map(function, tree, *rest, is_leaf=None):
    """The tree with `function` applied to each leaf (and to the matching parts of `rest`)."""
    values, spec = flatten(tree, is_leaf)
    columns = [spec.flatten_up_to(other) for other in rest]
    return unflatten(spec, [function(*row) for row in zip(values, *columns, strict=True)])
