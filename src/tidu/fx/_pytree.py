"""torch.fx._pytree: nested arguments as the flat ones of a traced program."""

from ..base.tree import register

__all__ = ["register_pytree_flatten_spec", "tree_flatten_spec"]


def tree_flatten_spec(pytree, spec, exact_structural_match=False):
    """The elements of nested arguments, in the order of a structure that was traced."""
    return spec.flatten_up_to(tuple(pytree) if spec.type is tuple else pytree)


def register_pytree_flatten_spec(cls, flatten_fn_spec, flatten_fn_exact_match_spec=None):
    """How objects of a class become elements; those of `utils._pytree` are known."""
    register(cls, lambda value: (flatten_fn_spec(value, None), None), lambda parts, _: cls(parts))
