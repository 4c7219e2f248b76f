"""linearize, functionalize, debug_unwrap: programs looked at from outside."""

import functools

from ..base import tree
from ..base.size import Size
from ..core.handle import TensorBase, shape_of
from .derivatives import jvp

__all__ = ["debug_unwrap", "functionalize", "linearize"]


def linearize(func, *primals):
    """(func(*primals), f): f(*tangents) is the derivative along the tangents, at these primals.

    Raises RuntimeError for tangents of another structure or shape.

    >>> import tidu as torch
    >>> out, derivative = torch.func.linearize(torch.sin, torch.tensor(0.))
    >>> derivative(torch.tensor(3.))
    tensor(3.)
    """
    values, spec = tree.flatten(primals)
    output = func(*primals)

    def derivative(*tangents):
        given, other = tree.flatten(tangents)
        if other != spec:
            raise RuntimeError(
                f"Expected the tangents {other} to have the same argspec as the primals {spec}"
            )
        for i, (t, p) in enumerate(zip(given, values, strict=True)):
            if tuple(shape_of(t)) != tuple(shape_of(p)):
                raise RuntimeError(
                    f"tangent:{i} with shape {Size(shape_of(t))} in flattened pytree doesn't "
                    f"match the shape {Size(shape_of(p))} of the corresponding primal."
                )
        return jvp(func, primals, tangents)[1]

    return output, derivative


def functionalize(func, *, remove="mutations"):
    """The function as it looks from outside without in-place operations.

    Its results are the same; a tensor given to it is written where the function writes it. Inside
    a trace in-place operations are always recorded as functions, so that nothing is to be done.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. "
            "Valid options are:\n     remove='mutations'\n     remove='mutations_and_views'"
        )

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func(*args, **kwargs)

    return wrapper


def debug_unwrap(tensor, *, recurse=True):
    """The tensor behind a tensor of a running transform, to be looked at: nothing is recorded.

    `recurse=False` takes only the innermost transform away.
    """
    if not isinstance(tensor, TensorBase):
        return tensor
    while tensor._value.dtype is None and hasattr(tensor._value, "tensor"):
        tensor = tensor._value.tensor
        if not recurse:
            break
    return tensor
