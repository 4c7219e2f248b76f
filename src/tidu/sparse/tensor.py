"""SparseTensor: a tensor that keeps only its nonzero elements, in coordinate form.

It is a handle whose value is `Coordinates`: places and values. An operation on it comes to
`SparseLevel`; the few that sparse programs need are in `RULES` and among the methods,
every other one says that it needs `.to_dense()`. Gradients go to the values.
"""
# mypy: disable-error-code="assignment, unused-ignore"

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.constants import sparse_coo
from ..base.dtypes import DEFAULT
from ..base.errors import hinted
from ..base.printing.layout import values_text
from ..base.size import normalize_axes, normalize_axis
from ..composed import Composed, Content, Refusing
from ..core.handle import concrete
from ..frontend.tensor import Tensor
from ..ops.convert import named, type_of
from ..primitives.base import cast
from ..primitives.contraction import linear_map, linear_product
from .products import meetings, product

__all__ = ["DENSE", "Coordinates", "SparseTensor", "inner_text", "linear", "require_factors",
           "spmm", "summed"]  # fmt: skip

DENSE = "convert it first, x.to_dense(), or work on x.coalesce().values()."


class SparseLevel(Refusing):
    """Takes every operation in which a sparse tensor takes part."""

    def rule(self, prim, args, params):
        if prim is linear_product or prim is linear_map:
            return linear(*args)
        rule = RULES.get(prim.name)
        return NotImplemented if rule is None else rule(*args, **params)

    def refusal(self, prim):
        return NotImplementedError(hinted(
            f"Could not run 'aten::{prim.name}' with arguments from the 'SparseCPU' backend.",
            DENSE,
        ))  # fmt: skip


class Coordinates(Content):
    """The value of a sparse tensor: places (sparse_dim, nnz), values (nnz, ...), and a shape."""

    __slots__ = ("coalesced", "indices")
    level = SparseLevel()
    instead = DENSE

    def __init__(self, indices, values, shape, coalesced):
        super().__init__(values, shape)
        self.indices, self.coalesced = indices, coalesced

    values = property(lambda self: self.inner)

    def emptied(self, dtype):
        """Of the same form, without elements: what zeros_like gives."""
        values = ops.zeros((0, *self.inner.shape[1:]), dtype=dtype or self.inner.dtype)
        return SparseTensor(self.indices[:, :0].clone(), values, self.shape, True)


class SparseTensor(Composed):
    """A tensor in coordinate form; made by `torch.sparse_coo_tensor` and `Tensor.to_sparse`."""

    __slots__ = ()
    is_sparse = property(lambda self: True)
    layout = property(lambda self: sparse_coo)

    def __new__(cls, indices, values, shape, coalesced=False):
        return cls._of(Coordinates(indices, values, shape, coalesced))

    def _like(self, values):
        own = self._value
        return SparseTensor(own.indices, values, own.shape, own.coalesced)

    def __repr__(self, *, tensor_contents=None):
        return _text(self)

    def __reduce_ex__(self, protocol):
        own = self._value
        return _rebuilt, (own.indices, own.values, own.shape, own.coalesced)

    # What it holds

    def sparse_dim(self):
        return self._value.indices.shape[0]

    def dense_dim(self):
        return self._value.values.dim() - 1

    def _nnz(self):
        return self._value.values.shape[0]

    def is_coalesced(self):
        return self._value.coalesced

    def _indices(self):
        return self._value.indices

    def _values(self):
        return self._value.values

    def indices(self):
        self._require_coalesced("indices")
        return self._value.indices

    def values(self):
        self._require_coalesced("values")
        return self._value.values

    def _require_coalesced(self, what):
        if not self._value.coalesced:
            raise RuntimeError(
                f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first"
            )

    def coalesce(self):
        """The same tensor with its places in order and each once; values at one place are added."""
        own = self._value
        if own.coalesced:
            return self
        flat, sizes = _flat(own)
        places, where = np.unique(flat, return_inverse=True)
        indices = np.stack(np.unravel_index(places, sizes)) if sizes else own.indices.numpy()
        shape = (len(places), *own.values.shape[1:])
        values = ops.zeros(shape, dtype=own.values.dtype)
        values = values.index_add(0, ops.from_numpy(where.reshape(-1).astype(np.int64)), own.values)
        indices = ops.from_numpy(indices.astype(np.int64))
        values = named(values, "CoalesceBackward0")
        return SparseTensor(indices, values, own.shape, True)

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The ordinary tensor; gradients go back to the values."""
        own = self._value
        flat, sizes = _flat(own)
        rest = own.shape[len(sizes) :]
        rows = ops.zeros((int(np.prod(sizes, dtype=np.int64)), *rest), dtype=own.values.dtype)
        dense = rows.index_add(0, ops.from_numpy(flat), own.values).reshape(own.shape)
        dense = named(dense, "ToDenseBackward0")
        return dense if dtype is None else dense.to(dtype)

    # The same places, other values

    def clone(self, *, memory_format=None):
        own = self._value
        return SparseTensor(own.indices.clone(), own.values.clone(), own.shape, own.coalesced)

    def __mul__(self, other):
        if isinstance(other, SparseTensor):
            raise NotImplementedError(hinted("The product of two sparse tensors.", DENSE))
        if isinstance(other, Tensor) and other.dim():
            own = self._value
            return self._like(own.values * ops.broadcast_to(other, own.shape)[tuple(own.indices)])
        return self._like(self._value.values * other)

    mul = __rmul__ = __mul__

    def __truediv__(self, other):
        return self._like(self._value.values / other)

    div = __truediv__

    def __neg__(self):
        return self._like(-self._value.values)

    neg = __neg__

    def abs(self):
        """|x|, element by element."""
        return self.coalesce()._changed(ops.abs)

    def pow(self, exponent):
        """x ** exponent for a positive exponent."""
        return self.coalesce()._changed(lambda values: values**exponent)

    __pow__ = pow  # type: ignore[assignment]

    def _changed(self, function):
        return self._like(function(self._value.values))

    def __add__(self, other):
        if not isinstance(other, SparseTensor):
            return self.to_dense() + other
        a, b = self._value, other._value
        if a.shape != b.shape:
            raise RuntimeError(
                f"add: expected sizes of 'self' and 'other' to match, but {list(a.shape)} != "
                f"{list(b.shape)}"
            )
        indices = ops.cat([a.indices, b.indices], 1)
        result = SparseTensor(indices, ops.cat([a.values, b.values]), a.shape)
        return result.coalesce() if a.coalesced and b.coalesced else result

    add = __radd__ = __add__

    def __sub__(self, other):
        return self + -other

    sub = __sub__

    def __rsub__(self, other):
        return -self + other

    def _become(self, result):
        """What an operation in place leaves here."""
        if not isinstance(result, SparseTensor):
            raise RuntimeError(hinted("The result is not sparse.", "write x = x.to_dense() + y."))
        if self.requires_grad or result.requires_grad:
            raise RuntimeError(
                hinted(
                    "a leaf Variable that requires grad is being used in an in-place operation.",
                    "sparse tensors with gradients are not changed in place: write x = x * y.",
                )
            )
        self._value = result._value
        return self

    def zero_(self):
        """Forget all elements."""
        return self._become(self._value.emptied(None))

    def mul_(self, other):
        """x = x * other, in this tensor."""
        return self._become(self * other)

    def div_(self, other):
        """x = x / other, in this tensor."""
        return self._become(self / other)

    def add_(self, other):
        """x = x + other, in this tensor."""
        return self._become(self + other)

    def sub_(self, other):
        """x = x - other, in this tensor."""
        return self._become(self - other)

    __imul__, __itruediv__, __iadd__, __isub__ = mul_, div_, add_, sub_  # type: ignore[assignment]

    def t(self):
        """The transpose of a matrix."""
        return self.transpose(0, 1)

    def transpose(self, dim0, dim1):
        """Two axes exchanged."""
        own, rank = self._value, len(self.shape)
        dim0, dim1 = normalize_axis(dim0, rank), normalize_axis(dim1, rank)
        if max(dim0, dim1) >= self.sparse_dim():
            raise RuntimeError(
                "sparse transpose: transposed dimensions must be sparse Got sparse_dim: "
                f"{self.sparse_dim()}, d0: {dim0}, d1: {dim1}"
            )
        order = list(range(self.sparse_dim()))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        shape = [own.shape[i] for i in order] + list(own.shape[len(order) :])
        return SparseTensor(own.indices[order], own.values, shape)

    T = property(lambda self: self.t())  # type: ignore[assignment]
    mT = property(lambda self: self.t())  # type: ignore[assignment]

    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        """The norm of all elements."""
        if dim is not None:
            raise NotImplementedError(hinted("The norm of a sparse tensor along axes.", DENSE))
        return ops.norm(self.coalesce()._value.values.reshape(-1), 2 if p == "fro" else p)

    def sum(self, dim=None, keepdim=False, *, dtype=None):
        """The sum over all elements, or over axes of coordinates."""
        found = summed(self, dim, dtype)
        if not keepdim or dim is None:
            return found
        axes = normalize_axes(dim, len(self.shape))
        shape = [1 if axis in axes else length for axis, length in enumerate(self.shape)]
        return _with_axes(found, shape, axes, self.sparse_dim())

    def __matmul__(self, other):
        return spmm(self, other)

    mm = matmul = mv = __matmul__

    def __rmatmul__(self, other):
        return spmm(self.t(), other.mT).mT

    def index_select(self, dim, index):
        """The rows (columns ...) of `index`, as a sparse tensor."""
        own = self._value
        wanted, present = index.numpy(), own.indices[dim].numpy()
        new, old = np.nonzero(wanted[:, None] == present[None, :])
        indices = own.indices.numpy()[:, old].copy()
        indices[dim] = new
        shape = list(own.shape)
        shape[dim] = len(wanted)
        values = own.values[ops.from_numpy(old.astype(np.int64))]
        return SparseTensor(ops.from_numpy(indices.astype(np.int64)), values, shape).coalesce()

    def select(self, dim, index):
        """What stands at one index of a sparse axis."""
        count = self.sparse_dim()
        if dim % len(self._value.shape) >= count:
            raise NotImplementedError(hinted("select along a dense axis.", DENSE))
        dim, length = dim % len(self._value.shape), self._value.shape[dim]
        return self.index_select(dim, ops.as_tensor([index % length]))._without(dim)

    def __getitem__(self, index):
        if index.__class__ is not int:
            raise NotImplementedError(hinted("Slices of a sparse tensor.", DENSE))
        return self.select(0, index)

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


def _flat(own):
    """(the number of each place among the sparse axes, their lengths)."""
    sizes = own.shape[: own.indices.shape[0]]
    if not sizes:
        return np.zeros(own.values.shape[0], np.int64), sizes
    return np.ravel_multi_index(tuple(own.indices.numpy()), sizes).astype(np.int64), sizes


def inner_text(array, indent):
    """The text of a tensor within that of a sparse one."""
    size = "" if array.size else f", size={array.shape}"
    return f"tensor({values_text(array, indent)}{size})"


def _text(tensor):
    own, properties = tensor._value, [f"nnz={tensor._nnz()}"]
    values = own.values.detach()
    if values.dtype not in (DEFAULT.dtype, DEFAULT.complex, dtypes.int64, dtypes.bool_):
        properties.append(f"dtype={values.dtype}")
    properties.append("layout=torch.sparse_coo")
    if tensor.grad_fn is not None:
        properties.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        properties.append("requires_grad=True")
    start = "tensor("
    indices = inner_text(own.indices.numpy(), len(start + "indices=tensor("))
    shown = inner_text(concrete(values), len(start + "values=tensor("))
    size = "(" + ", ".join(map(str, own.shape)) + ("," if len(own.shape) == 1 else "") + ")"
    rest = ", ".join([f"size={size}", *properties])
    return f"tensor(indices={indices},\n       values={shown},\n       {rest})"


def spmm(input, mat2):
    """The product of two matrices, one of them or both sparse; of two sparse ones it is sparse."""
    if not isinstance(mat2, SparseTensor) and isinstance(mat2, Composed):
        return mat2.__rmatmul__(input)
    if not isinstance(input, SparseTensor):
        return ops.matmul(input, mat2) if not isinstance(mat2, SparseTensor) else (
            spmm(mat2.t(), input.mT).mT
        )  # fmt: skip
    own = input._value
    if len(own.shape) != 2 or input.sparse_dim() != 2:
        raise RuntimeError("Expected a sparse matrix of two sparse dimensions")
    require_factors(input, mat2)
    if isinstance(mat2, SparseTensor):
        return _both_sparse(input, mat2)
    rows, columns = own.indices
    if mat2.dim() == 1:
        return product(own.values, mat2.unsqueeze(1), rows, columns, own.shape[0]).squeeze(1)
    return product(own.values, mat2, rows, columns, own.shape[0])


def linear(input, weight, bias=None):
    """input @ weight.t() + bias, one of the factors sparse."""
    product = input @ weight.t()
    return product if bias is None else product + bias


def require_factors(input, mat2):
    """RuntimeError for matrices whose shapes or types do not allow a product."""
    a, b = input.shape, mat2.shape
    if len(b) == 1 and len(a) == 2 and a[1] != b[0]:
        raise RuntimeError(f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    if a[-1] != b[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, a))} and "
            f"{'x'.join(map(str, b))})"
        )
    if type_of(input) != type_of(mat2):
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {input.dtype} != {mat2.dtype}"
        )


def _both_sparse(a, b):
    a, b = a.coalesce()._value, b.coalesce()._value
    left, right = meetings(a.indices[1], b.indices[0])
    places = ops.stack([a.indices[0][left], b.indices[1][right]])
    values = a.values[left] * b.values[right]
    return SparseTensor(places, values, (a.shape[0], b.shape[1])).coalesce()


def _with_axes(found, shape, axes, count):
    """A sum along `axes` with its axes kept, of length 1; the first `count` have coordinates."""
    if not isinstance(found, SparseTensor):
        return found.reshape(shape)
    own, rows = found._value, iter(found._value.indices)
    nothing = ops.zeros(own.indices.shape[1], dtype=own.indices.dtype)
    indices = [nothing if axis in axes else next(rows) for axis in range(count)]
    return SparseTensor(ops.stack(indices), own.values.reshape(-1, *shape[count:]), shape)


def summed(input, dim, dtype):
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


# --- operations that ordinary tensors and functions bring here -----------------------------------


def _transposed(x, axes):
    return x.t() if tuple(axes) == (1, 0) else NotImplemented


def _times(x, y):
    return x * y if isinstance(x, SparseTensor) else y * x


RULES = {
    "mm": spmm,
    "mv": spmm,
    "t": _transposed,
    "transpose": _transposed,
    "permute": _transposed,
    "mul": _times,
    "div": lambda x, y: x / y if isinstance(x, SparseTensor) else NotImplemented,
    "neg": lambda x: -x,
    "to_copy": lambda x, **params: x._changed(lambda values: cast(values, **params)),
    "add": lambda x, y: x + y if isinstance(x, SparseTensor) else y + x,
    "sub": lambda x, y: x - y if isinstance(x, SparseTensor) else -y + x,
}
