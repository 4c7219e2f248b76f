"""The only place where serialization touches tensors: from arrays and back."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..base.constants import sparse_coo
from ..base.dtypes import int64
from ..composed import Composed
from ..core.handle import lying
from ..frontend.tensor import Tensor
from ..nn.parameter import Parameter
from ..primitives.bits import bits_of, turned
from ..sparse.compressed import COMPRESSED, CompressedTensor
from ..sparse.functions import sparse_coo_tensor
from ..sparse.making import sparse_compressed_tensor
from ..sparse.tensor import SparseTensor

__all__ = [
    "COMPRESSED",
    "Composed",
    "Parameter",
    "Tensor",
    "array_of",
    "attributes_of",
    "bits_set",
    "compressed",
    "from_array",
    "is_tensor",
    "parameter",
    "sparse",
    "sparse_coo",
    "sparse_parts",
    "whole_numbers",
    "with_bits",
]


def from_array(array: np.ndarray, requires_grad: bool) -> Tensor:
    """A tensor over this memory."""
    tensor = ops.from_array(array)
    return tensor.requires_grad_() if requires_grad else tensor


def parameter(data: Tensor, requires_grad: bool) -> Parameter:
    """A parameter that shares the memory of `data`."""
    return Parameter(data.detach(), requires_grad)


def sparse(indices: Tensor, values: Tensor, size, coalesced: bool) -> Tensor:
    """A tensor in coordinate form; RuntimeError where a place lies outside of it."""
    if indices.numel() == 0:
        return SparseTensor(indices, values, size, True)
    made = sparse_coo_tensor(indices, values, size)
    return SparseTensor(made._indices(), made._values(), size, coalesced and _in_order(made))


def _in_order(tensor) -> bool:
    """Whether each place comes once and after the ones before it, as a file may claim."""
    places = tensor._indices().numpy()
    flat = np.ravel_multi_index(tuple(places), tensor.shape[: len(places)])
    return bool((np.diff(flat) > 0).all())


def compressed(layout, pointers: Tensor, indices: Tensor, values: Tensor, size) -> Tensor:
    """A compressed matrix; RuntimeError where an index lies outside of it."""
    return sparse_compressed_tensor(pointers, indices, values, size, layout=layout)


def sparse_parts(tensor: Tensor):
    """What a sparse tensor is made of, after its layout, in PyTorch's order; None for others."""
    if isinstance(tensor, CompressedTensor):
        own = tensor._value
        return own.pointers, own.indices, own.values.detach(), tensor.shape
    if not isinstance(tensor, SparseTensor):
        return None
    size, coalesced = tensor.shape, tensor.is_coalesced()
    return tensor._indices(), tensor._values().detach(), size, coalesced


def whole_numbers(rows) -> Tensor:
    """A tensor of whole numbers, for what a nested tensor consists of."""
    return ops.tensor(rows, dtype=int64)


def is_tensor(value) -> bool:
    """Whether a value is a tensor (a parameter, too)."""
    return isinstance(value, Tensor)


def array_of(tensor: Tensor) -> np.ndarray:
    """The memory of a tensor."""
    return lying(tensor.detach()._array())


def bits_set(tensor: Tensor) -> dict:
    """Which of the bits `neg` and `conj` a tensor has, by which it reads what lies there."""
    found = zip(("neg", "conj"), reversed(bits_of(tensor)), strict=True)
    return {name: True for name, is_set in found if is_set}


def with_bits(tensor: Tensor, conj: bool, neg: bool) -> Tensor:
    """The tensor read through these bits."""
    tensor._value = turned(tensor._array(), conj, neg)
    return tensor


def attributes_of(tensor: Tensor) -> dict:
    """What the user has set on a tensor, apart from what it is."""
    state = getattr(tensor, "__dict__", None) or {}
    return {name: value for name, value in state.items() if not name.startswith("_")}
