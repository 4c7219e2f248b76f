"""torch.utils._pytree: trees of containers, under the names that programs use."""

import functools
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..base import tree as _tree
from ..base.tree import LEAF, TreeSpec

__all__ = [
    "GetAttrKey", "LeafSpec", "MappingKey", "NodeDef", "PyTree", "SUPPORTED_NODES", "SequenceKey",
    "TreeSpec", "key_get", "keystr", "register_pytree_node", "tree_all", "tree_all_only",
    "tree_any", "tree_any_only", "tree_flatten", "tree_flatten_with_path", "tree_is_leaf",
    "tree_iter", "tree_leaves", "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only",
    "tree_map_only_", "tree_map_with_path", "tree_structure", "tree_unflatten", "treespec_pprint",
]  # fmt: skip

PyTree = object


def LeafSpec():
    """The structure of a single leaf."""
    return LEAF


def register_pytree_node(cls, flatten_fn, unflatten_fn, *, serialized_type_name=None,
                         to_dumpable_context=None, from_dumpable_context=None,
                         flatten_with_keys_fn=None):  # fmt: skip
    """Make `cls` a container: flatten_fn(x) -> (children, context), and the way back.

    Raises ValueError for a type that is one already.
    """
    if _tree.registered(cls):
        raise ValueError(f"{cls} is already registered as pytree node.")
    _tree.register(cls, flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def tree_flatten(tree, is_leaf=None):
    """(leaves, TreeSpec) of nested containers.

    >>> from tidu.utils._pytree import tree_flatten, tree_unflatten
    >>> leaves, spec = tree_flatten({"a": 1, "b": (2, 3)})
    >>> leaves
    [1, 2, 3]
    >>> tree_unflatten([4, 5, 6], spec)
    {'a': 4, 'b': (5, 6)}
    """
    return _tree.flatten(tree, is_leaf)


def tree_unflatten(leaves, treespec):
    """The containers of `treespec` with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but "
            f"got item of type {type(treespec)}."
        )
    return _tree.unflatten(treespec, leaves)


def tree_leaves(tree, is_leaf=None):
    return _tree.leaves(tree, is_leaf)


def tree_iter(tree, is_leaf=None):
    return iter(_tree.leaves(tree, is_leaf))


def tree_structure(tree, is_leaf=None):
    return _tree.flatten(tree, is_leaf)[1]


def tree_is_leaf(tree, is_leaf=None):
    return tree_structure(tree, is_leaf).is_leaf()


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree with func(leaf, *parts of rests in its place) for each leaf."""
    return _tree.map(func, tree, *rests, is_leaf=is_leaf)


def tree_map_(func, tree, *rests, is_leaf=None):
    """Call func for each leaf, and give the tree back."""
    _tree.map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _chosen(choice):
    plain_function = callable(choice) and not isinstance(choice, type)
    return choice if plain_function else lambda leaf: isinstance(leaf, choice)


def map_only(type_or_types_or_pred):
    """A decorator: the function acts on leaves of these types and leaves others as they are."""
    chosen = _chosen(type_or_types_or_pred)

    def wrapper(func):
        return functools.wraps(func)(lambda leaf: func(leaf) if chosen(leaf) else leaf)

    return wrapper


def tree_map_only(type_or_types_or_pred, func, tree, is_leaf=None):
    """tree_map on the leaves of some types (or for which a function says so)."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, func, tree, is_leaf=None):
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    return all(pred(leaf) for leaf in tree_iter(tree, is_leaf))


def tree_any(pred, tree, is_leaf=None):
    return any(pred(leaf) for leaf in tree_iter(tree, is_leaf))


def tree_all_only(type_or_types, pred, tree, is_leaf=None):
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types, pred, tree, is_leaf=None):
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def treespec_pprint(treespec):
    """The text of a structure, written with its containers."""
    return repr(tree_unflatten([_STAR] * treespec.num_leaves, treespec))


class _Star:
    def __repr__(self):
        return "*"


_STAR = _Star()


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    return _tree.broadcast(tree, treespec)


# --- paths --------------------------------------------------------------------------------------


class SequenceKey(namedtuple("SequenceKey", "idx")):
    __slots__ = ()

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, sequence):
        return sequence[self.idx]


class MappingKey(namedtuple("MappingKey", "key")):
    __slots__ = ()

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, mapping):
        return mapping[self.key]


class GetAttrKey(namedtuple("GetAttrKey", "name")):
    __slots__ = ()

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        return getattr(obj, self.name)


def _keys(spec):
    if issubclass(spec.type, dict):
        names = spec.context[1] if spec.type.__name__ == "defaultdict" else spec.context
        return [MappingKey(name) for name in names]
    if hasattr(spec.type, "_fields"):
        return [GetAttrKey(name) for name in spec.type._fields]
    if issubclass(spec.type, _tree.StructSequence):
        return [GetAttrKey(name) for name in spec.type.__match_args__]
    return [SequenceKey(i) for i in range(spec.num_children)]


def _paths(spec, path):
    if spec.is_leaf():
        yield path
        return
    for key, child in zip(_keys(spec), spec.children_specs, strict=True):
        yield from _paths(child, (*path, key))


def tree_flatten_with_path(tree, is_leaf=None):
    """([(path, leaf), ...], TreeSpec): a path is a tuple of keys, indices or attributes."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return list(zip(_paths(spec, ()), leaves, strict=True)), spec


def tree_leaves_with_path(tree, is_leaf=None):
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """tree_map where func gets the path of each leaf first."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [spec.flatten_up_to(rest) for rest in rests]
    results = [func(path, x, *row) for (path, x), *row in zip(pairs, *columns, strict=True)]
    return tree_unflatten(results, spec)


def keystr(kp):
    """A path as text: "[0]['a'].b"."""
    return "".join([str(key) for key in kp])


def key_get(obj, kp):
    """What lies at a path."""
    for key in kp:
        obj = key.get(obj)
    return obj


class NodeDef(NamedTuple):
    """How a container is taken apart and made again."""

    type: type
    flatten_fn: Callable
    unflatten_fn: Callable


class _Supported(Mapping):
    """kind of container -> NodeDef."""

    def __getitem__(self, kind):
        return NodeDef(kind, *_tree.rules_of(kind))

    def __iter__(self):
        return _tree.containers()

    def __len__(self):
        return len(list(self))


SUPPORTED_NODES = _Supported()


def _get_node_type(tree):
    """The kind of container, or of a leaf; named tuples are of one kind."""
    kind = type(tree)
    return namedtuple if issubclass(kind, tuple) and hasattr(kind, "_fields") else kind


def _dict_flatten(d):
    """(values, keys)."""
    return list(d.values()), list(d)


def _dict_unflatten(values, context):
    """The dict of these values and keys."""
    return dict(zip(context, values, strict=True))


def _dict_flatten_with_keys(d):
    """((place, value) pairs, keys)."""
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _list_flatten(d):
    """(elements, nothing)."""
    return d, None


def _list_unflatten(values, context):
    """The list of these elements."""
    return list(values)
