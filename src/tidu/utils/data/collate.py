"""Samples to batches: `default_collate` and `default_convert`."""

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

import numpy as np

from ... import ops
from ...base.dtypes import float64
from ...base.errors import hinted
from ...frontend.tensor import Tensor

__all__ = [
    "collate", "collate_tensor_fn", "default_collate", "default_collate_fn_map", "default_convert",
]  # fmt: skip

_REFUSED = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_convert(data):
    """NumPy arrays in nested containers made tensors; everything else as it is."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        if isinstance(data, np.ndarray) and data.dtype.kind in "SUO":
            return data
        return ops.as_tensor(data)
    kind = type(data)
    if isinstance(data, Mapping):
        converted = {key: default_convert(value) for key, value in data.items()}
        return _rebuilt(kind, converted, data)
    if _is_namedtuple(data):
        return kind(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        converted = [default_convert(value) for value in data]
        return _rebuilt(kind, converted, data)
    return data


def _is_namedtuple(value):
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _rebuilt(kind, items, example):
    """A container of the same class as `example` where that can be made, else a plain one."""
    try:
        if isinstance(example, MutableMapping):
            result = copy.copy(example)
            result.update(items)
            return result
        if isinstance(example, MutableSequence):
            result = copy.copy(example)
            result[:] = items
            return result
        return kind(items)
    except TypeError:
        return items


def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Tensors of one shape, stacked."""
    return ops.stack(batch, 0)


def _collate_arrays(batch, *, collate_fn_map=None):
    first = batch[0]
    if first.dtype.kind in "SUO":
        raise TypeError(_REFUSED.format(first.dtype))
    return collate([ops.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _collate_scalars(batch, *, collate_fn_map=None):
    return ops.as_tensor(np.array(batch))


def _collate_floats(batch, *, collate_fn_map=None):
    return ops.tensor(batch, dtype=float64)


def _collate_integers(batch, *, collate_fn_map=None):
    return ops.tensor(batch)


def _as_they_are(batch, *, collate_fn_map=None):
    return batch


default_collate_fn_map = {
    Tensor: collate_tensor_fn,
    np.ndarray: _collate_arrays,
    (np.bool_, np.number, np.object_): _collate_scalars,
    float: _collate_floats,
    int: _collate_integers,
    str: _as_they_are,
    bytes: _as_they_are,
}


def _function_for(sample, functions):
    found = functions.get(type(sample))
    if found is not None:
        return found
    return next((f for kind, f in functions.items() if isinstance(sample, kind)), None)


def collate(batch, *, collate_fn_map=None):
    """A list of samples as one batch, by a map from classes to functions."""
    sample = batch[0]
    function = _function_for(sample, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    def together(values):
        return collate(values, collate_fn_map=collate_fn_map)

    kind = type(sample)
    if isinstance(sample, Mapping):
        items = {key: together([one[key] for one in batch]) for key in sample}
        return _rebuilt(kind, items, sample)
    if _is_namedtuple(sample):
        return kind(*(together(values) for values in zip(*batch, strict=True)))
    if isinstance(sample, Sequence):
        if any(len(one) != len(sample) for one in batch):
            raise RuntimeError(
                hinted(
                    "each element in list of batch should be of equal size",
                    "samples of different lengths need a collate_fn of your own, for example with "
                    "torch.nn.utils.rnn.pad_sequence.",
                )
            )
        items = [together(values) for values in zip(*batch, strict=True)]
        return items if isinstance(sample, tuple) else _rebuilt(kind, items, sample)
    raise TypeError(_REFUSED.format(kind))


def default_collate(batch):
    """Stack tensors, arrays and numbers of the samples; containers are gone into.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
