"""NestedTensor: rows of different lengths as one tensor.

All elements lie in one inner tensor, which carries the gradients. In the layout `jagged` it has all
rows one after the other, and `offsets` say where each begins; in the layout `strided` it is flat,
and each constituent has a shape of its own. Torch's functions come to `JaggedTensor.handlers`
or `StridedNested.handlers`.
"""
# mypy: disable-error-code="assignment, override, unused-ignore"

import math

import numpy as np

from .. import ops
from ..base.constants import jagged, strided
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..composed import Composed, Content, by_name
from ..ops.convert import named

__all__ = ["INSTEAD", "JaggedTensor", "NestedTensor", "StridedNested"]
from .lengths import SymInt, ragged_of

making = lazy_module(f"{__name__.rpartition('.')[0]}.making")  # it imports this module

INSTEAD = "work on x.unbind(), or on x.to_padded_tensor(padding) with a mask."


class Rows(Content):
    """The value in the layout jagged: values, offsets, lengths or None, and the ragged axis."""

    __slots__ = ("axis", "lengths", "offsets", "spans")
    instead = INSTEAD

    def __init__(self, values, offsets, lengths, axis, spans):
        inner = tuple(values.shape)
        shape = (len(spans), *inner[: axis - 1], ragged_of(offsets), *inner[axis:])
        super().__init__(values, shape)
        self.offsets, self.lengths, self.axis, self.spans = offsets, lengths, axis, spans


class Blocks(Content):
    """The value in the layout strided: all elements flat, and the shape of each constituent."""

    __slots__ = ("sizes",)
    instead = INSTEAD

    def __init__(self, flat, sizes):
        rank = len(sizes[0]) if sizes else 0
        super().__init__(flat, (len(sizes), *([-1] * rank)))
        self.sizes = sizes


class NestedTensor(Composed):
    """Rows of different lengths as one tensor; see `torch.nested.nested_tensor`."""

    __slots__ = ()
    __module__ = "torch.nested"
    is_nested = property(lambda self: True)
    __torch_function__ = classmethod(by_name)
    mT = property(lambda self: self.transpose(-2, -1))
    T = property(lambda self: self.permute(*range(self.dim())[::-1]))

    def parts(self):
        """The constituents, views of the inner tensor."""
        raise NotImplementedError

    def unbind(self, dim=0):
        raise NotImplementedError

    def dim(self):
        return len(self._value.shape)

    ndim = property(dim)
    ndimension = dim

    def numel(self):
        return sum(part.numel() for part in self.parts())

    def __iter__(self):
        return iter(self.unbind())

    def item(self):
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar"
            )
        return self._value.inner.item()

    def __bool__(self):
        return bool(self._value.inner)

    def requires_grad_(self, requires_grad=True):
        self._value.inner.requires_grad_(requires_grad)
        return self

    def clone(self, *, memory_format=None):
        return self._like(self._value.inner.clone())

    def contiguous(self, memory_format=None):
        return self

    def element_size(self):
        return self._value.inner.element_size()

    def is_floating_point(self):
        return self._value.inner.is_floating_point()

    def is_complex(self):
        return self._value.inner.is_complex()

    def to_padded_tensor(self, padding, output_size=None):
        """An ordinary tensor with `padding` behind each row; gradients go back to the rows.

        RuntimeError where `output_size` is too small.
        """
        raise NotImplementedError


def _padded(parts, padding, size):
    """Tensors in the corner of one of the given size each, stacked."""
    if not isinstance(padding, (int, float)):
        raise TypeError(
            "to_padded_tensor(): argument 'padding' (position 1) must be float, not "
            + type(padding).__name__
        )
    rows = []
    for part in parts:
        gaps = [n - have for n, have in zip(size, part.shape, strict=True)]
        widths = [width for gap in gaps[::-1] for width in (0, gap)]
        rows.append(ops.pad(part, widths, value=padding) if any(widths) else part)
    return ops.stack(rows)


def _bound(parts):
    return tuple([named(part, "UnbindBackwardAutogradNestedTensor0") for part in parts])


class JaggedTensor(NestedTensor):
    """A nested tensor of the layout torch.jagged."""

    __slots__ = ()
    layout = property(lambda self: jagged)
    content = Rows

    @staticmethod
    def _missing(name, prim=None, content=None):
        return NotImplementedError(hinted(f"aten.{name}.default", INSTEAD))

    @classmethod
    def made(cls, values, offsets, lengths=None, axis=1, spans=None):
        """Of values and offsets: each row `lengths` long, or up to the next one."""
        if spans is None:
            starts = offsets.numpy()
            counts = np.diff(starts) if lengths is None else lengths.numpy()
            spans = [(int(a), int(n)) for a, n in zip(starts[: len(counts)], counts, strict=True)]
        return cls._of(Rows(values, offsets, lengths, axis, spans))

    def _like(self, values, axis=None):
        own = self._value
        axis = own.axis if axis is None else axis
        return JaggedTensor.made(values, own.offsets, own.lengths, axis, own.spans)

    def __repr__(self, *, tensor_contents=None):
        shape = ", ".join(map(str, self._value.shape))
        text = f"NestedTensor(size=({shape}), offsets={self._value.offsets}"
        if self.grad_fn is not None:
            text += f", grad_fn={self.grad_fn}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return f"{text}, contiguous={self.is_contiguous()})"

    def __reduce_ex__(self, protocol):
        own = self._value
        parts = own.inner.detach(), own.offsets, own.lengths, own.axis
        return making.jagged_again, (*parts, self.requires_grad)

    def parts(self):
        own = self._value
        return [own.inner.narrow(own.axis - 1, start, count) for start, count in own.spans]

    def unbind(self, dim=0):
        """The rows, as ordinary tensors that look into this one."""
        if dim % self.dim():
            raise RuntimeError("unbind(): only supported for NestedTensor on dim=0")
        return _bound(self.parts())

    def offsets(self):
        """Where each row begins among the values, and where the last one ends."""
        return self._value.offsets

    def lengths(self):
        """The lengths of the rows where there are holes between them, else None."""
        return self._value.lengths

    def values(self):
        """All rows, one after the other."""
        return self._value.inner

    _values = property(lambda self: self._value.inner.detach())
    _offsets, _lengths = property(offsets), property(lengths)
    _ragged_idx = property(lambda self: self._value.axis)
    _max_seqlen = property(lambda self: max((n for _, n in self._value.spans), default=0))
    _min_seqlen = property(lambda self: min((n for _, n in self._value.spans), default=0))

    def size(self, dim=None):
        return self.shape if dim is None else self._value.shape[dim]

    def stride(self, dim=None):
        own, steps = self._value, self._value.inner.stride()
        steps = (own.shape[own.axis] * steps[own.axis - 1], *steps)
        return steps if dim is None else steps[dim]

    def __len__(self):
        return len(self._value.spans)

    def is_contiguous(self, memory_format=None):
        own = self._value
        return own.lengths is None and own.inner.is_contiguous()

    def contiguous(self, memory_format=None):
        """The same without holes, the ragged axis where it is."""
        if self.is_contiguous():
            return self
        own = self._value
        if own.lengths is None:
            return self._like(own.inner.contiguous())
        return joined(self.parts(), own.axis)

    def to_padded_tensor(self, padding, output_size=None):
        own = self._value
        if own.lengths is not None:
            raise RuntimeError(hinted(
                "to_padded_tensor(): not supported for nested tensors with holes",
                "write x.contiguous().to_padded_tensor(padding).",
            ))  # fmt: skip
        size = [self._max_seqlen if n.__class__ is SymInt else n for n in own.shape[1:]]
        if output_size is not None:
            size[own.axis - 1] = output_size[own.axis]
        longest = size[own.axis - 1]
        rows = [part.narrow(own.axis - 1, 0, min(part.shape[own.axis - 1], longest))
                for part in self.parts()]  # fmt: skip
        return named(_padded(rows, padding, size), "ToPaddedTensorBackward0")

    def numpy(self, *, force=False):
        raise RuntimeError(hinted(".numpy() is not supported for tensor subclasses.", INSTEAD))

    def tolist(self):
        raise RuntimeError(hinted(
            ".tolist() is not supported for tensor subclasses, got NestedTensor", INSTEAD,
        ))  # fmt: skip


def joined(parts, axis=1):
    """A nested tensor of rows that are alike but for one axis."""
    ends = np.cumsum([0, *[part.shape[axis - 1] for part in parts]])
    offsets = ops.from_numpy(ends.astype(np.int64)).to(int64)
    return JaggedTensor.made(ops.cat(parts, axis - 1), offsets, None, axis)


def _sizeless(what):
    def refused(self, *args, **kwargs):
        raise RuntimeError(hinted(
            f"Internal error: NestedTensorImpl doesn't support {what}. Please file an issue.",
            "x.size(0) is the number of constituents; x.unbind() gives them.",
        ))  # fmt: skip

    return refused


class StridedNested(NestedTensor):
    """A nested tensor of the layout torch.strided."""

    __slots__ = ()
    layout = property(lambda self: strided)
    content = Blocks
    shape = property(_sizeless("sizes"))
    stride, __len__, numpy, tolist = map(_sizeless, ("strides", "sizes", "sizes", "strides"))

    @staticmethod
    def _missing(name, prim=None, content=None):
        return NotImplementedError(hinted(
            f"Could not run 'aten::{name}' with arguments from the 'NestedTensorCPU' backend.",
            INSTEAD,
        ))  # fmt: skip

    @classmethod
    def made(cls, flat, sizes):
        """Of all elements and the shapes of the constituents."""
        return cls._of(Blocks(flat, [tuple(size) for size in sizes]))

    @classmethod
    def of_parts(cls, parts, dtype=None):
        """Of the constituents, to which gradients go back."""
        flat = [part.reshape(-1) for part in parts]
        flat = ops.cat(flat) if flat else ops.zeros(0, dtype=dtype)
        return cls.made(flat, [tuple(part.shape) for part in parts])

    def _like(self, flat):
        return StridedNested.made(flat, self._value.sizes)

    def __repr__(self, *, tensor_contents=None):
        flag = self.requires_grad
        parts = [p.detach().requires_grad_(flag) for p in self.parts()]
        lines = ",\n".join(["  " + repr(part).replace("\n", "\n  ") for part in parts])
        ending = ""
        if self.grad_fn is not None:
            ending = f", grad_fn=<{self.grad_fn.name()}>"
        elif flag:
            ending = ", requires_grad=True"
        return f"nested_tensor([\n{lines}\n]{ending})"

    def __reduce_ex__(self, protocol):
        own = self._value
        return making.strided_again, (own.inner.detach(), own.sizes, self.requires_grad)

    def parts(self):
        own, start, found = self._value, 0, []
        for size in own.sizes:
            count = math.prod(size)
            found.append(own.inner[start : start + count].reshape(size))
            start += count
        return found

    def unbind(self, dim=0):
        """The constituents, as ordinary tensors that look into this one."""
        if dim % self.dim():
            raise RuntimeError(
                f"NestedTensor can only be unbound along dimension 0 got dimension {dim} instead."
            )
        return _bound(self.parts())

    def values(self):
        """All elements, flat."""
        return self._value.inner

    def size(self, dim=None):
        if dim is None:
            return self.shape
        dim, sizes = dim % self.dim(), self._value.sizes
        if dim == 0:
            return len(sizes)
        lengths = {size[dim - 1] for size in sizes}
        if len(lengths) != 1:
            raise RuntimeError(hinted(
                f"Given dimension {dim} is irregular and does not have a size.",
                "x.unbind() gives the constituents, each with a shape of its own.",
            ))  # fmt: skip
        return lengths.pop()

    def is_contiguous(self, memory_format=None):
        return True

    def _nested_tensor_size(self):
        """The shapes of the constituents, one a row."""
        return ops.as_tensor([list(size) for size in self._value.sizes])

    def to_padded_tensor(self, padding, output_size=None):
        sizes = self._value.sizes
        if not sizes:
            return ops.full((0,), padding, dtype=self.dtype)
        size = [max(lengths) for lengths in zip(*sizes, strict=True)]
        if output_size is not None:
            if len(output_size) != len(size) + 1:
                raise RuntimeError(
                    "Length of output_size does not match NestedTensor dims. Broadcasting is not "
                    "supported."
                )
            wanted = list(output_size[1:])
            if any(n < least for n, least in zip(wanted, size, strict=True)):
                raise RuntimeError(
                    "Value in output_size is less than NestedTensor padded size. Truncation is not "
                    "supported."
                )
            size = wanted
        return named(_padded(self.parts(), padding, size), "NestedToPaddedTensorBackward0")
