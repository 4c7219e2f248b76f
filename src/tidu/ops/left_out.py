"""Operators of PyTorch that are left out: calling one says so, and names what works instead.

`ABSENT_FUNCTIONS`, `ABSENT_METHODS` and `ABSENT_LAYERS` (of torch.nn.functional) map names to
(why, what to write instead).
"""

from functools import cache

from ..base.errors import hinted
from ..base.lazy import standing

__all__ = ["ABSENT_FUNCTIONS", "ABSENT_LAYERS", "ABSENT_METHODS", "absent_function", "grouped_mm",
           "scaled_grouped_mm", "scaled_mm"]  # fmt: skip

_DENSE = "it is a method of sparse tensors"
_FULL = "there are no quantized layers here"
_KERNEL = "it is an entry to a kernel of PyTorch, not a function of its documented interface"
_GONE = "PyTorch has removed it"

_INDEX = "torch.sparse_coo_tensor(indices, values, size), or x.to_sparse()"
_SMALL = "compute with x.dequantize(), and torch.quantize_per_tensor what comes of it"


def _table(*groups):
    return {name: (why, instead) for names, why, instead in groups for name in names.split()}


ABSENT_FUNCTIONS = _table(
    (
        (
            "quantized_batch_norm quantized_max_pool1d quantized_max_pool2d "
            "quantized_max_pool3d quantized_lstm_cell quantized_gru_cell quantized_rnn_relu_cell "
            "quantized_rnn_tanh_cell"
        ),
        _FULL,
        _SMALL,
    ),
    ("cudnn_grid_sampler", _KERNEL, "torch.nn.functional.grid_sample"),
    ("cudnn_affine_grid_generator", _KERNEL, "torch.nn.functional.affine_grid"),
    ("cudnn_batch_norm miopen_batch_norm", _KERNEL, "torch.nn.functional.batch_norm"),
    ("native_norm", _KERNEL, "torch.linalg.vector_norm"),
    (
        "mkldnn_max_pool2d miopen_convolution cudnn_convolution cudnn_convolution_transpose",
        _KERNEL,
        "torch.nn.functional.conv2d and its like",
    ),
    ("slice_inverse", _KERNEL, "torch.slice_scatter"),
    ("eig", _GONE, "torch.linalg.eig"),
    ("symeig", _GONE, "torch.linalg.eigh"),
    ("solve", _GONE, "torch.linalg.solve(A, B), with the matrix first"),
    ("lstsq", _GONE, "torch.linalg.lstsq(A, B), with the matrix first"),
    ("matrix_rank", _GONE, "torch.linalg.matrix_rank"),
)

ABSENT_METHODS = _table(
    (
        ("sparse_resize_ sparse_resize_and_clear_ resize_as_sparse_ to_mkldnn"),
        _DENSE,
        _INDEX,
    ),
    ("slice_inverse", _KERNEL, "torch.slice_scatter"),
    ("map2_", _KERNEL, "x.copy_(function(x, y, z)), with a function of whole tensors"),
    ("eig", _GONE, "torch.linalg.eig(x)"),
    ("symeig", _GONE, "torch.linalg.eigh(x)"),
    ("solve", _GONE, "torch.linalg.solve(A, x)"),
    ("lstsq", _GONE, "torch.linalg.lstsq(A, x)"),
)


ABSENT_LAYERS = _table(
    (
        "grouped_mm scaled_mm scaled_grouped_mm",
        "it is an entry to kernels of accelerators for numbers of 8 and 16 bits",
        "torch.matmul, group by group, with x * scale for scaled numbers",
    ),
)

_LAYERS = "torch.nn.functional"
_TABLES = {"torch": ABSENT_FUNCTIONS, "Tensor": ABSENT_METHODS, _LAYERS: ABSENT_LAYERS}


@cache
def absent_function(name, owner="torch"):
    """A function that says why the operator is left out and what works instead."""
    why, instead = _TABLES[owner][name]

    def absent(*args, **kwargs):
        raise NotImplementedError(
            hinted(f"{owner}.{name} is left out: {why}.", f"use instead: {instead}.")
        )

    absent.__doc__ = f"Left out: {why}. Instead: {instead}."
    absent.left_out = True
    return standing(absent, f"{owner}.{name}".removeprefix("torch."))


grouped_mm, scaled_mm, scaled_grouped_mm = [
    absent_function(name, _LAYERS) for name in ABSENT_LAYERS
]
