"""SparseTensor: a tensor that keeps only its nonzero elements, in coordinate form.

Its value is `Coordinates`: places and values. Values at one place count together.
"""
# mypy: disable-error-code="assignment, override, unused-ignore"

import numpy as np

from .. import ops
from ..base.constants import sparse_coo
from ..base.errors import hinted
from ..base.size import normalize_axes, normalize_axis
from ..composed import Content, plain_results
from ..frontend.tensor import Tensor
from ..ops.convert import named
from .layouts import INSTEAD, SparseBase, binary, layout_name, rules, seen

__all__ = ["Coordinates", "SparseTensor", "summed"]


class Coordinates(Content):
    """The value of a sparse tensor: places (sparse_dim, nnz), values (nnz, ...), and a shape."""

    __slots__ = ("coalesced", "indices")
    instead = INSTEAD

    def __init__(self, indices, values, shape, coalesced):
        super().__init__(values, shape)
        self.indices, self.coalesced = indices, coalesced

    values = property(lambda self: self.inner)

    def emptied(self, dtype, shape=None):
        """Of the same form, without elements."""
        values = ops.zeros((0, *self.inner.shape[1:]), dtype=dtype or self.inner.dtype)
        return SparseTensor(self.indices[:, :0].clone(), values, shape or self.shape, True)

    def like(self, name, dtype):
        """What zeros_like and its kin give; no ones_like, as all the places would be there."""
        if name == "ones_like":
            raise SparseTensor._missing("fill_.Scalar")
        return self.emptied(dtype)

    def numbered(self):
        """(the number of each place among the sparse axes, their lengths)."""
        sizes = self.shape[: self.indices.shape[0]]
        if not sizes:
            return np.zeros(self.values.shape[0], np.int64), sizes
        return np.ravel_multi_index(tuple(self.indices.numpy()), sizes).astype(np.int64), sizes


class SparseTensor(SparseBase):
    """A tensor in coordinate form; made by `torch.sparse_coo_tensor` and `Tensor.to_sparse`."""

    __slots__ = ()
    __torch_function__ = classmethod(plain_results)
    content = Coordinates
    is_sparse = property(lambda self: True)
    layout = property(lambda self: sparse_coo)

    def __new__(cls, indices, values, shape, coalesced=False):
        return cls._of(Coordinates(indices, values, shape, coalesced))

    def _like(self, values):
        own = self._value
        return SparseTensor(own.indices, values, own.shape, own.coalesced)

    def __reduce_ex__(self, protocol):
        own = self._value
        return _rebuilt, (own.indices, own.values, own.shape, own.coalesced)

    # What it holds

    def _parts(self):
        return ("indices", self._value.indices), ("values", self._value.values)

    def sparse_dim(self):
        return self._value.indices.shape[0]

    def dense_dim(self):
        return self._value.values.dim() - 1

    def _nnz(self):
        return self._value.values.shape[0]

    def is_coalesced(self):
        return self._value.coalesced

    def _coalesced_(self, coalesced):
        """Say that the places are in order and distinct, or that they may not be."""
        own = self._value
        self._value = Coordinates(own.indices, own.values, own.shape, bool(coalesced))
        return self

    def _indices(self):
        return self._value.indices

    def _values(self):
        return self._value.values

    def indices(self):
        """The places (sparse_dim, nnz) of a coalesced tensor."""
        self._require_coalesced("indices")
        return self._value.indices

    def values(self):
        """The values (nnz, ...) of a coalesced tensor."""
        self._require_coalesced("values")
        return self._value.values

    def _require_coalesced(self, what):
        if not self._value.coalesced:
            raise RuntimeError(
                f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first"
            )

    def type(self, dtype=None, non_blocking=False):
        if dtype is None:
            return super().type().replace("torch.", "torch.sparse.", 1)
        return super().type(dtype)

    def stride(self, dim=None):
        return (0,) * len(self._value.shape) if dim is None else 0

    def is_contiguous(self, memory_format=None):
        return False

    def contiguous(self, memory_format=None):
        raise RuntimeError(hinted("unsupported memory format option Contiguous", INSTEAD))

    def coalesce(self):
        """The same tensor with its places in order and each once; values at one place are added."""
        own = self._value
        if own.coalesced:
            return self
        flat, sizes = own.numbered()
        places, where = np.unique(flat, return_inverse=True)
        indices = np.stack(np.unravel_index(places, sizes)) if sizes else own.indices.numpy()
        shape = (len(places), *own.values.shape[1:])
        values = ops.zeros(shape, dtype=own.values.dtype)
        values = values.index_add(0, ops.from_numpy(where.reshape(-1).astype(np.int64)), own.values)
        indices = ops.from_numpy(indices[:, : len(places)].astype(np.int64))
        values = named(values, "CoalesceBackward0")
        return SparseTensor(indices, values, own.shape, True)

    _settled = coalesce

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The ordinary tensor; gradients go back to the values."""
        own = self._value
        flat, sizes = own.numbered()
        rest = own.shape[len(sizes) :]
        rows = ops.zeros((int(np.prod(sizes, dtype=np.int64)), *rest), dtype=own.values.dtype)
        dense = rows.index_add(0, ops.from_numpy(flat), own.values).reshape(own.shape)
        dense = named(dense, "ToDenseBackward0")
        return dense if dtype is None else dense.to(dtype)

    # The same places, other values

    def clone(self, *, memory_format=None):
        own = self._value
        return SparseTensor(own.indices.clone(), own.values.clone(), own.shape, own.coalesced)

    def neg(self):
        """-x."""
        return self._changed(ops.neg)

    __neg__ = negative = neg

    def __mul__(self, other):
        if isinstance(other, SparseTensor):
            return _of_both(self, other)
        if isinstance(other, SparseBase):
            raise RuntimeError(hinted(
                "Expected result Tensor to be of format CSR", f"write y.to_sparse_coo() * x, or "
                f"x.to_sparse_csr() * y: this one is {layout_name(other)}.",
            ))  # fmt: skip
        own = self._value
        if isinstance(other, Tensor) and other.dim():
            return self._like(own.values * ops.broadcast_to(other, own.shape)[tuple(own.indices)])
        return self._like(own.values * other)

    mul = multiply = __rmul__ = __mul__

    def div(self, other, *, rounding_mode=None):
        """x / other, a number or a tensor of one."""
        if isinstance(other, Tensor) and (other.dim() or isinstance(other, SparseBase)):
            raise RuntimeError(hinted(
                "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
                f"{list(other.shape)} for divisor)",
                "0 / 0 would stand everywhere else: write x * (1 / y).",
            ))  # fmt: skip
        own = self if rounding_mode is None else self.coalesce()
        return own._like(ops.div(own._value.values, other, rounding_mode=rounding_mode))

    def __truediv__(self, other):
        return self.div(other)

    divide = true_divide = div

    def __floordiv__(self, other):
        return self.div(other, rounding_mode="floor")

    floor_divide = __floordiv__

    def div_(self, other, *, rounding_mode=None):
        """x = x / other, in this tensor."""
        return self._become(self.div(other, rounding_mode=rounding_mode))

    __itruediv__ = div_

    def pow(self, exponent):
        """x ** exponent, for a number that is not 0."""
        if exponent == 0:
            raise RuntimeError(hinted(
                "pow: cannot raise to zeroth power on sparse tensor; it would make the result "
                "tensor dense",
                INSTEAD,
            ))  # fmt: skip
        return self.coalesce()._changed(lambda values: values**exponent)

    __pow__ = pow

    def square(self):
        """x ** 2."""
        return self.pow(2)

    def nan_to_num(self, nan=None, posinf=None, neginf=None):
        """x with numbers in place of NaN and infinities."""
        return self.coalesce()._changed(ops.nan_to_num, nan, posinf, neginf)

    real = property(lambda self: self._changed(ops.real))
    imag = property(lambda self: self._changed(ops.imag))

    def add(self, other, *, alpha=1):
        """x + alpha · other, another sparse tensor in coordinate form."""
        if not isinstance(other, SparseBase):
            raise RuntimeError(hinted(
                "add(sparse, dense) is not supported. Use add(dense, sparse) instead.",
                "write y + x, the ordinary tensor first.",
            ))  # fmt: skip
        if not isinstance(other, SparseTensor):
            raise RuntimeError(hinted(
                "memory format option is only supported by strided tensors",
                "bring both to one layout: y.to_sparse_coo().",
            ))  # fmt: skip
        a, b = self._value, (other if alpha == 1 else other * alpha)._value
        if a.shape != b.shape:
            raise RuntimeError(
                f"add: expected sizes of 'self' and 'other' to match, but {list(a.shape)} != "
                f"{list(b.shape)}"
            )
        if len(a.indices) != len(b.indices):
            raise RuntimeError(hinted(
                "add: expected 'self' and 'other' to have same number of sparse dimensions, but "
                f"'self' has {len(a.indices)} sparse dimensions while 'other' has "
                f"{len(b.indices)} sparse dimensions",
                f"write y.to_dense().to_sparse({len(a.indices)}).",
            ))  # fmt: skip
        dtype = ops.result_type(a.values, b.values)
        indices = ops.cat([a.indices, b.indices], 1)
        values = ops.cat([a.values.to(dtype), b.values.to(dtype)])
        result = SparseTensor(indices, values, a.shape)
        return result.coalesce() if a.coalesced and b.coalesced else result

    def sub(self, other, *, alpha=1):
        """x - alpha · other."""
        return self.add(other, alpha=-alpha)

    subtract = sub

    def sub_(self, other, *, alpha=1):
        """x = x - alpha · other, in this tensor."""
        return self.add_(other, alpha=-alpha)

    def __sub__(self, other):
        return self.sub(other)

    def __rsub__(self, other):
        return self._onto(other, -1)

    __isub__ = sub_

    def copy_(self, src, non_blocking=False):
        """The elements of another one of coordinate form and this shape."""
        if not isinstance(src, SparseTensor) or tuple(src.shape) != tuple(self.shape):
            raise RuntimeError(hinted(
                "copy_() between dense and sparse Tensors is not implemented! Found self type = "
                f"torch.sparse tensor and src type = {layout_name(src)}",
                "both are sparse tensors in coordinate form, of one shape.",
            ))  # fmt: skip
        return self._become(src.to(self.dtype).clone())

    def sparse_resize_(self, size, sparse_dim, dense_dim):
        """The same elements in a larger tensor, of as many sparse and dense axes."""
        own = self._value
        if sparse_dim + dense_dim != len(size):
            raise RuntimeError(
                f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, "
                f"sparse_dim = {sparse_dim}, dense_dim = {dense_dim}"
            )
        same = sparse_dim == self.sparse_dim() and dense_dim == self.dense_dim()
        if self._nnz() and not (same and all(a <= b for a, b in zip(own.shape, size, strict=True))):
            raise RuntimeError(hinted(
                "shrinking the size of sparse dimensions or changing their number on a non-empty "
                "sparse tensor is not supported.",
                "make another one: torch.sparse_coo_tensor(x.indices(), x.values(), size).",
            ))  # fmt: skip
        if not self._nnz():
            return self.sparse_resize_and_clear_(size, sparse_dim, dense_dim)
        values, grown = own.values, tuple(size[sparse_dim:])
        gaps = [n - have for n, have in zip(grown, own.shape[sparse_dim:], strict=True)]
        if any(gaps):
            values = ops.pad(values, [width for gap in gaps[::-1] for width in (0, gap)])
        self._value = Coordinates(own.indices, values, size, own.coalesced)
        return self

    def sparse_resize_and_clear_(self, size, sparse_dim, dense_dim):
        """Of this size, without elements."""
        indices = ops.zeros((sparse_dim, 0), dtype=self._value.indices.dtype)
        values = ops.zeros((0, *size[sparse_dim:]), dtype=self.dtype)
        self._require_changeable()
        self._value = Coordinates(indices, values, size, True)
        return self

    # Along axes

    def _transposed(self, dim0, dim1, name):
        own, rank = self._value, len(self.shape)
        dim0, dim1 = normalize_axis(dim0, rank), normalize_axis(dim1, rank)
        if max(dim0, dim1) >= self.sparse_dim():
            raise RuntimeError(
                "sparse transpose: transposed dimensions must be sparse Got sparse_dim: "
                f"{self.sparse_dim()}, d0: {dim0}, d1: {dim1}"
            )
        order = list(range(rank))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        shape = [own.shape[i] for i in order]
        values = seen(own.values, name)
        return SparseTensor(own.indices[order[: self.sparse_dim()]], values, shape)

    def permute(self, *dims):
        """The axes in another order, sparse ones before dense ones as they are."""
        dims = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
        own, rank, count = self._value, len(self.shape), self.sparse_dim()
        if len(dims) != rank:
            raise RuntimeError(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the "
                f"length of the desired ordering of dimensions i.e. input.dim() = {rank} is not "
                f"equal to len(dims) = {len(dims)}"
            )
        order = [normalize_axis(d, rank) for d in dims]
        if len(set(order)) != rank:
            raise RuntimeError("permute(): duplicate dims are not allowed.")
        if any(axis >= count for axis in order[:count]):
            raise RuntimeError(hinted(
                "permute: transpositions between sparse and dense dimensions are not allowed.",
                INSTEAD,
            ))  # fmt: skip
        values = own.values.permute([0, *[axis - count + 1 for axis in order[count:]]])
        shape = [own.shape[axis] for axis in order]
        ordered = own.coalesced and order[:count] == list(range(count))
        return SparseTensor(own.indices[order[:count]], values, shape, ordered)

    def unsqueeze(self, dim):
        """Another axis of length one."""
        own, rank, count = self._value, len(self.shape), self.sparse_dim()
        axis = normalize_axis(dim, rank + 1)
        shape = [*own.shape[:axis], 1, *own.shape[axis:]]
        if axis > count:
            values = own.values.unsqueeze(axis - count + 1)
            return SparseTensor(own.indices, values, shape, own.coalesced)
        nothing = ops.zeros((1, self._nnz()), dtype=own.indices.dtype)
        indices = ops.cat([own.indices[:axis], nothing, own.indices[axis:]])
        return SparseTensor(indices, own.values, shape, own.coalesced)

    def any(self, dim=None, keepdim=False):
        """Whether any element is not 0."""
        if dim is not None:
            raise self._missing("any.dim")
        return self._value.values.any()

    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        """The norm of all elements."""
        if dim is not None and len(normalize_axes(dim, len(self.shape))) < len(self.shape):
            raise RuntimeError(hinted(
                "norm_sparse currently only supports full reductions, so 'dim' must either be "
                "empty or contain all dimensions of the input",
                INSTEAD,
            ))  # fmt: skip
        return ops.norm(self.coalesce()._value.values.reshape(-1), 2 if p == "fro" else p)

    def _summed(self, dim, keepdim, dtype):
        found = summed(self, dim, dtype)
        if not keepdim:
            return found
        axes = normalize_axes(dim, len(self.shape))
        shape = [1 if axis in axes else length for axis, length in enumerate(self.shape)]
        return _with_axes(found, shape, axes, self.sparse_dim())

    def index_select(self, dim, index):
        """The rows (columns ...) of `index`, as a sparse tensor."""
        own, dim = self._value, normalize_axis(dim, len(self.shape))
        shape = list(own.shape)
        shape[dim] = len(index)
        if dim >= self.sparse_dim():
            values = own.values.index_select(dim - self.sparse_dim() + 1, index)
            return SparseTensor(own.indices, values, shape, own.coalesced)
        wanted, present = index.numpy(), own.indices[dim].numpy()
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= own.shape[dim]):
            wrong = wanted[(wanted < 0) | (wanted >= own.shape[dim])][0]
            raise IndexError(
                f"index_select(): index contains {wrong} that is out of range for tensor of size "
                f"{list(own.shape)} at dimension {dim}"
            )
        new, old = np.nonzero(wanted[:, None] == present[None, :])
        indices = own.indices.numpy()[:, old].copy()
        indices[dim] = new
        values = own.values[ops.from_numpy(old.astype(np.int64))]
        return SparseTensor(ops.from_numpy(indices.astype(np.int64)), values, shape).coalesce()

    def select(self, dim, index):
        """What stands at one index of an axis."""
        own, count, dim = self._value, self.sparse_dim(), normalize_axis(dim, len(self.shape))
        if dim >= count:
            shape = own.shape[:dim] + own.shape[dim + 1 :]
            values = own.values.select(dim - count + 1, index)
            return SparseTensor(own.indices, values, shape, own.coalesced)
        length = own.shape[dim]
        if not -length <= index < length:
            raise IndexError(
                f"select(): index {index} out of range for tensor of size {list(own.shape)} at "
                f"dimension {dim}"
            )
        return self.index_select(dim, ops.as_tensor([index % length]))._without(dim)

    def _without(self, dim):
        """Without a sparse axis of length one."""
        own = self._value
        if len(own.indices) == 1:
            return own.values.sum(0)
        left = [axis for axis in range(len(own.indices)) if axis != dim]
        shape = own.shape[:dim] + own.shape[dim + 1 :]
        return SparseTensor(own.indices[left], own.values, shape, own.coalesced)


def _rebuilt(indices, values, shape, coalesced):
    return SparseTensor(indices, values, shape, coalesced)


def _of_both(x, y):
    """The product element by element, at the places that both have."""
    x, y = x.coalesce(), y.coalesce()
    a, b = x._value, y._value
    if a.shape != b.shape or len(a.indices) != len(b.indices):
        raise RuntimeError(hinted(
            "sparse_binary_op_intersection_cpu(): expects sparse inputs with equal dimensionality, "
            "number of sparse dimensions, and shape of sparse dimensions",
            f"the shapes are {list(a.shape)} and {list(b.shape)}, with {len(a.indices)} and "
            f"{len(b.indices)} sparse axes.",
        ))  # fmt: skip
    if a.indices is b.indices:
        return x._like(a.values * b.values)
    flat = [own.numbered()[0] for own in (a, b)]
    _, left, right = np.intersect1d(*flat, assume_unique=True, return_indices=True)
    left, right = (ops.from_numpy(np.asarray(i, np.int64)) for i in (left, right))
    return SparseTensor(a.indices[:, left], a.values[left] * b.values[right], a.shape, True)


def _with_axes(found, shape, axes, count):
    """A sum along `axes` with its axes kept, of length 1; the first `count` have coordinates."""
    if not isinstance(found, SparseTensor):
        return found.reshape(shape)
    own, rows = found._value, iter(found._value.indices)
    nothing = ops.zeros(own.indices.shape[1], dtype=own.indices.dtype)
    indices = [nothing if axis in axes else next(rows) for axis in range(count)]
    return SparseTensor(ops.stack(indices), own.values.reshape(-1, *shape[count:]), shape)


def summed(input, dim, dtype):
    """The sum over axes, an ordinary tensor where no axis with coordinates is left."""
    own = input._value
    values = own.values if dtype is None else own.values.to(dtype)
    if dim is None:
        return values.sum()
    count = input.sparse_dim()
    axes = normalize_axes(dim, len(own.shape))
    dense = sorted(axis - count + 1 for axis in axes if axis >= count)
    values = values.sum(dense) if dense else values
    left = [axis for axis in range(count) if axis not in axes]
    shape = [length for axis, length in enumerate(own.shape) if axis not in axes]
    if not left:
        return values.sum(0)
    return SparseTensor(own.indices[left], values, shape).coalesce()


# --- primitives that ordinary tensors and functions bring here ------------------------------------


def _joined(prim, *tensors, axis):
    """Along a sparse axis: the places of each behind those of the one before."""
    for place, tensor in enumerate(tensors):
        if not isinstance(tensor, SparseTensor):
            raise RuntimeError(hinted(
                f"Concatenating sparse tensors, but a dense tensor was found at position {place}.",
                "write x.to_sparse().",
            ))  # fmt: skip
    count, shape = tensors[0].sparse_dim(), list(tensors[0].shape)
    if axis >= count:
        raise NotImplementedError(hinted("cat of sparse tensors along a dense axis.", INSTEAD))
    shape[axis], indices = 0, []
    for tensor in tensors:
        moved = tensor._indices().clone()
        moved[axis] += shape[axis]
        indices.append(moved)
        shape[axis] += tensor.shape[axis]
    values = ops.cat([tensor._values() for tensor in tensors])
    whole = axis == 0 and all(tensor.is_coalesced() for tensor in tensors)
    return SparseTensor(ops.cat(indices, 1), values, shape, whole)


def _reshaped(prim, x, shape):
    """Another shape with the same dense axes: the places are counted anew."""
    own, count = x._value, x.sparse_dim()
    rest = own.shape[count:]
    lead = tuple(shape)[: len(shape) - len(rest)]
    if tuple(shape)[len(lead) :] != rest or not lead:
        raise RuntimeError(hinted("reshape is not implemented for sparse tensors", INSTEAD))
    flat, _ = own.numbered()
    places = np.stack(np.unravel_index(flat, lead)).astype(np.int64)
    return SparseTensor(ops.from_numpy(places), own.values, tuple(shape), own.coalesced)


def _norm(prim, x, axes, keepdims):
    return x.norm(2, axes)


def _permuted(prim, x, axes):
    return x.permute(*axes)


SparseTensor.rules = rules(
    cat=_joined, view=_reshaped, sub=binary("sub"), div=binary("truediv"),
    neg=lambda prim, x: x.neg(), any=lambda prim, x, axes, keepdims: x.any(),
    linalg_vector_norm=_norm, permute=_permuted, transpose=_permuted, t=_permuted,
)  # fmt: skip
