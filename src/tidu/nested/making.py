"""torch.nested: nested tensors from lists, from values with offsets, from parts of a tensor."""

from .. import ops
from ..base.constants import jagged, strided
from ..base.devices import require_cpu
from ..base.dtypes import int64
from ..base.errors import hinted
from ..base.frames import warn_once
from ..frontend.tensor import Tensor
from ..ops.convert import named
from . import blocks, rows
from .tensor import JaggedTensor, NestedTensor, StridedNested, joined

__all__ = ["_nested_tensor_from_mask", "_nested_tensor_from_mask_left_aligned", "as_nested_tensor",
           "masked_select", "narrow", "nested_tensor", "nested_tensor_from_jagged",
           "nested_tensor_from_padded", "to_padded_tensor"]  # fmt: skip

JaggedTensor.handlers, StridedNested.handlers = rows.HANDLERS, blocks.HANDLERS


_PROTOTYPE = (
    "The PyTorch API of nested tensors is in prototype stage and will change in the near future. "
    "We recommend specifying layout=torch.jagged when constructing a nested tensor, as this layout "
    "receives active development, has better operator coverage, and works with torch.compile."
)


def nested_tensor(tensor_list, *, dtype=None, layout=None, device=None, requires_grad=False,
                  pin_memory=False):  # fmt: skip
    """A nested tensor with a copy of the tensors (or nested lists) in a list: a leaf.

    `layout`: torch.strided (the default), where each may have a shape of its own, or
    torch.jagged, where they differ along one axis and most functions are there. RuntimeError for
    tensors that do not fit, TypeError for what is no list.

    >>> import tidu as torch
    >>> x = torch.nested.nested_tensor([torch.ones(2, 3), torch.zeros(1, 3)], layout=torch.jagged)
    >>> x.offsets(), x.mean(1)
    (tensor([0, 2, 3]), tensor([[1., 1., 1.],
            [0., 0., 0.]]))
    """
    require_cpu(device)
    if layout is jagged and isinstance(tensor_list, Tensor) and not tensor_list.is_nested:
        tensor_list = list(tensor_list.detach().unbind(0))
    if not isinstance(tensor_list, (list, tuple)):
        raise TypeError(
            "Only lists (List[Tensor] and List[List...[Scalar]]) are accepted in nested_tensor"
        )
    parts = [part.detach() if isinstance(part, Tensor) else ops.as_tensor(part)
             for part in tensor_list]  # fmt: skip
    made = _of_list(parts, dtype, layout).detach().clone()
    return made.requires_grad_() if requires_grad else made


def as_nested_tensor(ts, dtype=None, device=None, layout=None):
    """A nested tensor of the tensors in a list, or of the rows of a tensor; gradients go back.

    A nested tensor is given back as it is, if `layout` names its own; RuntimeError otherwise.

    >>> import tidu as torch
    >>> a, b = torch.ones(1, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> torch.nested.as_nested_tensor([a, b]).to_padded_tensor(0).sum().backward()
    >>> b.grad
    tensor([1., 1.])
    """
    require_cpu(device)
    if isinstance(ts, NestedTensor):
        if layout is not ts.layout:
            raise RuntimeError(
                "as_nested_tensor(): Converting between nested tensor layouts is not supported"
            )
        return ts if dtype is None else ts.to(dtype)
    if isinstance(ts, Tensor):
        ts = list(ts.unbind(0))
    if not isinstance(ts, (list, tuple)) or not all(isinstance(t, Tensor) for t in ts):
        raise TypeError(
            "as_nested_tensor(): Expected first argument to be a tensor or a list / tuple of "
            "tensors "
        )
    made = _of_list(list(ts), dtype, layout)
    if made.grad_fn is None:
        return made
    name = "NestedViewFromJagged" if layout is jagged else "NestedTensorFromTensorList"
    return made._like(named(made.values(), name + "Backward0"))


def _of_list(parts, dtype, layout):
    if layout is jagged:
        return _jagged(parts, dtype)
    if layout not in (None, strided):
        raise RuntimeError(f"Specified layout is unsupported for nested tensors: {layout}")
    warn_once(_PROTOTYPE)
    for i, part in enumerate(parts):
        if part.dim() != parts[0].dim():
            raise RuntimeError(
                "All Tensors given to nested_tensor must have the same dimension. Found dimension "
                f"{part.dim()} for Tensor at index {i} and dimension {parts[0].dim()} for Tensor "
                "at index 0."
            )
    if parts and dtype is None:
        dtype = parts[0].dtype
    return StridedNested.of_parts([part.to(dtype) for part in parts], dtype)


def _jagged(parts, dtype):
    if not parts:
        raise RuntimeError("Cannot construct a nested tensor from an empty tensor list")
    for what in ("dtype", "dim"):
        found = {part.dtype if what == "dtype" else part.dim() for part in parts}
        if len(found) > 1:
            raise RuntimeError(
                "When constructing a nested tensor, all tensors in list must have the same " + what
            )
    if not parts[0].dim():
        raise RuntimeError("Cannot construct a nested tensor from a list of zero-dim tensors")
    shapes = [tuple(part.shape) for part in parts]
    apart = [axis for axis, lengths in enumerate(zip(*shapes, strict=True))
             if len(set(lengths)) > 1]  # fmt: skip
    if len(apart) > 1:
        raise RuntimeError(hinted(
            "Cannot represent given tensor list as a nested tensor with the jagged layout. Note "
            "that the jagged layout only allows for a single ragged dimension. For example: "
            "(B, *, D_0, D_1, ..., D_N), with ragged * dim.",
            "the layout torch.strided takes them.",
        ))  # fmt: skip
    parts = parts if dtype is None else [part.to(dtype) for part in parts]
    return joined(parts, apart[0] + 1 if apart else 1)


def nested_tensor_from_jagged(values, offsets=None, lengths=None, jagged_dim=None,
                              min_seqlen=None, max_seqlen=None):  # fmt: skip
    """A nested tensor of the layout jagged on `values`, in which row i begins at offsets[i].

    Without `lengths` each row ends where the next one begins. RuntimeError where neither is
    given, ValueError for a `jagged_dim` below 1. Gradients go back to the values.

    >>> import tidu as torch
    >>> x = torch.nested.nested_tensor_from_jagged(torch.arange(5.), torch.tensor([0, 2, 5]))
    >>> x.unbind()
    (tensor([0., 1.]), tensor([2., 3., 4.]))
    """
    if not isinstance(values, Tensor) or isinstance(values, NestedTensor):
        raise ValueError("nested_tensor_from_jagged(): expected values to be a tensor")
    if offsets is None:
        if lengths is None:
            raise RuntimeError(
                "nested_tensor_from_jagged(): At least one of offsets or lengths is required."
            )
        offsets = ops.cat([ops.zeros(1, dtype=lengths.dtype), lengths.cumsum(0)])
        lengths = None
    for name, part in (("offsets", offsets), ("lengths", lengths)):
        if part is not None and not isinstance(part, Tensor):
            raise TypeError(
                f"_nested_view_from_jagged(): argument '{name}' (position 2) must be Tensor, not "
                f"{type(part).__name__}"
            )
    axis = 1 if jagged_dim is None else jagged_dim
    if axis < 1:
        raise ValueError(f"Expected jagged_dim >=1, but got {axis}.")
    _check_offsets(values, offsets, lengths, axis)
    if values.requires_grad:
        values = named(values.view_as(values), "NestedViewFromJaggedBackward0")
    return JaggedTensor.made(values, offsets, lengths, axis)


def _check_offsets(values, offsets, lengths, axis):
    starts, whole = offsets.numpy(), values.shape[axis - 1]
    ends = starts[1:] if lengths is None else starts[: len(lengths)] + lengths.numpy()
    starts = starts[: len(ends)]
    if (starts < 0).any() or (ends > whole).any() or (starts > ends).any():
        raise RuntimeError(hinted(
            f"nested_tensor_from_jagged(): the rows do not lie within the {whole} values.",
            "offsets begin with 0, grow, and end with the number of values.",
        ))  # fmt: skip


def narrow(tensor, dim, start, length, layout=strided):
    """A nested tensor of parts of the rows of a tensor: row i from start[i], length[i] long.

    In the layout strided `start` and `length` are ints. RuntimeError for other axes than 1 in the
    layout jagged, in which the result looks into the tensor.

    >>> import tidu as torch
    >>> x = torch.arange(8.).reshape(2, 4)
    >>> torch.nested.narrow(x, 1, torch.tensor([0, 2]), torch.tensor([3, 1]), torch.jagged).unbind()
    (tensor([0., 1., 2.]), tensor([6.]))
    """
    if layout is strided:
        if not (isinstance(start, int) and isinstance(length, int)):
            raise RuntimeError("start and length must be integers for the strided layout NT impl")
        if dim:
            raise RuntimeError(hinted(
                f"narrow(): only dim=0 supported for nested tensors, but got: {dim}",
                "the layout torch.jagged narrows the rows.",
            ))  # fmt: skip
        return as_nested_tensor(list(tensor.narrow(0, start, length).unbind(0)))
    if layout is not jagged:
        raise RuntimeError(f"Specified layout is unsupported for nested narrow: {layout}")
    if dim != 1:
        raise RuntimeError("jagged layout only supports dim=1")
    count, wide = tensor.shape[:2]
    try:
        start, length = (ops.broadcast_to(ops.as_tensor(part), (count,)).to(int64)
                         for part in (start, length))  # fmt: skip
    except RuntimeError:
        raise RuntimeError(
            "When constructing a jagged nested tensor using narrow(), your start and length must "
            "be Tensors that broadcast to input.shape[0]"
        ) from None
    if (start < 0).any() or (start + length > wide).any():
        raise RuntimeError(hinted(
            "narrow(): start and length must lie within the rows.", f"each row is {wide} long.",
        ))  # fmt: skip
    begins = start + ops.arange(count) * wide
    offsets = ops.cat([begins, begins[-1:] + length[-1:]])
    return JaggedTensor.made(tensor.flatten(0, 1), offsets, length.contiguous())


def nested_tensor_from_padded(tensor, lengths):
    """A nested tensor, strided, of the beginnings of the rows of a tensor."""
    parts = [row[:n] for row, n in zip(tensor.unbind(0), lengths.tolist(), strict=True)]
    return StridedNested.of_parts(parts, tensor.dtype)


def _nested_tensor_from_mask(t, mask, mask_check=True):
    """A nested tensor of the rows of `t` as far as `mask` holds, from their beginning.

    RuntimeError where the mask has gaps.
    """
    if mask_check and not _nested_tensor_from_mask_left_aligned(t, mask):
        raise RuntimeError(hinted(
            "Mask must be left-aligned without gaps", "what is padded stands behind each row.",
        ))  # fmt: skip
    return nested_tensor_from_padded(t, mask.sum(1))


def _nested_tensor_from_mask_left_aligned(t, mask):
    """Whether the mask holds at the beginning of each row and nowhere behind."""
    lengths = mask.sum(1, keepdim=True)
    return ops.equal(mask.bool(), ops.arange(mask.shape[1]) < lengths)


def masked_select(tensor, mask):
    """The elements of each row of a matrix where the mask holds, as a jagged nested tensor.

    >>> import tidu as torch
    >>> x = torch.arange(6).reshape(2, 3)
    >>> torch.nested.masked_select(x, x > 1).unbind()
    (tensor([2]), tensor([3, 4, 5]))
    """
    if tensor.layout is not strided or tensor.is_nested:
        raise RuntimeError(
            f"torch.nested.masked_select requires a strided tensor, given {tensor.layout}"
        )
    lengths = ops.broadcast_to(mask, tensor.shape).sum(tensor.dim() - 1)
    if lengths.dim() > 1:
        raise RuntimeError("masked_select only support 2-D selections currently")
    values = tensor.masked_select(mask)
    offsets = ops.cat([ops.zeros(1, dtype=int64), lengths.cumsum(0)])
    return JaggedTensor.made(values, offsets)


def to_padded_tensor(input, padding, output_size=None, out=None):
    """The ordinary tensor of a nested one, with `padding` behind each row."""
    if not isinstance(input, NestedTensor):
        raise NotImplementedError(hinted(
            "Could not run 'aten::to_padded_tensor' with arguments from the 'CPU' backend.",
            "it is for nested tensors: torch.nested.nested_tensor(list).",
        ))  # fmt: skip
    return input.to_padded_tensor(padding, output_size)


def jagged_again(values, offsets, lengths, axis, requires_grad):
    """What a pickle holds, again a tensor."""
    values = values.requires_grad_() if requires_grad else values
    return JaggedTensor.made(values, offsets, lengths, axis)


def strided_again(flat, sizes, requires_grad):
    """What a pickle holds, again a tensor."""
    return StridedNested.made(flat.requires_grad_() if requires_grad else flat, sizes)
