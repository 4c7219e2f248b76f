"""What torch's functions do with nested tensors of the layout strided.

Element by element they come to all elements at once, otherwise to each constituent.
"""

from .. import ops
from ..base.errors import hinted
from ..core.handle import TensorBase
from ..ops.convert import named
from .rows import attended, axis_of, handlers, sequence
from .tensor import INSTEAD, StridedNested

__all__ = ["HANDLERS"]


def _each(input, function):
    """The nested tensor of what a function makes of each constituent."""
    return StridedNested.of_parts([function(part) for part in input.parts()], input.dtype)


# --- element by element --------------------------------------------------------------------------


def _elementwise(func, *args, **kwargs):
    model = next(a for a in (*args, *kwargs.values()) if isinstance(a, StridedNested))
    inner = [_flat(func, model, a, i) for i, a in enumerate(args)]
    words = {name: _flat(func, model, a, 1) for name, a in kwargs.items()}
    return model._like(func(*inner, **words))


def _flat(func, model, other, position):
    if not isinstance(other, TensorBase) or not other.dim():
        return other
    if not isinstance(other, StridedNested):
        kinds = ("nested self and non-nested other", "non-nested self and nested other")
        raise RuntimeError(hinted(
            "Expected both self and other to be nested, but got a " + kinds[not position], INSTEAD,
        ))  # fmt: skip
    if other._value.sizes != model._value.sizes:
        raise RuntimeError(hinted(
            f"{func.__name__} does not support broadcasting when given a NestedTensor", INSTEAD,
        ))  # fmt: skip
    return other._value.inner


def _inplace(func, input, *args, **kwargs):
    func(input._value.inner, *[_flat(func, input, a, 1) for a in args], **kwargs)
    return input


def _of_values(func, input, *args, **kwargs):
    return input._like(func(input._value.inner, *args, **kwargs))


# --- along axes ----------------------------------------------------------------------------------


def _sum(func, input, dim=None, keepdim=False, *, dtype=None):
    if dim is None:
        raise StridedNested._missing("sum")
    axes = [axis_of(input, d) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if axes != [input.dim() - 1]:
        raise RuntimeError(hinted(
            "NestedTensor can only be reduced across the last dimension for now got dimension "
            f"{axes[0]} instead.",
            "x.values().sum() is the sum of all elements; the layout torch.jagged has more.",
        ))  # fmt: skip
    if not keepdim:
        raise RuntimeError(hinted(
            "NestedTensor always requires keepdim=True for now.", "write x.sum(-1, keepdim=True).",
        ))  # fmt: skip
    return _each(input, lambda part: part.sum(-1, keepdim=True, dtype=dtype))


def _softmax(func, input, dim=None, *args, **kwargs):
    dim = axis_of(input, -1 if dim is None else dim)
    if not dim:
        raise RuntimeError("Cannot apply softmax across nested dimension 0")
    return _each(input, lambda part: func(part, dim - 1, *args, **kwargs))


def _layer_norm(func, input, normalized_shape, weight=None, bias=None, eps=1e-5):
    if weight is None or bias is None:
        raise ValueError(hinted(
            "NestedTensor layer_norm requires weight and bias",
            "torch.nn.LayerNorm has both; the layout torch.jagged needs none.",
        ))  # fmt: skip
    return _each(input, lambda part: func(part, normalized_shape, weight, bias, eps))


# --- products ------------------------------------------------------------------------------------


def _linear(func, input, weight, bias=None):
    wide = input.size(-1)
    made = func(input._value.inner.reshape(-1, wide), weight, bias)
    sizes = [(*size[:-1], weight.shape[0]) for size in input._value.sizes]
    return StridedNested.made(named(made.reshape(-1), "LinearBackward0"), sizes)


def _matmul(func, input, other):
    kinds = [isinstance(t, StridedNested) for t in (input, other)]
    if not all(kinds):
        words = ("nested self and non-nested other", "non-nested self and nested other")
        raise RuntimeError(hinted(
            "Expected both to be nested, but got a " + words[not kinds[0]],
            "torch.nn.functional.linear takes a matrix for all; or x.unbind().",
        ))  # fmt: skip
    pairs = zip(input.parts(), other.parts(), strict=True)
    return StridedNested.of_parts([a @ b for a, b in pairs], input.dtype)


def _attention(func, query, key, value, attn_mask=None, *args, **options):
    if attn_mask is not None:
        raise RuntimeError(hinted(
            "Scaled_dot_product_attention: Nested tensors for query / key are not supported when "
            "an explicit attn_mask is set",
            "the rows are attended to each by itself, so no mask of padding is needed.",
        ))  # fmt: skip
    made = attended(func, StridedNested, (query, key, value), args, options)
    return StridedNested.of_parts(made, query.dtype)


# --- views ---------------------------------------------------------------------------------------


def _transpose(func, input, dim0, dim1):
    a, b = axis_of(input, dim0), axis_of(input, dim1)
    if a == b:
        return input
    if not a or not b:
        raise RuntimeError("Nested tensor dimension 0 cannot be transposed")
    return _each(input, lambda part: part.transpose(a - 1, b - 1))


def _unsqueeze(func, input, dim):
    dim = axis_of(input, dim, 1)
    if not dim:
        raise RuntimeError(
            "unsqueeze(): For nested tensors, unsqueezing dimension 0 is not supported at the "
            "moment if you need this feature, please open an issue on github describing your use "
            "case."
        )
    return _each(input, lambda part: part.unsqueeze(dim - 1))


def _squeeze(func, input, dim=None):
    if dim is None or not axis_of(input, dim):
        raise RuntimeError(
            "squeeze(): For nested tensors, squeezing dimension 0 is not supported at the moment "
            "if you need this feature, please open an issue on github describing your use case."
        )
    dim, sizes = axis_of(input, dim), input._value.sizes
    if any(size[dim - 1] != 1 for size in sizes):
        return input
    return _each(input, lambda part: part.squeeze(dim - 1))


def _select(func, input, dim, index):
    dim = axis_of(input, dim)
    return input.parts()[index] if not dim else _each(input, lambda p: p.select(dim - 1, index))


def _getitem(func, input, index):
    items = index if isinstance(index, tuple) else (index,)
    if items[0].__class__ is int:
        count = len(input._value.sizes)
        if not -count <= items[0] < count:
            raise IndexError(f"index {items[0]} is out of bounds for dimension 0 with size {count}")
        part = input.parts()[items[0]]
        return part[items[1:]] if items[1:] else part
    if items[0] is Ellipsis and len(items) <= input.dim():
        return _each(input, lambda part: part[items])
    raise StridedNested._missing("slice.Tensor")


def _chunk(func, input, chunks, dim=0):
    if axis_of(input, dim) != input.dim() - 1:
        raise RuntimeError(
            "Chunk for nested tensors is currently only supported for the last dimension."
        )
    columns = zip(*[part.chunk(chunks, -1) for part in input.parts()], strict=True)
    return tuple([StridedNested.of_parts(list(parts), input.dtype) for parts in columns])


def _cat(func, tensors, dim=0):
    if not all(isinstance(t, StridedNested) for t in tensors):
        raise RuntimeError("Expected each tensor in given list to be nested.")
    dim = axis_of(tensors[0], dim)
    rows = [t.parts() for t in tensors]
    if not dim:
        return StridedNested.of_parts([part for row in rows for part in row], tensors[0].dtype)
    made = [ops.cat(parts, dim - 1) for parts in zip(*rows, strict=True)]
    return StridedNested.of_parts(made, tensors[0].dtype)


def _view(func, input, *shape):
    shape, sizes = sequence(shape), input._value.sizes
    if not shape or shape[0] != len(sizes):
        raise RuntimeError(hinted(
            "view: For now nested view cannot change or infer the implicit batch dimension",
            f"the first length stays {len(sizes)}.",
        ))  # fmt: skip

    def one(part):
        # -1 stands for the length that the constituent has there, if it is no new axis.
        wanted = [part.shape[i] if n == -1 and i < part.dim() else n
                  for i, n in enumerate(shape[1:])]  # fmt: skip
        count = 1
        for n in wanted:
            count *= n
        if count != part.numel():
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {part.numel()}")
        return part.reshape(wanted)

    return _each(input, one)


def _narrow(func, input, dim, start, length):
    if axis_of(input, dim):
        raise RuntimeError(hinted("narrow of a nested tensor along other axes than 0.", INSTEAD))
    return StridedNested.of_parts(input.parts()[start : start + length], input.dtype)


def _filled_like(func, input, *args, **options):
    return input._like(func(input._value.inner, *args, **options))


HANDLERS = handlers(
    elementwise=_elementwise, inplace=_inplace, of_values=_of_values, matmul=_matmul, cat=_cat,
    view=_view, transpose=_transpose, select=_select, getitem=_getitem,
)  # fmt: skip
HANDLERS |= dict.fromkeys("zeros_like ones_like empty_like randn_like".split(), _filled_like)
HANDLERS |= dict.fromkeys(("softmax", "log_softmax"), _softmax)
HANDLERS |= {
    "linear": _linear, "scaled_dot_product_attention": _attention, "layer_norm": _layer_norm,
    "sum": _sum, "unsqueeze": _unsqueeze, "squeeze": _squeeze, "chunk": _chunk, "narrow": _narrow,
}  # fmt: skip
