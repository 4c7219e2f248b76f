"""Nested containers as trees: flatten to a list of leaves, map, and build again."""

from collections import OrderedDict, namedtuple

__all__ = ["TreeSpec", "flatten", "leaves", "map", "register", "unflatten"]

TreeSpec = namedtuple("TreeSpec", "kind context children")
LEAF = TreeSpec(None, None, ())

_REGISTRY = {
    list: (lambda x: (x, None), lambda children, _: list(children)),
    tuple: (lambda x: (x, None), lambda children, _: tuple(children)),
    dict: (lambda x: (list(x.values()), list(x)),
           lambda children, keys: dict(zip(keys, children, strict=True))),
    OrderedDict: (lambda x: (list(x.values()), list(x)),
                  lambda children, keys: OrderedDict(zip(keys, children, strict=True))),
}  # fmt: skip


def register(kind, to_children, from_children):
    """Make `kind` a container: to_children(x) -> (children, context), and back."""
    _REGISTRY[kind] = (to_children, from_children)


def flatten(tree):
    """(leaves, spec): the leaves from left to right and what is needed to build the tree again."""
    found = []
    return found, _walk(tree, found)


def _walk(tree, found):
    kind = tree.__class__
    rules = _REGISTRY.get(kind)
    if rules is not None:
        children, context = rules[0](tree)
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        children, context = tree, None
    else:
        found.append(tree)
        return LEAF
    return TreeSpec(kind, context, tuple([_walk(child, found) for child in children]))


def unflatten(spec, values):
    """The tree of this spec with these leaves."""
    return _build(spec, iter(values))


def _build(spec, values):
    if spec.kind is None:
        return next(values)
    children = [_build(child, values) for child in spec.children]
    if spec.kind in _REGISTRY:
        return _REGISTRY[spec.kind][1](children, spec.context)
    return spec.kind(*children)


def leaves(tree):
    return flatten(tree)[0]


def map(function, tree, *rest):
    """The tree with `function` applied to each leaf (and to the matching leaves of `rest`)."""
    values, spec = flatten(tree)
    columns = [flatten(other)[0] for other in rest]
    return unflatten(spec, [function(*row) for row in zip(values, *columns, strict=True)])
