"""vmap: a function of one example becomes a function of a batch."""

import functools
import math

from .. import ops
from ..base import tree
from ..core.handle import TensorBase, shape_of
from ..transforms.batch import BatchLevel
from ..transforms.units import unit_vectors

__all__ = ["check_randomness", "vmap"]


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """The function with a batch axis: in_dims says where it is in each input (None: shared).

    >>> import tidu as torch
    >>> torch.func.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """
    check_randomness(randomness)
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    _check_out_dims(func, out_dims)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        values, spec = tree.flatten(args)
        axes = _axes_for(in_dims, args, spec, func)
        axes = [_checked(v, a, func, in_dims) for v, a in zip(values, axes, strict=True)]
        size = _batch_size(values, axes)
        if chunk_size is not None and chunk_size < size:
            return _in_chunks(
                func, values, axes, spec, out_dims, randomness, kwargs, size, chunk_size
            )
        return _run(func, values, axes, spec, out_dims, randomness, kwargs, size)

    return wrapper


def check_randomness(randomness):
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )


def _check_out_dims(func, out_dims):
    if not all(isinstance(d, int) or d is None for d in tree.leaves(out_dims)):
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a "
            "python collection of ints representing where in the outputs the vmapped dimension "
            "should appear."
        )


def _axes_for(in_dims, args, spec, func):
    """in_dims spread over the leaves of the arguments."""
    if isinstance(in_dims, list):
        in_dims = tuple(in_dims)
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{_call(func, in_dims)}expected `in_dims` to be int or a (potentially nested) tuple "
            f"matching the structure of inputs, got: {type(in_dims)}."
        )
    if not spec.num_leaves:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you "
            "are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    axes = tree.broadcast(in_dims, spec)
    if axes is None:
        raise ValueError(
            f"{_call(func, in_dims)}in_dims is not compatible with the structure of `inputs`. "
            f"in_dims has structure {tree.flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    return axes


def _call(func, in_dims):
    return f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): "


def _name(func):
    return getattr(func, "__name__", repr(func))


def _checked(value, axis, func, in_dims):
    if axis is None:
        return None
    if not isinstance(value, TensorBase):
        raise ValueError(
            f"{_call(func, in_dims)}Got in_dim={axis} for an input but the input is of type "
            f"{type(value)}. We cannot vmap over non-Tensor arguments, please use None as the "
            "respective in_dim"
        )
    rank = len(shape_of(value))
    if not -rank <= axis < rank:
        raise ValueError(
            f"{_call(func, in_dims)}Got in_dim={axis} for some input, but that input is a Tensor "
            f"of dimensionality {rank} so expected in_dim to satisfy -{rank} <= in_dim < {rank}."
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
        results, out_spec = tree.flatten(func(*tree.unflatten(spec, lifted), **kwargs))
        places = _out_axes(out_dims, out_spec, func)
        return tree.unflatten(
            out_spec,
            [_taken_out(level, r, place, func) for r, place in zip(results, places, strict=True)],
        )


def over_units(func, like, randomness="error"):
    """func of each unit tensor shaped like `like`; results stacked along a leading axis."""
    with BatchLevel(math.prod(shape_of(like)), randomness) as level:
        results, spec = tree.flatten(func(unit_vectors(like, level)))
        return tree.unflatten(spec, [_taken_out(level, r, 0, func) for r in results])


def _out_axes(out_dims, spec, func):
    if spec.is_leaf() and isinstance(out_dims, tuple) and len(out_dims) == 1:
        out_dims = out_dims[0]
    axes = tree.broadcast(out_dims, spec)
    if axes is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible "
            f"with the structure of `outputs`. out_dims has structure "
            f"{tree.flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    return axes


def _taken_out(level, result, place, func):
    if not isinstance(result, TensorBase):
        raise ValueError(
            f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type "
            f"{type(result)}. Did you mean to set out_dims= to None for output?"
        )
    tensor, axis = level.split(result)
    rank = len(shape_of(result)) + 1
    if place is not None and not -rank <= place < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got "
            f"{place})"
        )
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
    places = _out_axes(out_dims, out_spec, func)
    joined = [
        column[0] if place is None else ops.cat(list(column), place)
        for column, place in zip(zip(*flat, strict=True), places, strict=True)
    ]
    return tree.unflatten(out_spec, joined)
