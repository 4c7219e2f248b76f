"""Public names that are loaded when first used, so that `import tidu` stays quick.

`tidu/__init__.py` takes `__getattr__` and `__dir__` from here: one table, one way.
"""

import sys
from importlib import import_module

from .core.native import NATIVE
from .dtypes import ABSENT
from .lazy import courteous, lazy_module, unknown
from .ops.absent import ABSENT_FUNCTIONS, absent_function
from .ops.late import TORCH

__all__ = ["LATE", "__dir__", "__getattr__"]

# name -> where it is: a module, or "module:attribute"
LATE = {
    "func": "func",
    "vmap": "func:vmap",
    "random": "random",
    "fft": "fft",
    "layout": "constants:layout",
    "linalg": "linalg",
    "sparse_coo": "constants:sparse_coo",
    "sparse_csc": "constants:sparse_csc",
    "sparse_csr": "constants:sparse_csr",
    "strided": "constants:strided",
    "lu": "ops.factorizations:old_lu",
    "masked": "masked",
    "signal": "signal",
    "special": "special",
    "nn": "nn",
    "optim": "optim",
    "utils": "utils",
    "serialization": "serialization",
    "set_printoptions": "printing:set_printoptions",
    "save": "serialization:save",
    "load": "serialization:load",
    "version": "version",
    "torch": "",  # the package itself
    "accelerator": "accelerator",
    "ao": "ao",
    "quantization": "quantization",
    "amp": "amp",
    "autocast": "amp:autocast",
    "backends": "backends",
    "compile": "compilation:compile",
    "compiler": "compiler",
    "compare": "methods:compare",
    "cuda": "cuda",
    "diagnosis": "diagnosis",
    "explain": "explain",
    "graph": "explain:graph",
    "distributed": "distributed",
    "distributions": "distributions",
    "hub": "hub",
    "_C": "_C",
    "_dynamo": "_dynamo",
    "_inductor": "_inductor",
    "_logging": "_logging",
    "_utils": "_utils",
    "classes": "classes",
    "export": "export",
    "futures": "futures",
    "fx": "fx",
    "jagged": "constants:jagged",
    "_higher_order_ops": "_higher_order_ops",
    "cond": "_higher_order_ops.cond:cond",
    "scan": "_higher_order_ops.scan:scan",
    "while_loop": "_higher_order_ops.while_loop:while_loop",
    "jit": "jit",
    "library": "library",
    "nested": "nested",
    "sparse": "sparse",
    "sparse_coo_tensor": "sparse:sparse_coo_tensor",
    "sparse_csc_tensor": "sparse:sparse_csc_tensor",
    "sparse_csr_tensor": "sparse:sparse_csr_tensor",
    "spmm": "sparse:spmm",
    "TypedStorage": "storages:TypedStorage",
    "UntypedStorage": "storages:UntypedStorage",
    "methods": "methods",
    "cpu": "cpu",
    "mps": "mps",
    "multiprocessing": "multiprocessing",
    "onnx": "onnx",
    "overrides": "overrides",
    "profiler": "profiler",
    "return_types": "return_types",
    "testing": "testing",
    "trace_nan": "diagnosis:trace_nan",
    "why": "diagnosis:why",
    "xpu": "xpu",
    "DisableTorchFunction": "overrides:DisableTorchFunctionSubclass",
    "DisableTorchFunctionSubclass": "overrides:DisableTorchFunctionSubclass",
    "has_lapack": "settings:has_lapack",
    "has_mkl": "settings:has_mkl",
    "has_openmp": "settings:has_openmp",
    "has_spectral": "settings:has_spectral",
    "GradScaler": "amp:GradScaler",
    "Future": "futures:Future",
    "fork": "jit:fork",
    "wait": "jit:wait",
    "Stream": "accelerator:Stream",
    "Event": "accelerator:Event",
    "get_device_module": "accelerator:get_device_module",
    "from_file": "storages:from_file",
    "BoolStorage": "storages:BoolStorage",
    "ByteStorage": "storages:ByteStorage",
    "CharStorage": "storages:CharStorage",
    "DoubleStorage": "storages:DoubleStorage",
    "FloatStorage": "storages:FloatStorage",
    "IntStorage": "storages:IntStorage",
    "LongStorage": "storages:LongStorage",
    "ShortStorage": "storages:ShortStorage",
    "get_autocast_dtype": "amp.autocast_mode:get_autocast_dtype",
    "is_autocast_available": "amp.autocast_mode:is_autocast_available",
    "is_autocast_cache_enabled": "amp.autocast_mode:is_autocast_cache_enabled",
    "is_autocast_cpu_enabled": "amp.autocast_mode:is_autocast_cpu_enabled",
    "is_autocast_enabled": "amp.autocast_mode:is_autocast_enabled",
    "set_autocast_cache_enabled": "amp.autocast_mode:set_autocast_cache_enabled",
    "set_autocast_dtype": "amp.autocast_mode:set_autocast_dtype",
    "set_autocast_enabled": "amp.autocast_mode:set_autocast_enabled",
    "are_deterministic_algorithms_enabled": "settings:are_deterministic_algorithms_enabled",
    "compiled_with_cxx11_abi": "settings:compiled_with_cxx11_abi",
    "get_deterministic_debug_mode": "settings:get_deterministic_debug_mode",
    "get_float32_matmul_precision": "settings:get_float32_matmul_precision",
    "get_num_interop_threads": "settings:get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled": (
        "settings:is_deterministic_algorithms_warn_only_enabled"
    ),
    "is_warn_always_enabled": "settings:is_warn_always_enabled",
    "set_deterministic_debug_mode": "settings:set_deterministic_debug_mode",
    "set_float32_matmul_precision": "settings:set_float32_matmul_precision",
    "set_num_interop_threads": "settings:set_num_interop_threads",
    "set_warn_always": "settings:set_warn_always",
    "typename": "settings:typename",
    "use_deterministic_algorithms": "settings:use_deterministic_algorithms",
    "set_anomaly_enabled": "autograd.anomaly_mode:set_anomaly_enabled",
    "is_anomaly_enabled": "autograd.anomaly_mode:is_anomaly_enabled",
    "is_anomaly_check_nan_enabled": "autograd.anomaly_mode:is_anomaly_check_nan_enabled",
}

# home -> other, mostly rarely used functions that have their public name there
RARE = {
    "amp.older": (
        "autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache "
        "get_autocast_cpu_dtype get_autocast_gpu_dtype get_autocast_ipu_dtype "
        "get_autocast_xla_dtype is_autocast_ipu_enabled is_autocast_xla_enabled "
        "set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_gpu_dtype "
        "set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype "
        "set_autocast_xla_enabled"
    ),
    "properties": (
        "cudnn_is_acceptable get_device init_num_threads is_distributed is_inference is_neg "
        "is_same_size is_signed is_vulkan_available sym_constrain_range "
        "sym_constrain_range_for_size sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt "
        "sym_sum thread_safe_generator"
    ),
    "ops.copies": (
        "alias_copy as_strided_copy as_strided_scatter constant_pad_nd detach_copy diagonal_copy "
        "diagonal_scatter expand_copy fill narrow_copy permute_copy select_copy select_scatter "
        "slice_scatter split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy "
        "unbind_copy unfold_copy unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze_copy "
        "view_as_complex_copy view_as_real_copy view_copy"
    ),
    "ops.fake_quantize": "fake_quantize_per_channel_affine fake_quantize_per_tensor_affine",
    "ops.factorizations": (
        "geqrf lu_solve lu_unpack orgqr ormqr pca_lowrank svd_lowrank triangular_solve"
    ),
    "ops.integrals": (
        "corrcoef cov cumulative_trapezoid frexp gradient histogram histogramdd isreal "
        "nonzero_static trapezoid trapz unravel_index"
    ),
    "ops.segments": "segment_reduce",
    "ops.matrices_by_old_names": "det inverse pinverse slogdet swapaxes",
    "ops.rarities": (
        "conv_tbc convolution diagflat empty_permuted index_reduce nanquantile resize_as_ vander"
    ),
    "legacy_types": (
        "BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor "
        "HalfTensor IntTensor LongTensor ShortTensor"
    ),
    "random": (
        "Generator default_generator get_rng_state initial_seed manual_seed seed set_rng_state"
    ),
    "ops.short_time": "istft stft",
    "ops.special_functions": "i0 igamma igammac mvlgamma sinc",
    "ops.windows": "bartlett_window blackman_window hamming_window hann_window kaiser_window",
    "nn.functional": (
        "alpha_dropout bilinear celu_ channel_shuffle cosine_embedding_loss cosine_similarity "
        "dropout feature_alpha_dropout group_norm hinge_embedding_loss layer_norm "
        "margin_ranking_loss pairwise_distance pdist relu_ rms_norm rrelu rrelu_ "
        "selu_ threshold_ triplet_margin_loss"
    ),
}
LATE.update({name: f"{home}:{name}" for home, names in RARE.items() for name in names.split()})

LATE.update({name: f"ops:{name}" for name in TORCH})
_PACKAGE = __name__.rpartition(".")[0]
DRESS: list = []  # what is done to a public value before it is given out: see `calls`


NATIVE.module = lazy_module(f"{_PACKAGE}.compiler.eager")  # loaded by the first large array


def __getattr__(name):
    """The value of a late name, kept in the package so that it is asked for once."""
    place = LATE.get(name)
    if place is None and name in ABSENT_FUNCTIONS:
        return absent_function(name)
    if place is None:
        place = _elsewhere(name)
    module_name, _, attribute = place.partition(":")
    module = courteous(import_module(f"{_PACKAGE}.{module_name}".rstrip(".")))
    value = module
    for part in attribute.split(".") if attribute else ():
        value = getattr(value, part)
    for dress in DRESS:
        value = dress(name, value)
    setattr(sys.modules[_PACKAGE], name, value)
    return value


# Methods with a function of the same name that changes its first argument: torch.exp_(x).
INPLACE = (
    "abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh as_strided asin asinh atan "
    "atanh ceil clamp clamp_max clamp_min clip conj_physical cos cosh deg2rad detach erf erfc exp "
    "exp2 expm1 fill fix floor frac gcd i0 index_put lcm ldexp log log10 log1p log2 logit "
    "nan_to_num neg negative rad2deg reciprocal round rsqrt sigmoid sin sinc sinh sqrt square "
    "tan tanh trunc xlogy zero"
).split()


def _elsewhere(name):
    """Where torch.exp_ and the like are found: they are the methods. The rest is what refuses."""
    if name.endswith("_") and name[:-1] in INPLACE:
        return f"tensor:Tensor.{name}"
    if name in ABSENT or name.startswith("float8_"):
        return f"dtypes:{name}"
    if name[:1] != "_" and hasattr(import_module(f"{_PACKAGE}.machinery"), name):
        return f"machinery:{name}"
    raise unknown(_PACKAGE, name)


def __dir__():
    changing = [name + "_" for name in INPLACE]
    return sorted({*vars(sys.modules[_PACKAGE]), *LATE, *changing})
