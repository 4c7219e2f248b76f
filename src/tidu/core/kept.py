"""Types whose numbers are kept and converted, but not computed in: floats of 8 bits, complex32.

`dispatch.below` asks here once a program has met such a type, and never before.
"""

from ..base.dtypes import KEPT, refuse_kept

__all__ = ["require_moving"]

# Primitives that compare with, copy or move what is there, or that PyTorch has for these types.
_MOVING = frozenset(
    "abs alias all any barrier cat clone complex conj copy copy_slices detach "
    "diagonal_backward eq flip imag index index_put isnan ne real roll slice_backward to_copy "
    "where zeros_like".split()
)
_KERNELS = {  # where PyTorch's name of the kernel is not NAME_cpu
    "add": "add_stub", "sub": "add_stub", "rsub": "add_stub", "mul": "mul_cpu_reduced_float",
    "floor_divide": "div_floor_cpu_reduced_float", "pow": "pow", "mean": "sum_cpu",
    "amax": "max_values_cpu", "amin": "min_values_cpu", "max": "max_all", "min": "min_all",
    "arg_extreme": "argmax_cpu", "relu": "clamp_min_scalar_cpu", "clamp": "clamp_scalar_cpu",
    "hardtanh": "clamp_scalar_cpu", "sigmoid": "sigmoid_cpu_reduced_float", "isinf": "isinf",
    "isfinite": "isfinite", "argsort": "sorting_kernel_method_name", "cumsum": "cumsum_out_cpu",
    "cumprod": "cumprod_out_cpu", "prod": "prod_out_cpu", "nonzero": "nonzero_count_cpu",
    "gather": "gather_expanded_index", "mv": "addmv_impl_cpu",
    "scatter": "scatter_gather_tensor_cpu",
    "linalg_vector_norm": "norm_cpu", "softmax": "softmax_lastdim_kernel_impl",
    "log_softmax": "log_softmax_lastdim_kernel_impl", "gelu": "GeluKernelImpl",
    "normalize": "LayerNormKernelImpl", "other_products": "bmm",
    **{name: f"{name}_vml_cpu" for name in (
        "acos asin atan ceil cos cosh erf erfc erfinv exp exp2 expm1 floor log log10 log1p log2 "
        "lgamma round sin sinh sqrt tan tanh trunc").split()},
}  # fmt: skip


def require_moving(prim, values):
    """Raise if one of the values, arrays or variables of a graph, is of such a type and the
    primitive computes."""
    if prim.is_view or prim.name in _MOVING:
        return
    kinds = [_kind_of(value) for value in values]
    ranks = [len(getattr(value, "shape", ())) for value in values]
    for kind, rank in zip(kinds, ranks, strict=True):
        if kind in KEPT and not _has_kernel(prim.name, kind, kinds, ranks):
            kernel = None
            if prim.name == "mm":
                kernel = "dot" if rank == 1 else "bmm"
            elif prim.name == "mv":
                kernel = "dot" if min(ranks) == 1 == rank else None
            refuse_kept(kind, kernel or _KERNELS.get(prim.name, f"{prim.name}_cpu"))


def _kind_of(value):
    return getattr(value, "element_type", None) or getattr(value, "dtype", None)


def _has_kernel(name, kind, kinds, ranks):
    """Whether PyTorch computes in this type: sums of complex numbers, products of elements (not by
    a number) and of matrices."""
    if kind.name == "complex32":
        return name in ("add", "sub", "rsub", "mul", "neg", "sign")
    if name in ("isfinite", "isinf"):
        return kind.name == "float8_e5m2"  # which has infinities
    if name == "mul":
        return min(ranks) > 0 and all(other == kind for other in kinds)
    return name in ("addmm", "mm") and max(ranks) <= 2 and (ranks[0], name) != (1, "mm")
