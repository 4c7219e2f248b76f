"""What autocast changes: the types in which listed functions compute.

The lists are PyTorch's for the CPU (aten/src/ATen/autocast_mode.h): products and convolutions in
the chosen type, losses, factorizations and the like in float32, joining in the widest type
present; float64 is left alone. Nothing is on the way of a call until the first `autocast`; then
`switch_on` puts `_CASTS`, which looks at the thread's flag, around each listed function.
"""

import sys
from types import FunctionType

from ..base.dtypes import float32, float64
from ..core.handle import TensorBase
from ..frontend.calls import Interceptor, intercept
from .state import STATE

__all__ = ["cast", "switch_on"]

_ROOT = __name__.split(".")[0]
LOWER = (
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear matmul mm bmm "
    "addmm addbmm baddbmm prelu scaled_dot_product_attention linalg.vecdot tensordot "
    "chain_matmul linalg.multi_dot"
)
FULL = (
    "avg_pool3d binary_cross_entropy grid_sample polar prod quantile "
    "nanquantile stft cdist trace "
    "view_as_complex cholesky cholesky_inverse cholesky_solve inverse lu_solve orgqr ormqr "
    "pinverse max_pool3d max_unpool2d max_unpool3d adaptive_avg_pool3d mse_loss "
    "cosine_embedding_loss nll_loss hinge_embedding_loss poisson_nll_loss smooth_l1_loss "
    "cross_entropy l1_loss huber_loss margin_ranking_loss soft_margin_loss triplet_margin_loss "
    "multi_margin_loss ctc_loss kl_div multilabel_margin_loss binary_cross_entropy_with_logits "
    "geqrf qr svd triangular_solve fractional_max_pool2d fractional_max_pool3d "
    "adaptive_max_pool3d fft.fft fft.ifft fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft fft.irfft "
    "fft.rfft2 fft.irfft2 fft.rfftn fft.irfftn fft.hfft fft.ihfft linalg.cond linalg.matrix_rank "
    "linalg.solve linalg.cholesky linalg.svdvals linalg.eigvals linalg.eigvalsh linalg.inv "
    "linalg.householder_product linalg.tensorinv linalg.tensorsolve linalg.qr linalg.cholesky_ex "
    "linalg.svd linalg.eig linalg.eigh linalg.lstsq linalg.inv_ex"
)
WIDEST = "stack cat concat concatenate index_copy"
_LISTS = (("lower", LOWER), ("full", FULL), ("widest", WIDEST), ("contracting", "einsum"),
          ("matrices", "inner"), ("edges", "pad"), ("plain", "bilinear"),
          ("response", "local_response_norm"), ("rounded", "linalg.pinv"))  # fmt: skip
METHODS = {
    "matrices": "inner",
    "lower": "matmul mm bmm addmm addbmm baddbmm prelu __matmul__ __rmatmul__",
    "full": "prod quantile nanquantile stft trace cholesky cholesky_inverse cholesky_solve inverse "
    "lu_solve orgqr ormqr pinverse geqrf qr svd triangular_solve",
    "widest": "index_copy",
}


def _eligible(value):
    return isinstance(value, TensorBase) and value.is_floating_point() and value.dtype != float64


def cast(value, to):
    if isinstance(value, TensorBase):
        return value.to(to) if _eligible(value) and value.dtype != to else value
    if isinstance(value, (tuple, list)) and any(isinstance(v, TensorBase) for v in value):
        return type(value)([cast(v, to) for v in value])
    return value


def _tensors(values):
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from _tensors(value)
        elif _eligible(value):
            yield value


def _lower(args, kwargs):
    return STATE.dtypes["cpu"]


def _full(args, kwargs):
    return float32


def _widest(args, kwargs):
    types = {tensor.dtype for tensor in _tensors((*args, *kwargs.values()))}
    if float32 in types or len(types) > 1:
        return float32
    return types.pop() if types else None


def _contracting(args, kwargs):
    """einsum: products summed over an index go the way of matmul, others stay as they are."""
    operands = args[1:] if args and isinstance(args[0], str) else args
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    if sum(isinstance(x, TensorBase) for x in operands) < 2:
        return None
    if args and isinstance(args[0], str) and not _sums_over_an_index(args[0]):
        return None
    return STATE.dtypes["cpu"]


def _sums_over_an_index(equation):
    given, arrow, result = equation.replace(" ", "").partition("->")
    letters = given.replace(",", "").replace(".", "")
    if not arrow:
        return any(letters.count(letter) > 1 for letter in letters)
    return bool(set(letters) - set(result))


def _of_matrices(args, kwargs):
    """inner: of vectors it is dot, which stays as it is."""
    both = [x for x in (*args, *kwargs.values()) if isinstance(x, TensorBase)]
    vectors = all(x.dim() < 2 for x in both) or not all(x.dim() for x in both)
    return None if vectors else STATE.dtypes["cpu"]


def _edges(args, kwargs):
    """pad: borders that mirror or repeat are in float32, others as they are."""
    mode = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
    return float32 if mode in ("reflect", "replicate") else None


def _response(args, kwargs):
    """local_response_norm: of images and volumes a mean in float32, of sequences as it is."""
    x = args[0] if args else kwargs["input"]
    return float32 if x.dim() > 3 else None


def _plain(args, kwargs):
    """In the types that are given, with all that is computed inside."""


def _rounded(args, kwargs):
    """In the types given, but for the last product, which is one of the chosen type."""


_RULES = {"lower": _lower, "full": _full, "widest": _widest, "contracting": _contracting,
          "rounded": _rounded, "matrices": _of_matrices, "edges": _edges, "response": _response,
          "plain": _plain}  # fmt: skip


class _Casts(Interceptor):
    """Casts the inputs of the listed functions, also where the library calls them itself."""

    order, deep = 0, True

    def __init__(self):
        self.rules = {}  # id(function) -> its rule

    def wants(self, seen):
        return id(seen.function) in self.rules

    def around(self, seen, call, /, *args, **kwargs):
        if "cpu" not in STATE.enabled:
            return call(*args, **kwargs)
        rule = self.rules[id(seen.function)]
        to = rule(args, kwargs)
        if to is not None:
            args = [cast(value, to) for value in args]
            kwargs = {name: cast(value, to) for name, value in kwargs.items()}
        was, STATE.enabled = STATE.enabled, STATE.enabled - {"cpu"}
        try:
            result = call(*args, **kwargs)
        finally:
            STATE.enabled = was
        return cast(result, STATE.dtypes["cpu"]) if rule is _rounded else result


_CASTS = _Casts()


def switch_on():
    """Let the listed functions look at the thread's autocast flag, from now on."""
    if _CASTS.rules:
        return
    listed = [*_listed()]
    for function, _, rule in reversed(listed):  # of two rules for one function the first counts
        _CASTS.rules[id(function)] = _RULES[rule]
    intercept(_CASTS, [(function, name) for function, name, _ in listed])


def _listed():
    """(function, name, rule) of each listed function and method."""
    root = sys.modules[_ROOT]
    for rule, names in _LISTS:
        for path in names.split():
            area, _, name = path.rpartition(".")
            places = [getattr(root, area)] if area else [root, root.nn.functional, root.ops]
            for place in places:
                if isinstance(function := getattr(place, name, None), FunctionType):
                    yield function, name, rule
    for rule, names in METHODS.items():
        for name in names.split():
            if isinstance(method := getattr(TensorBase.handle_class, name, None), FunctionType):
                yield method, name, rule
