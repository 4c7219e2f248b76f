"""Methods of Tensor that load their function's module when first called."""

from ..base.constants import strided
from ..base.errors import hinted
from ..base.lazy import lazy_module, standing
from ..core.handle import shape_of
from ..ops import arithmetic, network, restriding
from ..ops.creation import empty_strided
from ..ops.inplace import inplace
from ..ops.left_out import ABSENT_METHODS, absent_function

__all__ = ["LateMethods"]

_PACKAGE = __name__.partition(".")[0]

# home -> functions whose first argument is the tensor
HOMES = {
    "ops.copies": (
        "as_strided_scatter diagonal_scatter narrow_copy select_scatter slice_scatter unsafe_chunk "
        "unsafe_split unsafe_split_with_sizes"
    ),
    "ops.decompositions": "cholesky_inverse cholesky_solve",
    "ops.matrix_functions": "logdet matrix_exp",
    "ops.factorizations": "geqrf lu_solve orgqr ormqr triangular_solve",
    "ops.integrals": "corrcoef cov frexp histogram isreal nonzero_static",
    "ops.matrices_by_old_names": "cholesky det inverse pinverse qr slogdet svd",
    "ops.random": (
        "bernoulli bernoulli_ cauchy_ exponential_ geometric_ log_normal_ multinomial normal_ "
        "random_ uniform_"
    ),
    "ops.short_time": "istft stft",
    "ops.special_functions": "i0 igamma igammac mvlgamma sinc",
    "ops.rarities": "diagflat hash_tensor index_reduce nanquantile",
    "nested.making": "to_padded_tensor",
    "quantized.making": (
        "dequantize int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points "
        "q_scale q_zero_point qscheme"
    ),
    "sparse": (
        "smm sparse_mask sspaddmm to_sparse to_sparse_bsc to_sparse_bsr to_sparse_csc to_sparse_csr"
    ),
    "frontend.storages": "set_ storage untyped_storage",
}
CHANGING = "i0 igamma igammac mvlgamma sinc index_reduce".split()


def _method(home, name, function=None):
    module = lazy_module(f"{_PACKAGE}.{home}")

    def method(self, *args, **kwargs):
        found = getattr(module, function or name)
        # The next call goes there at once, unless somebody intercepts calls of this one.
        if method.__code__ is own and vars(LateMethods).get(name) is method:
            setattr(LateMethods, name, found)
        return found(self, *args, **kwargs)

    own = method.__code__
    method.stands_for = lambda: getattr(module, function or name)
    method.__doc__ = f"As torch.{name}."
    return standing(method, f"Tensor.{name}")


def _polygamma(x, n):
    return arithmetic.polygamma(n, x)


def _of_sparse(name, kind="sparse", instead="to_sparse"):
    def method(self):
        layout = "Strided" if self.layout is strided else "Sparse"
        raise RuntimeError(hinted(
            f"{name} expected {kind} tensor layout but got {layout}",
            f"x.{instead}() gives a tensor of it.",
        ))  # fmt: skip

    method.__doc__ = "Of sparse tensors; RuntimeError here."
    return standing(method, f"Tensor.{name}")


METHODS = {name: _method(home, name) for home, names in HOMES.items() for name in names.split()}
METHODS["lu"] = _method("ops.factorizations", "lu", "old_lu")
METHODS = {name: absent_function(name, "Tensor") for name in ABSENT_METHODS} | METHODS
METHODS.update({name + "_": inplace(METHODS[name]) for name in CHANGING})


class LateMethods:
    """Mixed into Tensor."""

    __slots__ = ()
    locals().update(METHODS)
    hardshrink = network.hardshrink
    swapdims_, as_strided_ = restriding.transpose_, restriding.as_strided_

    def conj_physical_(self):
        """The conjugate in place."""
        return self.copy_(self.conj_physical()) if self.is_complex() else self

    to_sparse_coo = METHODS["to_sparse"]
    coalesce, indices, values, is_coalesced = [
        _of_sparse(name) for name in ("coalesce", "indices", "values", "is_coalesced")
    ]
    crow_indices, col_indices = [
        _of_sparse(name, "sparse row compressed", "to_sparse_csr")
        for name in ("crow_indices", "col_indices")
    ]
    ccol_indices, row_indices = [
        _of_sparse(name, "sparse column compressed", "to_sparse_csc")
        for name in ("ccol_indices", "row_indices")
    ]

    def sparse_dim(self):
        """The number of sparse dimensions: none."""
        return 0

    def dense_dim(self):
        """The number of dimensions: all of them are dense."""
        return self.dim()

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The tensor itself, which keeps all its elements."""
        return self if dtype is None else self.to(dtype)

    polygamma_ = inplace(_polygamma, "polygamma_")

    def is_nonzero(self):
        """Whether the one element is not zero."""
        if self.numel() != 1:
            word = "no values" if not self.numel() else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {word} is ambiguous")
        return bool(self)

    def resize_as_(self, other, *, memory_format=None):
        """Resized to the shape of `other`."""
        return self.resize_(tuple(shape_of(other)))

    def new_empty_strided(self, size, stride, *, dtype=None, device=None, requires_grad=False,
                          **layout):  # fmt: skip
        """Unset elements of this tensor's type with the given strides (in elements)."""
        return empty_strided(size, stride, dtype=dtype or self.dtype, device=device,
                             requires_grad=requires_grad)  # fmt: skip
