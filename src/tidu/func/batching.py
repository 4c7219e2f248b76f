"""vmap: a function of one example becomes a function of a batch."""

import functools

from .. import ops, tree
from ..core.handle import TensorBase, shape_of
from ..transforms.batch import BatchLevel

__all__ = ["vmap"]


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """The function with a batch axis: in_dims says where it is in each input (None: shared).

    >>> import tidu as torch
    >>> torch.func.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        values, spec = tree.flatten(args)
        axes = _axes_for(in_dims, args, func)
        call = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): "
        axes = [_checked(v, a, call) for v, a in zip(values, axes, strict=True)]
        size = _batch_size(values, axes)
        if chunk_size is not None and chunk_size < size:
            return _in_chunks(
                func, values, axes, spec, out_dims, randomness, kwargs, size, chunk_size
            )
        return _run(func, values, axes, spec, out_dims, randomness, kwargs, size)

    return wrapper


def _axes_for(in_dims, args, func):
    """in_dims spread over the leaves of the arguments."""
    if isinstance(in_dims, int) or in_dims is None:
        return [in_dims] * len(tree.leaves(args))
    if not isinstance(in_dims, (tuple, list)):
        raise ValueError(
            f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int "
            "or a (potentially nested) tuple matching the structure of inputs, got: "
            f"{type(in_dims)}."
        )
    if len(in_dims) != len(args):
        raise ValueError(
            f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible "
            "with the structure of inputs."
        )
    return [a for d, arg in zip(in_dims, args, strict=True) for a in _spread(d, arg)]


def _spread(dim, part):
    if isinstance(dim, int) or dim is None:
        return [dim] * len(tree.leaves(part))
    if isinstance(dim, dict):
        return [a for key, value in part.items() for a in _spread(dim[key], value)]
    return [a for d, value in zip(dim, part, strict=True) for a in _spread(d, value)]


def _name(func):
    return getattr(func, "__name__", repr(func))


def _checked(value, axis, call):
    if axis is None:
        return None
    if not isinstance(value, TensorBase):
        raise ValueError(
            f"{call}Got in_dim={axis} for an input but the input is of type {type(value)}. We "
            "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    rank = len(shape_of(value))
    if not -rank <= axis < rank:
        raise ValueError(
            f"{call}Got in_dim={axis} for some input, but that input is a Tensor of dimensionality "
            f"{rank} so expected in_dim to satisfy -{rank} <= in_dim < {rank}."
        )
    return axis % rank


def _batch_size(values, axes):
    sizes = {shape_of(v)[a] for v, a in zip(values, axes, strict=True) if a is not None}
    if not sizes:
        raise ValueError(
            "vmap: at least one input must have a batch dimension (in_dims all None, or no inputs)."
        )
    if len(sizes) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{[shape_of(v)[a] for v, a in zip(values, axes, strict=True) if a is not None]} for "
            "the mapped dimension"
        )
    return sizes.pop()


def _run(func, values, axes, spec, out_dims, randomness, kwargs, size):
    with BatchLevel(size, randomness) as level:
        lifted = [v if a is None else level.lift(v, a) for v, a in zip(values, axes, strict=True)]
        out = func(*tree.unflatten(spec, lifted), **kwargs)
        results, out_spec = tree.flatten(out)
        places = _out_axes(out_dims, out)
        return tree.unflatten(
            out_spec,
            [_taken_out(level, r, place, func) for r, place in zip(results, places, strict=True)],
        )


def _out_axes(out_dims, out):
    if isinstance(out_dims, int) or out_dims is None:
        return [out_dims] * len(tree.leaves(out))
    if isinstance(out, TensorBase):
        return list(out_dims)
    return [
        a
        for d, part in zip(out_dims, out, strict=True)
        for a in (
            [d] * len(tree.leaves(part)) if isinstance(d, int) or d is None else _out_axes(d, part)
        )
    ]


def _taken_out(level, result, place, func):
    if not isinstance(result, TensorBase):
        raise ValueError(
            f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type "
            f"{type(result)}. Did you mean to set out_dims= to None for output?"
        )
    tensor, axis = level.split(result)
    if place is None:
        if axis is not None:
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when "
                "out_dim is None"
            )
        return tensor
    front = level.fronted(result)
    return front if place == 0 else ops.movedim(front, 0, place)


def _in_chunks(func, values, axes, spec, out_dims, randomness, kwargs, size, chunk):
    parts = []
    for start in range(0, size, chunk):
        n = min(chunk, size - start)
        rows = [
            v if a is None else ops.narrow(v, a, start, n)
            for v, a in zip(values, axes, strict=True)
        ]
        parts.append(_run(func, rows, axes, spec, out_dims, randomness, kwargs, n))
    flat = [tree.flatten(p)[0] for p in parts]
    out_spec = tree.flatten(parts[0])[1]
    places = _out_axes(out_dims, parts[0])
    joined = [
        column[0] if place is None else ops.cat(list(column), place)
        for column, place in zip(zip(*flat, strict=True), places, strict=True)
    ]
    return tree.unflatten(out_spec, joined)
