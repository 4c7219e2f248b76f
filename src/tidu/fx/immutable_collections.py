"""torch.fx.immutable_collections: lists and dictionaries of arguments, which nobody may change.

A node keeps account of the nodes among its arguments; a change it does not hear of would make
that account wrong.
"""

from ..base.errors import hinted
from ..base.tree import register

__all__ = ["immutable_dict", "immutable_list"]


def _refusing(name):
    def refuse(self, *args, **kwargs):
        raise TypeError(hinted(
            f"'{type(self).__name__}' object does not support mutation. If you are attempting to "
            "modify the kwargs or args of a torch.fx.Node object,\ninstead create a new copy of "
            "it and assign the copy to the node:\n\n    new_args = ...  # copy and mutate args\n"
            "    node.args = new_args", "node.update_arg and node.update_kwarg change one of them.",
        ))  # fmt: skip

    refuse.__name__ = name
    return refuse


def _frozen(cls, names):
    for name in names.split():
        setattr(cls, name, _refusing(name))
    return cls


class immutable_list(list):
    """A list that cannot be changed; `+` gives a plain list."""

    def __hash__(self):
        return hash(tuple(self))

    def __reduce__(self):
        return immutable_list, (tuple(self),)


class immutable_dict(dict):
    """A dictionary that cannot be changed."""

    def __hash__(self):
        return hash(frozenset(self.items()))

    def __reduce__(self):
        return immutable_dict, (tuple(self.items()),)


_frozen(immutable_list, "__delitem__ __iadd__ __imul__ __setitem__ append clear extend insert "
        "pop remove reverse sort")  # fmt: skip
_frozen(immutable_dict, "__delitem__ __ior__ __setitem__ clear pop popitem setdefault update")
# Nested values that a graph gives are nested values to everybody.
register(immutable_list, lambda value: (list(value), None), lambda parts, _: immutable_list(parts))
register(
    immutable_dict,
    lambda value: (list(value.values()), list(value)),
    lambda parts, keys: immutable_dict(zip(keys, parts, strict=True)),
)
