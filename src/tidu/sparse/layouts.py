"""SparseBase: what the layouts of sparse tensors share, coordinates and compressed ones alike.

A sparse tensor is a handle whose value is places and an inner tensor of values, to which gradients
go. Functions that make 0 of 0 come to the values (`OF_VALUES`), the others that there are to the
methods of the class; every other one says that it needs `.to_dense()`.
"""
# mypy: disable-error-code="assignment, override, misc, unused-ignore"

import numpy as np

from .. import ops
from ..base import dtypes
from ..base.constants import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr
from ..base.dtypes import DEFAULT, can_cast
from ..base.errors import hinted
from ..base.printing.layout import values_text, with_properties
from ..base.size import Size
from ..composed import Composed, of_parameter
from ..core.handle import concrete
from ..core.modes import grad_enabled
from ..frontend.tensor import Tensor
from ..ops.convert import named
from ..primitives.base import cast

__all__ = ["INSTEAD", "LABELS", "NAMES", "SparseBase", "binary", "layout_name", "rules", "seen"]

INSTEAD = "convert it first, x.to_dense(), or work on x.values() (of COO, x.coalesce().values())."
# What PyTorch calls the layouts in its messages, and the compressed ones when it names them short.
NAMES = {sparse_coo: "Sparse", sparse_csr: "SparseCsr", sparse_csc: "SparseCsc",
         sparse_bsr: "SparseBsr", sparse_bsc: "SparseBsc"}  # fmt: skip
LABELS = {layout: name.removeprefix("Sparse").upper() for layout, name in NAMES.items()}

# Primitives, and functions composed of them, that make 0 of 0.
_PRIMITIVES = (
    "neg abs sign sin tan asin atan sinh tanh asinh atanh sqrt expm1 log1p erf erfinv relu floor "
    "ceil trunc round isnan isinf signbit conj"
).split()
_COMPOSED = (
    "arcsin arctan arcsinh arctanh deg2rad rad2deg frac fix isneginf isposinf negative positive sgn"
).split()


def layout_name(tensor):
    """What PyTorch's messages call the layout of a tensor."""
    return NAMES.get(tensor.layout, "Strided")


def seen(values, name):
    """The same values as a step of their own, under the name that PyTorch has for it."""
    return named(values.view_as(values), name) if values.requires_grad else values


class SparseBase(Composed):
    """A tensor that keeps some of its elements; the others are 0."""

    __slots__ = ()
    backend = "SparseCPU"

    @classmethod
    def _missing(cls, name, prim=None, content=None):
        return NotImplementedError(hinted(
            f"Could not run 'aten::{name}' with arguments from the '{cls.backend}' backend.",
            INSTEAD,
        ))  # fmt: skip

    def _parts(self):
        """The tensors it is made of, by their names, the values last."""
        raise NotImplementedError

    def __repr__(self, *, tensor_contents=None):
        return of_parameter(self) + _text(self)

    def _settled(self):
        """The same with each place once, so that functions may come to the values."""
        return self

    def _changed(self, function, *arguments):
        return self._like(function(self._value.inner, *arguments))

    def _computed_on_values(self, function):
        return self._settled()._changed(function)

    def values(self):
        """The values, an ordinary tensor."""
        return self._value.inner

    def _nnz(self):
        raise NotImplementedError

    def item(self):
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar"
            )
        return self.to_dense().item()

    def __bool__(self):
        return bool(self.to_dense())

    is_nonzero = __bool__

    def numpy(self, *, force=False):
        raise TypeError(
            f"can't convert {NAMES[self.layout]} layout tensor to numpy. Use Tensor.to_dense() "
            "first."
        )

    def new_empty(self, *size, dtype=None, device=None, requires_grad=False, **options):
        """A sparse tensor of this layout, of another size and without elements."""
        options = {"layout": self.layout, "device": device} | options
        return ops.zeros(*size, dtype=dtype or self.dtype, requires_grad=requires_grad, **options)

    new_zeros = new_empty

    def storage(self):
        raise NotImplementedError(hinted("Cannot access storage of SparseTensorImpl", INSTEAD))

    untyped_storage = storage

    def __iter__(self):
        return (self.select(0, i) for i in range(self._value.shape[0]))

    def unbind(self, dim=0):
        """What stands at each index of an axis."""
        return tuple([self.select(dim, i) for i in range(self.shape[dim])])

    def __getitem__(self, index):
        """Single elements of axes, from the first: x[i], x[i, j], x[:, j]."""
        parts = index if isinstance(index, tuple) else (index,)
        if any(part.__class__ is not int and part != slice(None) for part in parts):
            raise self._no_slices()
        shape, kept, gone = self._value.shape, self, 0
        if len(parts) > len(shape):
            raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
        for axis, part in enumerate(parts):
            if part == slice(None):
                continue
            if not -shape[axis] <= part < shape[axis]:
                raise IndexError(
                    f"index {part} is out of bounds for dimension {axis} with size {shape[axis]}"
                )
            kept, gone = kept.select(axis - gone, part % shape[axis]), gone + 1
        return kept

    def _no_slices(self):
        return self._missing("as_strided")

    # In place: the values change, or another tensor takes the place of this one

    def _require_changeable(self):
        if self.requires_grad and self.is_leaf and grad_enabled():
            raise RuntimeError(hinted(
                "a leaf Variable that requires grad is being used in an in-place operation.",
                "write x = x * y, or change it in a block `with torch.no_grad():`.",
            ))  # fmt: skip

    def _become(self, result):
        """What an operation in place leaves here."""
        self._require_changeable()
        if type(result) is not type(self) or result.layout is not self.layout:
            raise RuntimeError(hinted("The result is not sparse.", "write x = x.to_dense() + y."))
        if not can_cast(result.dtype, self.dtype):
            raise RuntimeError(hinted(
                f"result type {result.dtype} can't be cast to the desired output type "
                f"{self.dtype}",
                "write x = x * y.",
            ))  # fmt: skip
        result = result if result.dtype is self.dtype else result.to(self.dtype)
        self._value = result._value
        return self

    def mul_(self, other):
        """x = x * other, in this tensor."""
        if isinstance(other, Tensor) and other.dim():
            return self._become(self * other)
        self._require_changeable()
        self._value.inner.mul_(other)
        return self

    def add_(self, other, *, alpha=1):
        """x = x + alpha · other, in this tensor; both of the same layout."""
        if not isinstance(other, SparseBase):
            raise RuntimeError(hinted("The result is not sparse.", "write x = x.to_dense() + y."))
        return self._become(self.add(other, alpha=alpha))

    def zero_(self):
        """Forget all elements."""
        self._require_changeable()
        return self._become(self._value.emptied(None))

    __imul__, __iadd__ = mul_, add_

    def __add__(self, other):
        return self.add(other)

    def __radd__(self, other):
        return self._onto(other, 1)

    def _onto(self, other, alpha):
        """other + alpha · x for what is not sparse, which makes it an ordinary tensor."""
        if isinstance(other, np.ndarray):  # a gradient that is added to another one
            other = ops.from_numpy(other)
        have = list(other.shape) if isinstance(other, Tensor) else []
        if have != list(self._value.shape):
            raise RuntimeError(hinted(
                f"add: expected 'self' and 'other' to have same size, but self has size {have} "
                f"while other has size {list(self._value.shape)} (FYI: {self._adding} addition "
                "does not currently support broadcasting)",
                "write y + x.to_dense().",
            ))  # fmt: skip
        return other + self.to_dense() * alpha if alpha != 1 else other + self.to_dense()

    _adding = "dense-sparse"

    def sum(self, dim=None, keepdim=False, *, dtype=None):
        """The sum over all elements, or over axes."""
        if dim is None or dim == ():
            inner = self._value.inner
            return (inner if dtype is None else inner.to(dtype)).sum()
        return self._summed(dim, keepdim, dtype)

    def __matmul__(self, other):
        return type(self).rules["mm"](None, self, other)

    def __rmatmul__(self, other):
        return type(self).rules["mm"](None, other, self)

    mm = matmul = mv = bmm = __matmul__

    def t(self):
        """The transpose of a matrix."""
        rank = len(self._value.shape)
        if rank > 2:
            raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")
        return self if rank < 2 else self._transposed(0, 1, "TBackward0")

    def transpose(self, dim0, dim1):
        """Two axes exchanged."""
        return self._transposed(dim0, dim1, "TransposeBackward0")

    swapaxes = swapdims = transpose

    def _transposed(self, dim0, dim1, name):
        raise NotImplementedError

    T = property(lambda self: self.t())
    mT = property(lambda self: self.transpose(-2, -1))

    def resize_as_sparse_(self, the_template):
        """Of the shape of another sparse tensor, without elements unless it has this shape."""
        if tuple(self.shape) != tuple(the_template.shape):
            self._become(the_template._value.emptied(self.dtype))
        return self


def _of_values(name):
    function = getattr(ops, name)

    def computed(self):
        return self._computed_on_values(function)

    def changed(self):
        self._require_changeable()
        return self._become(self._computed_on_values(function))

    computed.__name__, changed.__name__ = name, name + "_"
    computed.__doc__ = f"{name} of each element; 0 stays 0."
    changed.__doc__ = f"{name} of each element, in this tensor."
    return computed, changed


for _name in (*_PRIMITIVES, *_COMPOSED):
    _computed, _changed_here = _of_values(_name)
    setattr(SparseBase, _name, _computed)
    if not _name.startswith("is") and _name not in ("signbit", "conj", "positive"):
        setattr(SparseBase, _name + "_", _changed_here)
SparseBase.__neg__, SparseBase.__pos__ = SparseBase.neg, SparseBase.positive  # type: ignore[attr-defined]
SparseBase.__abs__ = SparseBase.abs  # type: ignore[method-assign]


# --- primitives that ordinary tensors and functions bring here ------------------------------------


def _values_of(prim, x, **params):
    return x._computed_on_values(lambda values: prim(values, **params))


def _cast(prim, x, **params):
    return x._changed(lambda values: cast(values, **params))


def binary(name):
    """The rule of a primitive that is the operator __name__ of the class."""

    def operator(prim, x, y):
        if isinstance(x, SparseBase):
            return getattr(x, f"__{name}__")(y)
        return getattr(y, f"__r{name}__", lambda x: NotImplemented)(x)

    return operator


def _summing(prim, x, axes, keepdims):
    return x.sum(axes if keepdims or len(axes) < len(x._value.shape) else None, keepdims)


def rules(**more):
    """The rules of a class: those all layouts have, and `more`."""
    own = dict.fromkeys(_PRIMITIVES, _values_of)
    own |= {"add": binary("add"), "mul": binary("mul")}
    own |= {"to_copy": _cast, "sum": _summing, "clone": _cloned, "expand": _expanded}
    return own | more


def _cloned(prim, x, **params):
    return x.clone()


def _expanded(prim, x, shape):
    if tuple(shape) != tuple(x._value.shape):
        have = NAMES[x.layout]
        raise RuntimeError(hinted(f"expand is unsupported for {have} tensors", INSTEAD))
    return x


# --- the text -------------------------------------------------------------------------------------


def _inner_text(array, indent):
    """The text of a tensor within that of a sparse one."""
    size = "" if array.size else f", size={array.shape}"
    return f"tensor({values_text(array, indent)}{size})"


def _text(tensor):
    own, start = tensor._value, "tensor("
    dtype = own.inner.dtype
    properties = [f"size={tuple(Size(own.shape))}", f"nnz={tensor._nnz()}"]
    if dtype not in (DEFAULT.dtype, DEFAULT.complex, dtypes.int64, dtypes.bool_):
        properties.append(f"dtype={dtype}")
    properties.append(f"layout={tensor.layout}")
    if tensor.grad_fn is not None:
        properties.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        properties.append("requires_grad=True")
    lines = [
        f"{name}={_inner_text(concrete(part.detach()), len(f'{start}{name}=tensor('))}"
        for name, part in tensor._parts()
    ]
    gap = ",\n" + " " * len(start)
    if tensor.layout is sparse_coo:
        return start + gap.join([*lines, ", ".join(properties)]) + ")"
    return with_properties(start + gap.join(lines), properties, len(start))
