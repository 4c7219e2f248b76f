"""What must hold of the indices of a sparse tensor in rows or columns, and the switch for it."""

import math
import threading
from functools import wraps

import numpy as np

from ..base.constants import sparse_bsc, sparse_bsr, sparse_csr
from ..base.dtypes import int32, int64
from ..ops.convert import scalar_name

__all__ = ["check_compressed", "check_sparse_tensor_invariants"]


class _Switch(threading.local):
    on = False


_SWITCH = _Switch()


class check_sparse_tensor_invariants:
    """Whether constructors of sparse tensors check all that must hold of indices.

    Indices that point outside are refused in any case; with this on, those of one row must be in
    order and distinct, too. A block, `with check_sparse_tensor_invariants():`, or a decorator.

    >>> import tidu as torch
    >>> with torch.sparse.check_sparse_tensor_invariants():
    ...     print(torch.sparse.check_sparse_tensor_invariants.is_enabled())
    True
    """

    __module__ = "torch.sparse"

    def __init__(self, enable=True):
        self.state, self.saved_state = enable, None

    @staticmethod
    def is_enabled():
        """Whether they are checked now."""
        return _SWITCH.on

    @staticmethod
    def enable():
        """Check from now on."""
        _SWITCH.on = True

    @staticmethod
    def disable():
        """Check no more."""
        _SWITCH.on = False

    def __enter__(self):
        if self.saved_state is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context "
                "manager instance for context nesting."
            )
        self.saved_state, _SWITCH.on = _SWITCH.on, self.state

    def __exit__(self, *exc):
        _SWITCH.on, self.saved_state = self.saved_state, None

    def __call__(self, function):
        @wraps(function)
        def checked(*args, **kwargs):
            with type(self)(self.state):
                return function(*args, **kwargs)

        return checked


def check_compressed(pointers, indices, values, shape, layout, check):
    """RuntimeError for what cannot be a sparse matrix; `check`: for what PyTorch's own checks
    refuse, None for as the switch says."""
    by_rows, blocked = layout in (sparse_csr, sparse_bsr), layout in (sparse_bsr, sparse_bsc)
    names = ("crow_indices", "col_indices") if by_rows else ("ccol_indices", "row_indices")
    _check_axes(pointers, indices, values, shape, blocked, names)
    batch = pointers.dim() - 1
    grid = _checked_grid(values, shape, batch, blocked)
    sizes = grid if by_rows else grid[::-1]
    _check_lengths(pointers, indices, values, sizes[0], by_rows, names)
    if pointers.dtype != indices.dtype:
        raise RuntimeError(
            f"{names[0]} and {names[1]} must have the same dtype, bot got "
            f"{scalar_name(pointers.dtype)} and {scalar_name(indices.dtype)}, respectively"
        )
    if pointers.dtype not in (int32, int64):
        raise RuntimeError(
            f"{names[0]} and {names[1]} dtype must be Int or Long, but got "
            f"{scalar_name(pointers.dtype)}"
        )
    fully = _SWITCH.on if check is None else check
    count = math.prod(pointers.shape[:-1])
    arrays = [part.numpy().reshape(count, part.shape[-1]) for part in (pointers, indices)]
    _check_numbers(*arrays, sizes[1], by_rows, names, fully)


def _check_axes(pointers, indices, values, shape, blocked, names):
    """How many axes each has: a batch, the indices' own, a block's and the dense ones."""
    for name, part in zip(names, (pointers, indices), strict=True):
        if not part.dim():
            raise RuntimeError(f"{name} must have dimensionality >= 1 but got 0")
    if pointers.dim() != indices.dim():
        raise RuntimeError(
            f"{names[0]} and {names[1]} dimensionalities must be equal but got {pointers.dim()} "
            f"and {indices.dim()}, respectively"
        )
    batch, block = pointers.dim() - 1, 2 * blocked
    dense = values.dim() - batch - block - 1
    if dense < 0:
        raise RuntimeError(
            "values must have dimensionality > sum of batch and block dimensionalities "
            f"(={batch} + {block}) but got {values.dim()}"
        )
    if len(shape) != batch + 2 + dense:
        raise RuntimeError(
            "tensor dimensionality must be sum of batch, base, and dense dimensionalities "
            f"(={batch} + 2 + {dense}) but got {len(shape)}"
        )
    lengths = [list(part.shape[:batch]) for part in (pointers, indices, values)]
    if any(found != list(shape[:batch]) for found in lengths):
        raise RuntimeError(
            f"all batch dimensions of {names[0]} (={lengths[0]}), {names[1]} (={lengths[1]}), and "
            f"values (={lengths[2]}) must be equal to tensor batch dimensions "
            f"(={list(shape[:batch])})"
        )
    if tuple(values.shape[batch + block + 1 :]) != tuple(shape[batch + 2 :]):
        raise RuntimeError(
            f"values.shape[{batch + block + 1}:] must be equal to the dense lengths "
            f"(={list(shape[batch + 2 :])}), but got {list(values.shape[batch + block + 1 :])}"
        )


def _checked_grid(values, shape, batch, blocked):
    """How many rows and columns, of blocks where there are blocks."""
    matrix = shape[batch : batch + 2]
    if not blocked:
        return matrix
    block = values.shape[batch + 1 : batch + 3]
    for axis, (length, side) in enumerate(zip(matrix, block, strict=True)):
        if side < 1 or length % side:
            raise RuntimeError(
                f"tensor shape[{batch + axis}] (={length}) must be divisible with "
                f"blocksize[{axis}] (={side}) as defined by values shape"
            )
    return tuple(length // side for length, side in zip(matrix, block, strict=True))


def _check_lengths(pointers, indices, values, count, by_rows, names):
    what, batch = "rows" if by_rows else "columns", pointers.dim() - 1
    if pointers.shape[-1] != count + 1:
        raise RuntimeError(
            f"{names[0]}.shape[-1] must be equal to the number of {what} + 1 (={count + 1}), but "
            f"got {pointers.shape[-1]}"
        )
    if indices.shape[-1] != values.shape[batch]:
        raise RuntimeError(
            f"{names[1]}.shape[-1] must be equal to nnz (={values.shape[batch]}) as defined by "
            f"values.shape[{batch}], but got {indices.shape[-1]}"
        )


def _check_numbers(pointers, indices, wide, by_rows, names, fully):
    """What must hold of the numbers: pointers (matrices, rows + 1), indices (matrices, nnz)."""
    first, second = names
    bound, name = ("ncols", "nrows") if by_rows else ("nrows", "ncols")
    _require((pointers[:, 0] == 0).all(), f"{first}[..., 0] == 0")
    _require((pointers[:, -1] == indices.shape[1]).all(), f"{first}[..., -1] == nnz")
    steps = np.diff(pointers, axis=1)
    _require(
        not steps.size or (steps.min() >= 0 and (not fully or steps.max() <= wide)),
        f"0 <= {first}[..., 1:] - {first}[..., :-1] <= {bound}",
    )
    within = not indices.size or (indices.min() >= 0 and indices.max() < wide)
    _require(within, f"0 <= {second} < {bound}")
    if fully and steps.size:
        row = np.repeat(np.arange(steps.size), steps.reshape(-1))
        rising = (np.diff(row) > 0) | (np.diff(indices.reshape(-1)) > 0)
        _require(
            rising.all(),
            f"{second}[..., {first}[..., i - 1]:{first}[..., i]] for all i = 1, ..., {name} are "
            "sorted and distinct along the last dimension values",
        )


def _require(holds, what):
    if not holds:
        raise RuntimeError(f"`{what}` is not satisfied.")
