"""Operators of PyTorch that are left out: calling one says so, and names what works instead.

`ABSENT_FUNCTIONS`, `ABSENT_METHODS` and `ABSENT_LAYERS` (of torch.nn.functional) map names to
(why, what to write instead).
"""

from functools import cache

from ..errors import hinted
from ..lazy import standing

__all__ = ["ABSENT_FUNCTIONS", "ABSENT_LAYERS", "ABSENT_METHODS", "absent_function", "grouped_mm",
           "scaled_grouped_mm", "scaled_mm"]  # fmt: skip

_DENSE = "of the sparse layouts only COO, CSR and CSC are here"
_FULL = "there are no quantized types here"
_KERNEL = "it is an entry to a kernel of PyTorch, not a function of its documented interface"
_GONE = "PyTorch has removed it"

_INDEX = "torch.sparse_coo_tensor(indices, values, size), or x.to_sparse()"
_PRODUCT = "write torch.matmul(x, y) with dense tensors"
_SMALL = "x.half() takes half the memory, (x / scale).round().to(torch.int8) a quarter"
_MOVE = "torch.nn.functional.{}"


def _table(*groups):
    return {
        name: (why, instead.format(name.removesuffix("_")))
        for names, why, instead in groups
        for name in names.split()
    }


ABSENT_FUNCTIONS = _table(
    (
        (
            "sparse_bsr_tensor "
            "sparse_bsc_tensor "
            "resize_as_sparse_ indices_copy values_copy crow_indices_copy "
            "ccol_indices_copy col_indices_copy row_indices_copy"
        ),
        _DENSE,
        _INDEX,
    ),
    ("smm hspmm dsmm hsmm", _DENSE, _PRODUCT),
    ("sspaddmm saddmm", _DENSE, "write torch.addmm(x, a, b) with dense tensors"),
    (
        (
            "quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic empty_quantized "
            "dequantize int_repr q_scale q_zero_point q_per_channel_scales "
            "q_per_channel_zero_points "
            "q_per_channel_axis quantized_batch_norm quantized_max_pool1d quantized_max_pool2d "
            "quantized_max_pool3d quantized_lstm_cell quantized_gru_cell quantized_rnn_relu_cell "
            "quantized_rnn_tanh_cell choose_qparams_optimized"
        ),
        _FULL,
        _SMALL,
    ),
    (
        "fused_moving_avg_obs_fake_quant",
        _FULL,
        "torch.fake_quantize_per_tensor_affine, with the range kept in a buffer",
    ),
    (
        "hash_tensor",
        "its bits are an inner matter of PyTorch",
        "torch.equal(x, y) compares tensors, hash(x.numpy().tobytes()) is a hash of the bytes",
    ),
    ("lobpcg", "all eigenvalues are computed at once here", "torch.linalg.eigh(A)"),
    (
        "grid_sampler grid_sampler_2d grid_sampler_3d cudnn_grid_sampler",
        _KERNEL,
        "torch.nn.functional.grid_sample",
    ),
    (
        "affine_grid_generator cudnn_affine_grid_generator",
        _KERNEL,
        "torch.nn.functional.affine_grid",
    ),
    (
        "native_batch_norm cudnn_batch_norm miopen_batch_norm batch_norm",
        _KERNEL,
        "torch.nn.functional.batch_norm",
    ),
    ("native_layer_norm", _KERNEL, "torch.nn.functional.layer_norm"),
    ("native_group_norm", _KERNEL, "torch.nn.functional.group_norm"),
    ("native_dropout feature_dropout feature_dropout_", _KERNEL, "torch.nn.functional.dropout"),
    ("native_channel_shuffle", _KERNEL, "torch.nn.functional.channel_shuffle"),
    ("native_norm frobenius_norm", _KERNEL, "torch.linalg.vector_norm"),
    ("nuclear_norm", _KERNEL, "torch.linalg.matrix_norm(x, 'nuc')"),
    (
        (
            "instance_norm binary_cross_entropy_with_logits ctc_loss embedding_bag kl_div "
            "poisson_nll_loss "
            "dropout_ alpha_dropout_ feature_alpha_dropout_"
        ),
        _KERNEL,
        _MOVE,
    ),
    (
        "max_pool1d_with_indices",
        _KERNEL,
        "torch.nn.functional.max_pool1d(x, n, return_indices=True)",
    ),
    (
        (
            "mkldnn_max_pool2d miopen_convolution cudnn_convolution mkldnn_convolution "
            "cudnn_convolution_transpose"
        ),
        _KERNEL,
        "torch.nn.functional.conv2d and its like",
    ),
    ("lstm", _KERNEL, "torch.nn.LSTM"),
    ("gru", _KERNEL, "torch.nn.GRU"),
    ("rnn_tanh rnn_relu", _KERNEL, "torch.nn.RNN"),
    ("lstm_cell", _KERNEL, "torch.nn.LSTMCell"),
    ("gru_cell", _KERNEL, "torch.nn.GRUCell"),
    ("rnn_tanh_cell rnn_relu_cell", _KERNEL, "torch.nn.RNNCell"),
    ("embedding_renorm_", _KERNEL, "torch.nn.functional.embedding(index, weight, max_norm=...)"),
    ("norm_except_dim", _KERNEL, "torch.linalg.vector_norm(x, dim=..., keepdim=True)"),
    ("slice_inverse", _KERNEL, "torch.slice_scatter"),
    ("slice_copy", _KERNEL, "x[a:b].clone()"),
    ("binomial", _KERNEL, "torch.distributions.Binomial(count, prob).sample()"),
    ("eig", _GONE, "torch.linalg.eig"),
    ("symeig", _GONE, "torch.linalg.eigh"),
    ("solve", _GONE, "torch.linalg.solve(A, B), with the matrix first"),
    ("lstsq", _GONE, "torch.linalg.lstsq(A, B), with the matrix first"),
    ("matrix_rank", _GONE, "torch.linalg.matrix_rank"),
)

ABSENT_METHODS = _table(
    (
        (
            "to_sparse_bsr to_sparse_bsc sparse_resize_ sparse_resize_and_clear_ "
            "resize_as_sparse_ to_mkldnn"
        ),
        _DENSE,
        _INDEX,
    ),
    ("smm", _DENSE, _PRODUCT),
    ("sspaddmm", _DENSE, "write torch.addmm(x, a, b) with dense tensors"),
    (
        (
            "dequantize int_repr q_scale q_zero_point q_per_channel_scales "
            "q_per_channel_zero_points "
            "q_per_channel_axis qscheme"
        ),
        _FULL,
        _SMALL,
    ),
    ("hash_tensor", *ABSENT_FUNCTIONS["hash_tensor"]),
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
