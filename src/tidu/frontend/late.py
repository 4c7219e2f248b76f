"""Public names that are loaded when first used, so that `import tidu` stays quick.

`tidu/__init__.py` takes `__getattr__` and `__dir__` from here.
"""

import sys
from importlib import import_module

from ..base.dtypes import ABSENT, MET_KEPT
from ..base.lazy import Door, at_home, late, lazy_module, unknown
from ..core.native import NATIVE
from ..ops.late import TORCH
from ..ops.left_out import ABSENT_FUNCTIONS, absent_function
from .tensor import Tensor

__all__ = ["GIVEN", "HOMES", "__dir__", "__getattr__"]

# Submodules of the package, with their own names.
MODULES = (
    "__config__ _C _dynamo _higher_order_ops _inductor _jit_internal _logging _subclasses "
    "_tensor_str _utils accelerator amp ao backends monitor "
    "classes compiler cpu cuda diagnosis distributed distributions explain export fft func "
    "functional futures fx hub jit library linalg masked methods mps multiprocessing nested nn "
    "onnx optim overrides profiler quantization quasirandom random return_types serialization "
    "signal sparse special testing types utils version xpu"
)

# Where names are that are called the same there.
NAMES = {
    "._higher_order_ops.cond": "cond",
    "._higher_order_ops.scan": "scan",
    "._higher_order_ops.while_loop": "while_loop",
    ".accelerator": "Event get_device_module Stream",
    ".frontend.checks": (
        "_assert _assert_async _check _check_index _check_is_size _check_not_implemented "
        "_check_type _check_value"
    ),
    ".amp": "autocast GradScaler",
    ".amp.autocast_mode": (
        "get_autocast_dtype is_autocast_available is_autocast_cache_enabled "
        "is_autocast_cpu_enabled is_autocast_enabled set_autocast_cache_enabled "
        "set_autocast_dtype set_autocast_enabled"
    ),
    ".amp.deprecated": (
        "autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache "
        "get_autocast_cpu_dtype get_autocast_gpu_dtype get_autocast_ipu_dtype "
        "get_autocast_xla_dtype is_autocast_ipu_enabled is_autocast_xla_enabled "
        "set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_gpu_dtype "
        "set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype "
        "set_autocast_xla_enabled"
    ),
    ".autograd.anomaly_mode": "is_anomaly_check_nan_enabled is_anomaly_enabled set_anomaly_enabled",
    ".compilation": "compile",
    ".base.constants": (
        "jagged layout per_channel_affine per_channel_affine_float_qparams per_channel_symmetric "
        "per_tensor_affine per_tensor_symmetric qscheme sparse_bsc sparse_bsr sparse_coo "
        "sparse_csc sparse_csr strided"
    ),
    ".diagnosis": "trace_nan why",
    ".explain": "graph",
    ".func": "vmap",
    ".futures": "Future",
    ".jit": "fork wait",
    ".frontend.legacy_types": (
        "BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor "
        "IntTensor LongTensor ShortTensor"
    ),
    ".methods": "compare",
    ".nn.native_functions": (
        "affine_grid_generator alpha_dropout_ batch_norm batch_norm_update_stats "
        "binary_cross_entropy_with_logits ctc_loss dropout_ embedding_bag "
        "embedding_renorm_ feature_alpha_dropout_ feature_dropout feature_dropout_ "
        "grid_sampler grid_sampler_2d grid_sampler_3d instance_norm kl_div "
        "max_pool1d_with_indices mkldnn_convolution native_batch_norm native_channel_shuffle "
        "native_dropout native_group_norm native_layer_norm "
        "poisson_nll_loss"
    ),
    ".nn.native_recurrent": (
        "gru gru_cell lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell"
    ),
    ".nn.functional": (
        "alpha_dropout bilinear celu_ channel_shuffle cosine_embedding_loss cosine_similarity "
        "dropout feature_alpha_dropout group_norm hinge_embedding_loss layer_norm "
        "margin_ranking_loss pairwise_distance pdist relu_ rms_norm rrelu rrelu_ selu_ "
        "threshold_ triplet_margin_loss"
    ),
    ".ops.copies": (
        "alias_copy as_strided_copy as_strided_scatter constant_pad_nd detach_copy "
        "diagonal_copy diagonal_scatter expand_copy fill narrow_copy permute_copy select_copy "
        "select_scatter slice_copy slice_scatter split_copy split_with_sizes_copy squeeze_copy "
        "t_copy "
        "transpose_copy unbind_copy unfold_copy unsafe_chunk unsafe_split "
        "unsafe_split_with_sizes unsqueeze_copy view_as_complex_copy view_as_real_copy "
        "view_copy"
    ),
    ".ops.factorizations": (
        "geqrf lobpcg lu_solve lu_unpack orgqr ormqr pca_lowrank svd_lowrank triangular_solve"
    ),
    ".ops.fake_quantize": "fake_quantize_per_channel_affine fake_quantize_per_tensor_affine",
    ".ops.integrals": (
        "corrcoef cov cumulative_trapezoid frexp gradient histogram histogramdd isreal "
        "nonzero_static trapezoid trapz unravel_index"
    ),
    ".ops.complex_parts": "_conj _neg_view is_neg",
    ".ops.norms": "frobenius_norm norm_except_dim nuclear_norm",
    ".ops.random": "binomial",
    ".ops.matrices_by_old_names": "det inverse pinverse slogdet swapaxes",
    ".ops.rarities": (
        "conv_tbc convolution diagflat empty_permuted hash_tensor index_reduce nanquantile "
        "resize_as_ vander"
    ),
    ".ops.segments": "segment_reduce",
    ".ops.short_time": "istft stft",
    ".ops.special_functions": "i0 igamma igammac mvlgamma sinc",
    ".ops.windows": "bartlett_window blackman_window hamming_window hann_window kaiser_window",
    ".overrides": "DisableTorchFunctionSubclass",
    ".base.printing": "set_printoptions",
    ".frontend.properties": (
        "cudnn_is_acceptable get_device init_num_threads is_distributed is_inference "
        "is_same_size is_signed is_vulkan_available sym_constrain_range "
        "sym_constrain_range_for_size sym_float sym_int sym_ite sym_max sym_min sym_not "
        "sym_sqrt sym_sum thread_safe_generator"
    ),
    ".random": (
        "default_generator Generator get_rng_state initial_seed manual_seed seed set_rng_state"
    ),
    ".serialization": "load save",
    ".frontend.settings": (
        "are_deterministic_algorithms_enabled compiled_with_cxx11_abi "
        "get_deterministic_debug_mode get_float32_matmul_precision get_num_interop_threads "
        "has_lapack has_mkl has_openmp has_spectral "
        "is_deterministic_algorithms_warn_only_enabled is_warn_always_enabled "
        "set_deterministic_debug_mode set_float32_matmul_precision set_num_interop_threads "
        "set_warn_always typename use_deterministic_algorithms"
    ),
    ".nested.lengths": "SymInt",
    ".nested.making": "_nested_tensor_from_mask _nested_tensor_from_mask_left_aligned",
    ".quantized.making": (
        "_empty_affine_quantized _make_per_channel_quantized_tensor "
        "_make_per_tensor_quantized_tensor dequantize empty_quantized int_repr q_per_channel_axis "
        "q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point quantize_per_channel "
        "quantize_per_tensor quantize_per_tensor_dynamic"
    ),
    ".quantized.observed": "choose_qparams_optimized fused_moving_avg_obs_fake_quant",
    ".sparse": (
        "ccol_indices_copy col_indices_copy crow_indices_copy hspmm indices_copy resize_as_sparse_ "
        "row_indices_copy smm sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor "
        "sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor spmm sspaddmm values_copy"
    ),
    ".frontend.storages": (
        "BoolStorage ByteStorage CharStorage DoubleStorage FloatStorage from_file IntStorage "
        "LongStorage ShortStorage TypedStorage UntypedStorage"
    ),
}

# name -> where it is: ".module", or ".module:name"
HOMES = {
    "DisableTorchFunction": ".overrides:DisableTorchFunctionSubclass",
    "dsmm": ".ops:mm",
    "hsmm": ".sparse:hspmm",
    "saddmm": ".sparse:sspaddmm",
    "lu": ".ops.factorizations:old_lu",
    "storage": ".frontend.storages",
    "torch": ".",  # the package itself
}
HOMES |= {name: f".{name}" for name in MODULES.split()} | at_home(NAMES)
HOMES |= {name: f".ops{home}" for name, home in TORCH.items()}
_PACKAGE = __name__.partition(".")[0]
NATIVE.module = lazy_module(f"{_PACKAGE}.compiler.eager")  # loaded by the first large array
_EIGHT_BITS = lazy_module(f"{_PACKAGE}.frontend.eight_bits")
MET_KEPT.open(lambda: _EIGHT_BITS.switch_on())

# Methods with a function of the same name that changes its first argument: torch.exp_(x).
INPLACE = (
    "abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh as_strided asin asinh atan "
    "atanh ceil clamp clamp_max clamp_min clip conj_physical cos cosh deg2rad detach erf erfc exp "
    "exp2 expm1 fill fix floor frac gcd i0 index_put lcm ldexp log log10 log1p log2 logit "
    "nan_to_num neg negative rad2deg reciprocal round rsqrt sigmoid sin sinc sinh sqrt square "
    "tan tanh trunc xlogy zero"
).split()


def _elsewhere(name):
    """torch.exp_ and the like are the methods; the rest is what refuses."""
    if name in ABSENT_FUNCTIONS:
        return absent_function(name)
    if name.endswith("_") and name[:-1] in INPLACE:
        return getattr(Tensor, name)
    if name in ABSENT or name.startswith("float8_"):
        return getattr(import_module(f"{_PACKAGE}.base.dtypes"), name)
    if name.startswith("_foreach_"):
        found = import_module(f"{_PACKAGE}.ops.foreach").foreach(name)
        if found is not None:
            return found
    if name[:1] != "_":  # Python itself asks for `__path__` at each import
        machinery = import_module(f"{_PACKAGE}.frontend.machinery")
        if hasattr(machinery, name):
            return getattr(machinery, name)
    raise unknown(_PACKAGE, name)


GIVEN = Door(lambda name, value: value)  # what is done to a value before it is given out: `calls`
__getattr__ = late(_PACKAGE, HOMES, _elsewhere, GIVEN)


def __dir__():
    changing = [name + "_" for name in INPLACE]
    return sorted({*vars(sys.modules[_PACKAGE]), *HOMES, *changing})
