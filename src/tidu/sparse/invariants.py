"""What must hold of the indices of a sparse tensor in rows or columns, and the switch for it."""

import threading
from functools import wraps

import numpy as np

from ..base.dtypes import int32, int64
from ..base.errors import hinted
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


def check_compressed(pointers, indices, values, shape, by_rows, check):
    """RuntimeError for what cannot be a sparse matrix; `check`: for what PyTorch's own checks
    refuse, None for as the switch says."""
    first, second = ("crow_indices", "col_indices") if by_rows else ("ccol_indices", "row_indices")
    if pointers.dim() != indices.dim():
        raise RuntimeError(
            f"{first} and {second} dimensionalities must be equal but got {pointers.dim()} and "
            f"{indices.dim()}, respectively"
        )
    if pointers.dim() > 1 or values.dim() > 1:
        raise NotImplementedError(hinted(
            "Sparse tensors in rows or columns with more than two dimensions.",
            "keep a list of matrices, or torch.sparse_coo_tensor, which may have more.",
        ))  # fmt: skip
    if len(shape) != 2:
        raise RuntimeError(
            "tensor dimensionality must be sum of batch, base, and dense dimensionalities "
            f"(=0 + 2 + 0) but got {len(shape)}"
        )
    _check_lengths(pointers, indices, values, shape, by_rows, (first, second))
    if pointers.dtype != indices.dtype:
        raise RuntimeError(
            f"{first} and {second} must have the same dtype, bot got "
            f"{scalar_name(pointers.dtype)} and {scalar_name(indices.dtype)}, respectively"
        )
    if pointers.dtype not in (int32, int64):
        raise RuntimeError(
            f"{first} and {second} dtype must be Int or Long, but got {scalar_name(pointers.dtype)}"
        )
    fully = _SWITCH.on if check is None else check
    _check_numbers(pointers.numpy(), indices.numpy(), shape, by_rows, (first, second), fully)


def _check_lengths(pointers, indices, values, shape, by_rows, names):
    length, what = shape[0 if by_rows else 1] + 1, "rows" if by_rows else "columns"
    if len(pointers) != length:
        raise RuntimeError(
            f"{names[0]}.shape[-1] must be equal to the number of {what} + 1 (={length}), but got "
            f"{len(pointers)}"
        )
    if len(indices) != len(values):
        raise RuntimeError(
            f"{names[1]}.shape[-1] must be equal to nnz (={len(values)}) as defined by "
            f"values.shape[0], but got {len(indices)}"
        )


def _check_numbers(pointers, indices, shape, by_rows, names, fully):
    first, second = names
    (rows, wide), bound = (shape, "ncols") if by_rows else (shape[::-1], "nrows")
    name = "nrows" if by_rows else "ncols"
    _require(pointers[0] == 0, f"{first}[..., 0] == 0")
    _require(pointers[-1] == len(indices), f"{first}[..., -1] == nnz")
    steps = np.diff(pointers)
    _require(
        not rows or (steps.min() >= 0 and steps.max() <= wide) or not fully and steps.min() >= 0,
        f"0 <= {first}[..., 1:] - {first}[..., :-1] <= {bound}",
    )
    within = not len(indices) or (indices.min() >= 0 and indices.max() < wide)
    _require(within, f"0 <= {second} < {bound}")
    if fully:
        row = np.repeat(np.arange(rows), steps)
        rising = (np.diff(row) > 0) | (np.diff(indices) > 0)
        _require(
            rising.all(),
            f"{second}[..., {first}[..., i - 1]:{first}[..., i]] for all i = 1, ..., {name} are "
            "sorted and distinct along the last dimension values",
        )


def _require(holds, what):
    if not holds:
        raise RuntimeError(f"`{what}` is not satisfied.")
