"""What torch's functions do with nested tensors of the layout jagged.

Most come to the values at once, with axes counted without that of the rows; what goes along the
ragged axis is done row by row.
"""

import math

import numpy as np

from .. import ops
from ..base.errors import hinted
from ..composed import BINARY, CONVERTED, UNARY
from ..core.handle import TensorBase
from ..ops.convert import named
from .lengths import SymInt
from .tensor import INSTEAD, JaggedTensor, joined

__all__ = ["ACTIVATIONS", "HANDLERS", "INPLACE", "JOINED_NAMES", "OF_SELF", "attended",
           "axis_of", "of_self", "sequence"]  # fmt: skip

ACTIVATIONS = (
    "relu relu_ relu6 gelu silu mish leaky_relu elu selu celu softplus softsign tanhshrink "
    "hardtanh hardswish hardsigmoid hardshrink softshrink logsigmoid threshold prelu dropout "
    "alpha_dropout logical_not logical_and logical_or logical_xor where masked_fill lerp "
    "isclose xlogy heaviside"
).split()
INPLACE = (
    "add_ sub_ mul_ div_ fill_ zero_ copy_ relu_ clamp_ neg_ abs_ exp_ log_ sqrt_ sigmoid_ tanh_ "
    "normal_ uniform_ bernoulli_ masked_fill_ pow_ dropout_ squeeze_"
).split()
JOINED_NAMES = "cat concat concatenate".split()
OF_SELF = (
    "unbind size dim numel clone contiguous detach to_padded_tensor is_floating_point is_complex "
    "element_size requires_grad_ is_contiguous stride"
).split()


def sequence(sizes):
    """f(*sizes) and f(sizes) alike: a tuple of the lengths or axes."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def of_self(func, input, *args, **kwargs):
    """Functions that are methods of the class."""
    return getattr(input, func.__name__)(*args, **kwargs)


def axis_of(input, dim, more=0):
    """An axis counted from the front; `more`: of a result that has so many axes more."""
    rank = input.dim() + more
    if not -rank <= dim < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got "
            f"{dim})"
        )
    return dim % rank


def _beside(name, input, dim, more=0):
    """An axis that is neither that of the rows nor the ragged one, counted in the values."""
    dim = axis_of(input, dim, more)
    if dim == 0:
        raise RuntimeError(hinted(f"{name}(): not supported for NestedTensor on dim=0", INSTEAD))
    if dim == input._value.axis and not more:
        raise RuntimeError(
            hinted(f"{name}(): not supported for NestedTensor on ragged dim", INSTEAD)
        )
    return dim - 1


# --- element by element --------------------------------------------------------------------------


def _elementwise(func, *args, **kwargs):
    model = next(a for a in (*args, *kwargs.values()) if isinstance(a, JaggedTensor))
    inner = [_beside_values(func, model, a) for a in args]
    words = {name: _beside_values(func, model, a) for name, a in kwargs.items()}
    return model._like(func(*inner, **words))


def _beside_values(func, model, other):
    """An operand as it meets the values of a nested tensor."""
    if not isinstance(other, TensorBase) or not other.dim():
        return other
    own = model._value
    if isinstance(other, JaggedTensor):
        same = other._value.axis == own.axis and other._value.offsets is own.offsets
        if not same:
            raise _unlike(func, model, other)
        return other._value.inner
    rank, have = model.dim(), tuple(other.shape)
    lengths = (1,) * (rank - len(have)) + have
    fits = len(have) <= rank and lengths[own.axis] == 1 and lengths[0] in (1, len(own.spans))
    if not fits:
        raise _unlike(func, model, other)
    other = other.reshape(lengths)
    if lengths[0] == 1:
        return other.squeeze(0)
    starts = np.array([start for start, _ in own.spans])
    total = own.inner.shape[own.axis - 1]
    rows = np.maximum(np.searchsorted(starts, np.arange(total), "right") - 1, 0)
    return other.squeeze(own.axis)[ops.from_numpy(rows.astype(np.int64))].movedim(0, own.axis - 1)


def _unlike(func, model, other):
    shapes = [tuple(t.shape) if isinstance(other, JaggedTensor) else t.shape
              for t in (model, other)]  # fmt: skip
    return RuntimeError(hinted(
        f"cannot call binary pointwise function {func.__name__}.Tensor with inputs of shapes "
        f"{shapes[0]} and {shapes[1]}",
        "nested tensors must share their offsets: make one from the offsets() of the other.",
    ))  # fmt: skip


def _inplace(func, input, *args, **kwargs):
    func(input._value.inner, *[_beside_values(func, input, a) for a in args], **kwargs)
    return input


def _of_values(func, input, *args, **kwargs):
    return input._like(func(input._value.inner, *args, **kwargs))


# --- along axes ----------------------------------------------------------------------------------


def _reduction(func, input, dim=None, keepdim=False, **options):
    own = input._value
    if dim is None:
        packed = own.inner if own.lengths is None else input.contiguous()._value.inner
        return func(packed, **options)
    axes = [axis_of(input, d) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if 0 in axes and own.axis not in axes:
        raise RuntimeError(hinted(
            f"{func.__name__}(): reducing along the batch dimension but not the ragged dimension "
            "is not supported for nested tensors",
            "x.to_padded_tensor(0).sum(0) adds rows of different lengths.",
        ))  # fmt: skip
    inner = tuple(a - 1 for a in axes if a)
    inner = inner if isinstance(dim, (tuple, list)) else inner[0]
    if 0 in axes:
        made = func(input.contiguous()._value.inner, inner, keepdim, **options)
        return made.unsqueeze(0) if keepdim else made
    if own.axis in axes:
        return _stacked([func(part, inner, keepdim, **options) for part in input.parts()])
    made, before = func(own.inner, inner, keepdim, **options), sum(a < own.axis for a in axes)
    axis = own.axis if keepdim else own.axis - before
    if isinstance(made, tuple):
        return type(made)(*[input._like(part, axis) for part in made])
    return input._like(made, axis)


def _stacked(parts):
    if isinstance(parts[0], tuple):
        return type(parts[0])(*[ops.stack(column) for column in zip(*parts, strict=True)])
    return ops.stack(parts)


def _softmax(func, input, dim=None, *args, **kwargs):
    own = input._value
    dim = axis_of(input, -1 if dim is None else dim)
    if dim == 0:
        raise RuntimeError(
            hinted(f"{func.__name__}(): not supported for NestedTensor on dim=0", INSTEAD)
        )
    if dim != own.axis:
        return input._like(func(own.inner, dim - 1, *args, **kwargs))
    input = input.contiguous()
    parts = [func(part, dim - 1, *args, **kwargs) for part in input.parts()]
    return input._like(ops.cat(parts, dim - 1))


def _normalized(func, input, normalized_shape, *args, **kwargs):
    own = input._value
    if len(normalized_shape) > len(own.inner.shape) - own.axis:
        raise ValueError(hinted(
            f"{func.__name__}(): Normalization over the ragged dim not supported for nested "
            "tensors",
            INSTEAD,
        ))  # fmt: skip
    return input._like(func(own.inner, normalized_shape, *args, **kwargs))


# --- products ------------------------------------------------------------------------------------


def _linear(func, input, weight, bias=None):
    if not isinstance(input, JaggedTensor) or input._value.axis == input.dim() - 1:
        raise RuntimeError(hinted(
            "linear(): not supported for NestedTensor on ragged dim", INSTEAD,
        ))  # fmt: skip
    made = func(input._value.inner, weight, bias)
    return input._like(named(made, "LinearBackward0"))


def _matmul(func, input, other):
    if isinstance(input, JaggedTensor) and not isinstance(other, JaggedTensor):
        own = input._value
        if other.dim() == 2 and own.axis < input.dim() - 1:
            return input._like(ops.matmul(own.inner, other))
        if other.dim() == 3 and input.dim() == 3 and own.axis == 1:
            input = input.contiguous()
            parts = [a @ b for a, b in zip(input.parts(), other.unbind(0), strict=True)]
            return input._like(ops.cat(parts))
    shapes = f"{tuple(input._value.shape)} and {other.shape}"
    raise RuntimeError(
        hinted(f"matmul(): not supported between inputs of shapes {shapes}", INSTEAD)
    )


def attended(func, kind, tensors, args, options):
    """What each row of a query makes of the same row of key and value."""
    if not all(isinstance(t, kind) for t in tensors):
        raise RuntimeError(hinted(
            "scaled_dot_product_attention: query, key and value must be nested.",
            "make all of them nested tensors of one layout.",
        ))  # fmt: skip
    rows = zip(*[t.parts() for t in tensors], strict=True)
    return [func(*row, None, *args, **options) for row in rows]


def _attention(func, query, key, value, attn_mask=None, *args, **options):
    if attn_mask is not None:
        raise ValueError(hinted(
            "Masks are not yet supported!",
            "the rows are attended to each by itself, so no mask of padding is needed.",
        ))  # fmt: skip
    made = attended(func, JaggedTensor, (query, key, value), args, options)
    axis = query._value.axis
    if query._value.lengths is not None:
        return joined(made, axis)
    return query._like(ops.cat(made, axis - 1))


def _embedding(func, input, weight, *args, **kwargs):
    return input._like(func(input._value.inner, weight, *args, **kwargs))


# --- views ---------------------------------------------------------------------------------------


def _transpose(func, input, dim0, dim1):
    a, b = axis_of(input, dim0), axis_of(input, dim1)
    if 0 in (a, b) and a != b:
        raise ValueError("Transpose is not supported on the batch dimension for jagged NT")
    axis = {a: b, b: a}.get(input._value.axis, input._value.axis)
    return input if a == b else input._like(input._value.inner.transpose(a - 1, b - 1), axis)


def _permute(func, input, *dims):
    order = [axis_of(input, d) for d in sequence(dims)]
    if sorted(order) != list(range(input.dim())) or order[0]:
        raise ValueError("Permute is not supported on the batch dimension for jagged NT")
    inner = input._value.inner.permute([d - 1 for d in order[1:]])
    return input._like(inner, order.index(input._value.axis))


def _unsqueeze(func, input, dim):
    inner = _beside("unsqueeze", input, dim, 1)
    axis = input._value.axis
    return input._like(input._value.inner.unsqueeze(inner), axis + (inner + 1 <= axis))


def _squeeze(func, input, dim=None):
    if dim is None:
        raise RuntimeError("squeeze(): For nested tensors, squeeze without the dim argument is "
                           "not supported at the moment.")  # fmt: skip
    inner, axis = _beside("squeeze", input, dim), input._value.axis
    made = input._value.inner.squeeze(inner)
    return input._like(made, axis - (inner + 1 < axis and made.dim() < input.dim() - 1))


def _select(func, input, dim, index):
    if axis_of(input, dim) == 0:
        return input.parts()[index]
    inner, axis = _beside("select", input, dim), input._value.axis
    return input._like(input._value.inner.select(inner, index), axis - (inner + 1 < axis))


def _getitem(func, input, index):
    items = index if isinstance(index, tuple) else (index,)
    if items[0].__class__ is int:
        if not -len(input) <= items[0] < len(input):
            raise IndexError(
                f"index {items[0]} is out of bounds for dimension 0 with size {len(input)}"
            )
        part = input.parts()[items[0]]
        return part[items[1:]] if items[1:] else part
    if items == (Ellipsis,):
        return input
    if items[0] is Ellipsis and len(items) <= input.dim() - input._value.axis:
        return input._like(input._value.inner[items])
    raise RuntimeError(hinted("slice(): not supported for NestedTensor on dim=0", INSTEAD))


def _chunk(func, input, chunks, dim=0):
    if axis_of(input, dim) == 0:
        parts, size = input.parts(), -(-len(input) // chunks)
        axis = input._value.axis
        return tuple([joined(parts[i : i + size], axis) for i in range(0, len(parts), size)])
    inner = _beside("chunk", input, dim)
    return tuple([input._like(part) for part in input._value.inner.chunk(chunks, inner)])


def _split(func, input, split_size, dim=0):
    inner = _beside("split", input, dim)
    return tuple([input._like(part) for part in input._value.inner.split(split_size, inner)])


def _cat(func, tensors, dim=0):
    model = next(t for t in tensors if isinstance(t, JaggedTensor))
    inner = _beside("cat", model, dim)
    return model._like(ops.cat([_beside_values(func, model, t) for t in tensors], inner))


def _stack(func, tensors, dim=0):
    model = next(t for t in tensors if isinstance(t, JaggedTensor))
    inner, axis = _beside("stack", model, dim, 1), model._value.axis
    made = ops.stack([_beside_values(func, model, t) for t in tensors], inner)
    return model._like(made, axis + (inner + 1 <= axis))


def _narrow(func, input, dim, start, length):
    return input._like(input._value.inner.narrow(_beside("narrow", input, dim), start, length))


def _view(func, input, *shape, **words):
    shape = sequence(shape or tuple(words.values()))
    own = input._value
    known, axis = own.shape, own.axis
    begins = len(shape) > axis and tuple(shape[:1]) in ((known[0],), (-1,))
    begins = begins and tuple(shape[1:axis]) == tuple(known[1:axis])
    ragged = begins and shape[axis] in (known[axis], -1)
    rest = shape[axis + 1 :]
    if ragged and (-1 in rest or math.prod(rest) == math.prod(known[axis + 1 :])):
        lead = tuple(own.inner.shape[:axis])
        return input._like(own.inner.reshape((*lead, *rest)))
    raise RuntimeError(hinted(
        f"view(): cannot view shape {tuple(known)} as {list(shape)}",
        "the axis of the rows and the ragged one (-1) stay where they are.",
    ))  # fmt: skip


def _unflatten(func, input, dim, sizes):
    inner, axis = _beside("unflatten", input, dim), input._value.axis
    made = input._value.inner.unflatten(inner, sizes)
    return input._like(made, axis + (made.dim() - input.dim() + 1 if inner + 1 < axis else 0))


def _flatten(func, input, start_dim=0, end_dim=-1):
    first, last, axis = axis_of(input, start_dim), axis_of(input, end_dim), input._value.axis
    if not first or first <= axis <= last and first != last:
        raise RuntimeError(
            hinted("flatten(): not supported for NestedTensor on ragged dim", INSTEAD)
        )
    made = input._value.inner.flatten(first - 1, last - 1)
    return input._like(made, axis - (last - first if last < axis else 0))


def _expand(func, input, *shape):
    shape, own = sequence(shape), input._value
    if len(shape) != input.dim() or shape[0] not in (-1, len(input)):
        raise RuntimeError(hinted("expand(): not supported for NestedTensor on dim=0", INSTEAD))
    inner = [-1 if n.__class__ is SymInt else n for n in shape[1:]]
    return input._like(own.inner.expand(inner))


def _filled_like(func, input, *args, **options):
    options.pop("memory_format", None)
    return input._like(func(input._value.inner, *args, **options))


def handlers(*, elementwise, inplace, of_values, matmul, cat, view, transpose, select, getitem):
    """name of a function -> its handler, for those that both layouts have."""
    names = {
        elementwise: (*UNARY, *BINARY, *ACTIVATIONS), inplace: INPLACE, of_values: CONVERTED,
        of_self: OF_SELF, matmul: ("matmul", "__matmul__", "bmm"), cat: JOINED_NAMES,
        view: ("view", "reshape", "view_or_type"), select: ("select", "select_axis"),
        transpose: ("transpose", "swapaxes", "swapdims"), getitem: ("__getitem__", "getitem"),
    }  # fmt: skip
    return {name: handler for handler, those in names.items() for name in those}


_LIKE = "zeros_like ones_like empty_like full_like rand_like randn_like randint_like".split()
_REDUCTIONS = "sum mean amax amin max min prod any all argmax argmin var std nansum".split()

HANDLERS = handlers(
    elementwise=_elementwise, inplace=_inplace, of_values=_of_values, matmul=_matmul, cat=_cat,
    view=_view, transpose=_transpose, select=_select, getitem=_getitem,
)  # fmt: skip
HANDLERS |= dict.fromkeys(_LIKE, _filled_like)
HANDLERS |= dict.fromkeys(_REDUCTIONS, _reduction)
HANDLERS |= dict.fromkeys(("softmax", "log_softmax", "softmin"), _softmax)
HANDLERS |= dict.fromkeys(("layer_norm", "rms_norm"), _normalized)
HANDLERS |= {
    "linear": _linear, "scaled_dot_product_attention": _attention, "embedding": _embedding,
    "permute": _permute, "unsqueeze": _unsqueeze, "squeeze": _squeeze, "chunk": _chunk,
    "split": _split, "unflatten": _unflatten, "flatten": _flatten, "expand": _expand,
    "stack": _stack, "narrow": _narrow,
}  # fmt: skip
