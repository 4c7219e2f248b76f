"""CompressedTensor: matrices by rows (CSR) or columns (CSC), of elements or blocks (BSR, BSC).

`pointers` say where each row (column) begins among `indices` and `values`. Axes before the two of
the matrix are a batch, each with as many values; axes behind them are dense, and so is a block:
the values have the shape (*batch, nnz, *block, *dense).
"""
# mypy: disable-error-code="assignment, override, unused-ignore"

import math
from functools import cached_property

import numpy as np

from .. import ops
from ..base.constants import sparse_bsc, sparse_bsr, sparse_csc, sparse_csr
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.size import normalize_axis
from ..composed import Content, plain_results
from ..frontend.tensor import Tensor
from ..ops.convert import named
from .layouts import INSTEAD, LABELS, NAMES, SparseBase, layout_name, rules, seen
from .tensor import SparseTensor

__all__ = ["COMPRESSED", "Compressed", "CompressedTensor", "compress", "tiled"]

COMPRESSED = (sparse_csr, sparse_csc, sparse_bsr, sparse_bsc)
_TURNED = {sparse_csr: sparse_csc, sparse_csc: sparse_csr,
           sparse_bsr: sparse_bsc, sparse_bsc: sparse_bsr}  # fmt: skip


class Compressed(Content):
    """The value: pointers (*batch, rows + 1), indices (*batch, nnz), values, shape and layout."""

    __slots__ = ("__dict__", "indices", "layout", "pointers")
    instead = INSTEAD

    def __init__(self, pointers, indices, values, shape, layout):
        super().__init__(values, shape)
        self.pointers, self.indices, self.layout = pointers, indices, layout

    values = property(lambda self: self.inner)
    by_rows = property(lambda self: self.layout in (sparse_csr, sparse_bsr))
    blocked = property(lambda self: self.layout in (sparse_bsr, sparse_bsc))
    batch = property(lambda self: tuple(self.pointers.shape[:-1]))
    matrix = property(lambda self: self.shape[len(self.batch) :][:2])
    dense = property(lambda self: self.shape[len(self.batch) + 2 :])
    nnz = property(lambda self: self.indices.shape[-1])

    @property
    def block(self):
        """The lengths of a block; () where the values are elements."""
        lead = len(self.batch) + 1
        return tuple(self.values.shape[lead : lead + 2]) if self.blocked else ()

    @property
    def grid(self):
        """How many rows and columns (of blocks) the matrix has."""
        tall, wide = self.block or (1, 1)
        return self.matrix[0] // tall, self.matrix[1] // wide

    @cached_property
    def places(self):
        """(*batch indices, row, column) of all values, in their order, for indexing."""
        pointers, indices = self.pointers.numpy(), self.indices.numpy()
        pointers = pointers.reshape(-1, pointers.shape[-1])
        steps = np.diff(pointers, axis=1).reshape(-1)
        rows = np.tile(np.arange(pointers.shape[1] - 1), len(pointers))
        major, minor = np.repeat(rows, steps), indices.reshape(-1).astype(np.int64)
        batch = np.repeat(np.arange(len(pointers)), self.nnz)
        lead = np.unravel_index(batch, self.batch) if self.batch else ()
        matrix = (major, minor) if self.by_rows else (minor, major)
        return tuple([ops.from_numpy(p.astype(np.int64)) for p in (*lead, *matrix)])

    @property
    def in_a_row(self):
        """The values (batch * nnz, *block, *dense)."""
        return self.values.flatten(0, len(self.batch)) if self.batch else self.values

    def entries(self, values=None):
        """(places of all elements, the elements (n, *dense)), block after block."""
        values = self.values if values is None else values
        if not self.blocked:
            return self.places, values.flatten(0, len(self.batch))
        tall, wide = self.block
        *lead, rows, columns = [place.reshape(-1, 1, 1) for place in self.places]
        rows = rows * tall + ops.arange(tall).reshape(-1, 1)
        columns = columns * wide + ops.arange(wide)
        shape = (rows.shape[0], tall, wide)
        places = [ops.broadcast_to(p, shape).reshape(-1) for p in (*lead, rows, columns)]
        return places, values.reshape(-1, *self.dense)

    def tiled(self, whole):
        """An ordinary tensor of this shape as (*batch, rows, columns, *block, *dense)."""
        return tiled(whole, len(self.batch), self.block) if self.blocked else whole

    def picked(self, whole):
        """What an ordinary tensor of this shape has at the places, in the form of the values."""
        return self.tiled(whole)[self.places].reshape(tuple(self.values.shape))

    def emptied(self, dtype):
        """Of the same form, without elements."""
        shape = (*self.batch, 0, *self.block, *self.dense)
        values = ops.zeros(shape, dtype=dtype or self.inner.dtype)
        pointers, indices = ops.zeros_like(self.pointers), self.indices[..., :0].clone()
        return CompressedTensor(pointers, indices, values, self.shape, self.layout)

    def like(self, name, dtype):
        """What zeros_like and its kin give: all but that keep the places."""
        if name == "zeros_like":
            return self.emptied(dtype)
        values = getattr(ops, name)(self.inner, dtype=dtype)
        parts = self.pointers.clone(), self.indices.clone(), values
        return CompressedTensor(*parts, self.shape, self.layout)

    def same_places(self, other):
        """Whether another one of the layout has its values at the same places."""
        return self.block == other.block and (
            self.pointers is other.pointers
            and self.indices is other.indices
            or (
                np.array_equal(self.pointers.numpy(), other.pointers.numpy())
                and np.array_equal(self.indices.numpy(), other.indices.numpy())
            )
        )


def tiled(whole, lead, block):
    """(*lead, rows, columns, *dense) as (*lead, rows / tall, columns / wide, *block, *dense)."""
    shape, (tall, wide) = tuple(whole.shape), block
    rows, columns = shape[lead : lead + 2]
    whole = whole.reshape(*shape[:lead], rows // tall, tall, columns // wide, wide,
                          *shape[lead + 2 :])  # fmt: skip
    return whole.transpose(lead + 1, lead + 2)


def _strideless(name):
    def refused(self, *args, **kwargs):
        raise RuntimeError(
            hinted(f"Sparse {LABELS[self.layout]} tensors do not have {name}", INSTEAD)
        )

    return refused


def _of_coordinates(name):
    def refused(self):
        raise RuntimeError(
            f"{name} expected sparse coordinate tensor layout but got {NAMES[self.layout]}"
        )

    return refused


class CompressedTensor(SparseBase):
    """A sparse matrix by rows or columns, made by `torch.sparse_csr_tensor` and the like.

    Its gradient has its places, through every function; PyTorch's has all of the matrix through
    `x @ y` and `x.sum()`, and the places alone through `torch.sparse.mm`.
    """

    __slots__ = ()
    __torch_function__ = classmethod(plain_results)
    content = Compressed
    backend = "SparseCsrCPU"
    layout = property(lambda self: self._value.layout)
    is_sparse_csr = property(lambda self: self._value.layout is sparse_csr)

    def __new__(cls, pointers, indices, values, shape, layout):
        return cls._of(Compressed(pointers, indices, values, shape, layout))

    @classmethod
    def _missing(cls, name, prim=None, content=None):
        if prim is not None and prim.kind == "elementwise":
            have = NAMES[content.layout]
            return RuntimeError(hinted(f"unsupported tensor layout: {have}", INSTEAD))
        return super()._missing(name)

    def _like(self, values):
        own = self._value
        return CompressedTensor(own.pointers, own.indices, values, own.shape, own.layout)

    def __reduce_ex__(self, protocol):
        own = self._value
        parts = own.pointers, own.indices, own.values.detach(), own.shape, own.layout
        return _rebuilt, (*parts, self.requires_grad)

    # What it holds

    def _parts(self):
        own = self._value
        names = ("crow_indices", "col_indices") if own.by_rows else ("ccol_indices", "row_indices")
        return tuple(zip((*names, "values"), (own.pointers, own.indices, own.values), strict=True))

    def _indices_of(self, name, kind, by_rows, value):
        if self._value.by_rows is not by_rows:
            raise RuntimeError(
                f"{name} expected sparse {kind} compressed tensor layout but got "
                f"{NAMES[self.layout]}"
            )
        return value

    def crow_indices(self):
        """Where each row begins among the values, and where the last one ends."""
        return self._indices_of("crow_indices", "row", True, self._value.pointers)

    def col_indices(self):
        """The column of each value."""
        return self._indices_of("col_indices", "row", True, self._value.indices)

    def ccol_indices(self):
        """Where each column begins among the values, and where the last one ends."""
        return self._indices_of("ccol_indices", "column", False, self._value.pointers)

    def row_indices(self):
        """The row of each value."""
        return self._indices_of("row_indices", "column", False, self._value.indices)

    indices, coalesce, is_coalesced = map(_of_coordinates, ("indices", "coalesce", "is_coalesced"))
    stride, is_contiguous, contiguous = map(
        _strideless, ("strides", "is_contiguous", "is_contiguous")
    )
    reshape = flatten = _strideless("is_contiguous")
    unsqueeze = squeeze = narrow = _no_slices = _strideless("strides")

    def _nnz(self):
        return self._value.nnz

    def sparse_dim(self):
        return 2

    def dense_dim(self):
        return len(self._value.dense)

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The ordinary matrix; gradients go back to the values."""
        if dtype is not None:
            raise RuntimeError("dtype argument is not supported by sparse_csr_to_dense")
        own, lead = self._value, len(self._value.batch)
        grid, rest = (*own.batch, *own.grid), (*own.block, *own.dense)
        flat = ops.zeros((math.prod(grid), *rest), dtype=own.values.dtype)
        flat = flat.index_add(0, _flat(own.places, grid), own.in_a_row).reshape(*grid, *rest)
        if own.blocked:
            flat = flat.transpose(lead + 1, lead + 2)
        return named(flat.reshape(own.shape), "ToDenseBackward0")

    def _coordinates(self):
        """The same in coordinate form, in the same order."""
        own = self._value
        values = ops.clone(own.values) if own.values.requires_grad else own.values
        places, values = own.entries(values)
        places = ops.stack(list(places))
        values = named(values, "ToSparseBackward1")
        return SparseTensor(places, values, own.shape, own.by_rows and _rising(places, own.shape))

    # The same places, other values

    def clone(self, *, memory_format=None):
        own = self._value
        parts = own.pointers.clone(), own.indices.clone(), own.values.clone()
        return CompressedTensor(*parts, own.shape, own.layout)

    def angle(self):
        """The angle of each element."""
        return self._changed(ops.angle)

    def __mul__(self, other):
        own = self._value
        if isinstance(other, SparseTensor):
            other = other.to_sparse(layout=own.layout, blocksize=own.block or None)
        if isinstance(other, CompressedTensor):
            return _of_both(self, other)
        if isinstance(other, Tensor) and other.dim():
            if other.shape != self.shape:
                raise RuntimeError(hinted(
                    "sparse_mask(): operands have incompatible sizes; self has size "
                    f"{list(other.shape)} but mask has size {list(self.shape)}",
                    "nothing is broadcast here: write y.expand(x.shape).",
                ))  # fmt: skip
            return self._like(own.values * own.picked(other))
        return self._like(own.values * other)

    mul = multiply = __rmul__ = __mul__

    def add(self, other, *, alpha=1):
        """x + alpha · other: of the same layout, or an ordinary tensor of the same shape."""
        if isinstance(other, CompressedTensor):
            return _sum(self, other if alpha == 1 else other * alpha)
        if isinstance(other, SparseTensor):
            raise NotImplementedError(hinted("The sum of matrices of two layouts.", INSTEAD))
        if isinstance(other, Tensor) and other.shape == self.shape:
            return self.to_dense() + (other if alpha == 1 else other * alpha)
        return self._onto(other, alpha)

    _adding = "op2-sparse"

    def fill_(self, value):
        """A number in the place of each value that is there."""
        self._require_changeable()
        self._value.values.fill_(value)
        return self

    def copy_(self, src, non_blocking=False):
        """The values of another one of this layout and as many values."""
        if not isinstance(src, CompressedTensor) or src.layout is not self.layout:
            raise RuntimeError("copy_: expected tensors of one sparse layout")
        if src._nnz() != self._nnz():
            raise RuntimeError(
                "copy_ only supports sparse compressed tensors with the same number of specified "
                "elements."
            )
        own, other = self._value, src._value
        own.values.copy_(other.values)
        places = other.pointers.clone(), other.indices.clone()
        self._value = Compressed(*places, own.values, own.shape, own.layout)
        return self

    # Along axes

    def _transposed(self, dim0, dim1, name):
        # A matrix by rows becomes one by columns; nothing is copied.
        own, rank, lead = self._value, len(self._value.shape), len(self._value.batch)
        a, b = sorted((normalize_axis(dim0, rank), normalize_axis(dim1, rank)))
        if a == b:
            return self
        kinds = ["Batch" if d < lead else "Sparse" if d < lead + 2 else "Dense" for d in (a, b)]
        if own.dense:
            raise RuntimeError(hinted(
                "transpose(): hybrid sparse compressed tensors with dense dimensions are not "
                "supported",
                INSTEAD,
            ))  # fmt: skip
        if kinds[0] != kinds[1]:
            raise RuntimeError(hinted(
                "transpose(): can only transpose dimensions of the same type (Batch, Sparse, "
                f"Dense), got {dim0}({kinds[0]}) and {dim1}({kinds[1]})",
                INSTEAD,
            ))  # fmt: skip
        shape = list(own.shape)
        shape[a], shape[b] = shape[b], shape[a]
        if kinds[0] == "Batch":
            parts = [part.transpose(a, b) for part in (own.pointers, own.indices, own.values)]
            return CompressedTensor(*parts, tuple(shape), own.layout)
        values = own.values.transpose(lead + 1, lead + 2) if own.blocked else own.values
        parts = own.pointers, own.indices, seen(values, name)
        return CompressedTensor(*parts, tuple(shape), _TURNED[own.layout])

    def _summed(self, dim, keepdim, dtype):
        own = self._value
        if own.layout is not sparse_csr:
            raise RuntimeError(
                "Currently the only compressed sparse format supported for sum.dim_IntList is CSR, "
                f"but got layout {NAMES[own.layout]}"
            )
        if not keepdim:
            raise RuntimeError(hinted(
                "reduction operations on CSR tensors with keepdim=False is unsupported",
                "write x.sum(dim, keepdim=True), or x.to_sparse_coo().sum(dim).",
            ))  # fmt: skip
        if len(own.shape) != 2:
            raise RuntimeError(hinted(
                "reduction operations on CSR tensors along axes are those of a single matrix",
                "write x.to_sparse_coo().sum(dim).",
            ))  # fmt: skip
        axes = [dim] if not isinstance(dim, (tuple, list)) else dim
        axes = {normalize_axis(axis, 2) for axis in axes}
        values = own.values if dtype is None else own.values.to(dtype)
        places = [p * (axis not in axes) for axis, p in enumerate(own.places)]
        shape = [1 if axis in axes else n for axis, n in enumerate(own.shape)]
        return compress(places, values, shape, sparse_csr)

    def select(self, dim, index):
        """One matrix of a batch, one row or column in coordinate form, or one of a dense axis."""
        own, lead = self._value, len(self._value.batch)
        dim = normalize_axis(dim, len(own.shape))
        shape = own.shape[:dim] + own.shape[dim + 1 :]
        if dim < lead:
            parts = [part.select(dim, index) for part in (own.pointers, own.indices, own.values)]
            return CompressedTensor(*parts, shape, own.layout)
        if dim >= lead + 2:
            values = own.values.select(dim - 1 + 2 * own.blocked, index)
            return CompressedTensor(own.pointers, own.indices, values, shape, own.layout)
        if lead:
            raise RuntimeError(hinted(
                "select(): selecting sparse dimensions is not supported for batched sparse "
                "compressed tensors.",
                "take one matrix first: x[0][i].",
            ))  # fmt: skip
        return self._coordinates().select(dim, index)


def _rebuilt(pointers, indices, values, shape, layout, requires_grad):
    values = values.requires_grad_() if requires_grad else values
    return CompressedTensor(pointers, indices, values, shape, layout)


def _flat(places, grid):
    """The number of each place in a grid."""
    number = places[0]
    for place, length in zip(places[1:], grid[1:], strict=True):
        number = number * length + place
    return number


def _rising(places, shape):
    """Whether places are in order and distinct."""
    numbers = _flat(list(places), shape[: len(places)]).numpy()
    return bool((np.diff(numbers) > 0).all())


def compress(places, values, shape, layout):
    """The matrix by rows (or columns) of values at places; those at one place are added.

    places: (*batch indices, row, column), of blocks in the layouts of blocks; values: (n, *block,
    *dense). RuntimeError where the matrices of a batch have different numbers of values.
    """
    lead, by_rows = len(places) - 2, layout in (sparse_csr, sparse_bsr)
    block = tuple(values.shape[1:3]) if layout in (sparse_bsr, sparse_bsc) else (1, 1)
    batch = tuple(shape[:lead])
    sides = [n // max(b, 1) for n, b in zip(shape[lead : lead + 2], block, strict=True)]
    length, wide = sides if by_rows else sides[::-1]
    order = [*places[:lead], *(places[lead:] if by_rows else places[:-3:-1])]
    flat = _flat(order, (*batch, length, max(wide, 1))).numpy()
    found, where = np.unique(flat, return_inverse=True)
    if len(found) == len(flat):
        values = values[ops.from_numpy(np.argsort(flat, kind="stable"))]
    else:
        where = ops.from_numpy(where.reshape(-1).astype(np.int64))
        start = ops.zeros((len(found), *values.shape[1:]), dtype=values.dtype)
        values = start.index_add(0, where, values)
    count = math.prod(batch)
    counts = np.bincount(found // max(wide, 1), minlength=count * length).reshape(count, length)
    totals = counts.sum(1)
    if count and (totals != totals[0]).any():
        raise RuntimeError(hinted(
            "Expect the same number of specified elements per batch.",
            "keep a list of matrices, or x.to_sparse(), which may have any number in each.",
        ))  # fmt: skip
    nnz = int(totals[0]) if count else 0
    pointers = np.concatenate([np.zeros((count, 1)), np.cumsum(counts, axis=1)], axis=1)
    pointers = ops.from_numpy(pointers.astype(np.int64).reshape(*batch, length + 1))
    indices = ops.from_numpy((found % max(wide, 1)).astype(np.int64).reshape(*batch, nnz))
    values = values.reshape(*batch, nnz, *values.shape[1:]) if batch else values
    return CompressedTensor(pointers.to(int64), indices, values, tuple(shape), layout)


# --- two operands --------------------------------------------------------------------------------


def _require_same_shape(x, y):
    if x.shape != y.shape:
        raise RuntimeError(
            f"Expected input tensors to have the same shape, but got tensor 1 with shape "
            f"{list(x.shape)} and tensor 2 with shape {list(y.shape)}"
        )


def _sum(x, y):
    a, b = x._value, y._value
    _require_same_shape(a, b)
    if a.layout is not b.layout or a.block != b.block or len(a.batch) != len(b.batch):
        kinds = ("crow_indices", "row") if a.by_rows else ("ccol_indices", "column")
        raise RuntimeError(hinted(
            f"{kinds[0]} expected sparse {kinds[1]} compressed tensor layout but got "
            f"{layout_name(y)}",
            "bring both to one layout: y.to_sparse_csr(), or y.to_sparse_bsr(blocksize).",
        ))  # fmt: skip
    if a.same_places(b):
        return x._like(a.values + b.values)
    dtype = ops.result_type(a.values, b.values)
    places = [ops.cat(pair) for pair in zip(a.places, b.places, strict=True)]
    values = ops.cat([a.in_a_row.to(dtype), b.in_a_row.to(dtype)])
    return compress(places, values, a.shape, a.layout)


def _of_both(x, y):
    """The product element by element, at the places that both have."""
    a, b = x._value, y._value
    _require_same_shape(a, b)
    if a.layout is b.layout and a.same_places(b):
        return x._like(a.values * b.values)
    if a.block != b.block or len(a.batch) != len(b.batch):
        raise RuntimeError(hinted(
            f"mul: expected tensors of one layout, got {layout_name(x)} and {layout_name(y)}",
            "bring both to one layout: y.to_sparse_csr(), or y.to_sparse_bsr(blocksize).",
        ))  # fmt: skip
    x, y = (compress(v.places, v.in_a_row, v.shape, a.layout)._value for v in (a, b))
    grid = (*a.batch, *a.grid)
    flat = [_flat(v.places, grid).numpy() for v in (x, y)]
    _, left, right = np.intersect1d(*flat, assume_unique=True, return_indices=True)
    left, right = (ops.from_numpy(np.asarray(i, np.int64)) for i in (left, right))
    places = [p[left] for p in x.places]
    return compress(places, x.in_a_row[left] * y.in_a_row[right], a.shape, a.layout)


def _transposed(prim, x, axes):
    moved = [axis for axis, other in enumerate(axes) if axis != other]
    return x.transpose(*moved) if len(moved) == 2 else NotImplemented


CompressedTensor.rules = rules(transpose=_transposed, permute=_transposed, t=_transposed)
