"""Looking rows up by number: embeddings, bags of embeddings, and the bilinear form."""

from ... import ops
from ...autograd import Function, is_grad_enabled, no_grad
from ...base.dtypes import int32, int64
from ...base.errors import hinted
from ...core.modes import LOCAL
from ...core.retries import asked
from ...frontend.tensor import Tensor
from ...ops.convert import named, require_tensor, scalar_name
from ...ops.flags import require_bool
from ...sparse.tensor import SparseTensor
from ...transforms.trace import Traced

__all__ = ["bilinear", "embedding", "embedding_bag"]


def renormalize(weight, input, max_norm, norm_type):
    """Scale the rows in use down to `max_norm`, in place."""
    with no_grad():
        rows = ops.unique(input.detach())
        taken = weight.detach()[rows]
        norms = ops.vector_norm(taken, norm_type, -1, True)
        scale = ops.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
        weight.index_copy_(0, rows, taken * scale)


def _row_of_padding(padding_idx, weight):
    if padding_idx is None:
        return -1
    rows = weight.size(0)
    if padding_idx >= rows or padding_idx < -rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


@asked
def embedding(
    input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
    sparse=False,
):  # fmt: skip
    """The rows of ``weight`` whose numbers stand in ``input``.

    Row ``padding_idx`` gets no gradient; rows longer than ``max_norm`` are shortened in place.

    >>> import tidu as torch
    >>> torch.nn.functional.embedding(torch.tensor([1]), torch.tensor([[1.0], [2.0]]))
    tensor([[2.]])
    """
    require_bool("embedding", 4, scale_grad_by_freq=scale_grad_by_freq)
    require_bool("embedding", 5, sparse=sparse)
    padding = _row_of_padding(padding_idx, weight)
    require_tensor("embedding", input, "indices", 2)
    if max_norm is not None:
        renormalize(weight, input, max_norm, norm_type)
    if sparse and weight.is_leaf and weight.requires_grad and is_grad_enabled():
        if weight._value.dtype is not None and isinstance(input, Tensor):
            rows = Embedding.apply(weight, input, padding, scale_grad_by_freq)
            return named(rows, "EmbeddingBackward0")
        if weight._value.__class__ is Traced and LOCAL.tracer is weight._value.level:
            LOCAL.tracer.refuse("it makes sparse gradients")
    padding_idx = None if padding < 0 else padding
    if not scale_grad_by_freq:
        return ops.embedding(input, weight, padding_idx)
    rows = ops.embedding(input, _shared_gradient(weight, input), padding_idx)
    return named(rows, "EmbeddingBackward0", weight, indices=input, padding_idx=padding,
                 scale_grad_by_freq=True, sparse=sparse)  # fmt: skip


class Embedding(Function):
    """The rows of a leaf, whose gradient is a sparse tensor: one entry for each row that was used.

    Inside transforms and for tables that were computed, gradients are dense.
    """

    @staticmethod
    def forward(ctx, weight, input, padding, shared):
        ctx.save_for_backward(input)
        ctx.shape, ctx.padding, ctx.shared = weight.shape, padding, shared
        return ops.embedding(input, weight)

    @staticmethod
    def backward(ctx, g):
        (input,) = ctx.saved_tensors
        rows = input.detach().reshape(-1).to(int64)
        values = g.reshape(-1, ctx.shape[1])
        if ctx.padding >= 0:
            kept = rows != ctx.padding
            rows, values = rows[kept], values[kept]
        if ctx.shared:
            values = values / ops.bincount(rows)[rows].unsqueeze(1)
        return SparseTensor(rows.unsqueeze(0), values, ctx.shape), None, None, None


def _shared_gradient(weight, input):
    """`weight`, its gradient divided by how often each row is used."""
    counts = ops.bincount(input.detach().reshape(-1).to(int64), minlength=weight.size(0))
    share = 1.0 / ops.clamp(counts, min=1).to(weight.dtype).unsqueeze(1)
    scaled = weight * share
    return scaled + (weight - scaled).detach()


@asked
def embedding_bag(
    input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode="mean",
    sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """The sum, mean or maximum of the rows of each bag.

    Bags are the rows of a 2-D ``input``, or parts of a 1-D input that begin at ``offsets``.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and (scale_grad_by_freq or sparse):
        what = "scaling the gradient by the frequency" if scale_grad_by_freq else "sparse weights"
        raise ValueError(
            hinted(f"max mode does not support {what}", "use mode='sum' or mode='mean'.")
        )
    bags, numbers, count, factors = bags_of(input, offsets, include_last_offset, per_sample_weights)
    _check_table(weight, numbers, factors, padding_idx)
    if factors is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    if padding_idx is not None:
        kept = numbers != _row_of_padding(padding_idx, weight)
        bags, numbers = bags[kept], numbers[kept]
        factors = None if factors is None else factors[kept]
    rows = embedding(numbers, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    zeros = ops.zeros(count, weight.size(1), dtype=weight.dtype)
    if mode == "max":
        return named(
            _largest(rows, bags.tolist(), count, zeros),
            "EmbeddingBagBackward0",
            weight,
            per_sample_weights,
        )
    total = zeros.index_add(0, bags, rows)
    if mode == "mean":
        members = ops.bincount(bags, minlength=count)
        total = total / ops.clamp(members, min=1).to(weight.dtype).unsqueeze(1)
    return named(total, "EmbeddingBagBackward0", weight, per_sample_weights)


def _check_table(weight, numbers, factors, padding_idx):
    """What a table and the numbers of its rows must be."""
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )
    if weight.dtype.category != 2:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: "
            f"Half, BFloat16, Float, Double; but got torch.{scalar_name(weight.dtype)}Tensor "
            "instead (while checking arguments for embedding_bag)"
        )
    if factors is not None and factors.dtype is not weight.dtype:
        kinds = [f"torch.{scalar_name(t.dtype)}Tensor" for t in (weight, factors)]
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument "
            f"#1 'per_sample_weights'; but type {kinds[0]} does not equal {kinds[1]} (while "
            "checking arguments for embedding_bag)"
        )
    rows = weight.size(0)
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but "
            f"got {padding_idx}"
        )
    values = numbers._value
    if values.dtype is not None and values.size:
        bad = (values < 0) | (values >= rows)
        if bad.any():
            place = int(bad.argmax())
            raise RuntimeError(
                f"Index {place} of input takes value {int(values[place])} which is not in the "
                f"valid range [0, {rows})"
            )


def _largest(rows, bags, count, zeros):
    """The maximum over the rows of each bag; 0 for an empty bag."""
    members = [[] for _ in range(count)]
    for row, bag in enumerate(bags):
        members[bag].append(row)
    longest = max(map(len, members), default=0)
    if not longest:
        return zeros
    # Shorter bags repeat their first row, which changes no maximum.
    index = [bag + [bag[0] if bag else 0] * (longest - len(bag)) for bag in members]
    filled = ops.tensor([bool(bag) for bag in members]).unsqueeze(1)
    return ops.where(filled, rows[ops.tensor(index)].amax(1), zeros)


def bags_of(input, offsets, include_last_offset, factors):
    """(bag of each number, the numbers, how many bags, factors), all flat."""
    if factors is not None and factors.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({factors.shape}) is not None, then it must "
            f"have the same shape as the input ({input.shape})"
        )
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        count, length = input.shape
        bags = ops.arange(count).repeat_interleave(length)
        return bags, input.reshape(-1), count, None if factors is None else factors.reshape(-1)
    if input.dim() != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    for numbers in (input, offsets):
        if numbers.dtype not in (int32, int64):
            raise RuntimeError(
                "Expected tensor for argument #1 'indices' to have one of the following scalar "
                f"types: Long, Int; but got torch.{scalar_name(numbers.dtype)}Tensor instead "
                "(while checking arguments for embedding_bag)"
            )
    if include_last_offset:
        _check_last_offset(offsets, input.size(0))
        offsets = offsets[:-1]
    _check_offsets(offsets, input.size(0))
    if not offsets.numel():  # no bags: nothing is looked up
        return offsets, input[:0], 0, None if factors is None else factors[:0]
    places = ops.arange(input.size(0), dtype=offsets.dtype)
    bags = ops.searchsorted(offsets, places, right=True) - 1
    return bags, input, offsets.size(0), factors


def _check_last_offset(offsets, length):
    if offsets._value.dtype is None:
        return
    if not offsets.numel():
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if offsets[-1].item() != length:
        raise RuntimeError(
            "Your input appears to be incorrect: the last offset value should be the size of the "
            "indices tensor, but it seems not to be the case."
        )


def _check_offsets(offsets, length):
    if offsets._value.dtype is None or not offsets.numel():
        return
    first, last = offsets[0].item(), offsets[-1].item()
    if first != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {first}"
        )
    if last > length:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {length} but got offsets[-1] of "
            f"{last}"
        )


@asked
def bilinear(input1, input2, weight, bias=None):
    """x1ᵀ A_k x2 (+ b_k) for each matrix A_k of ``weight`` (out, in1, in2)."""
    for i, x in ((1, input1), (2, input2)):
        if x.size(-1) != weight.size(i):
            raise RuntimeError(
                hinted(
                    f"bilinear(): input{i} size does not match weight size: got {x.size(-1)} but "
                    f"expected {weight.size(i)}",
                    "the last dimensions of the inputs are in1_features and in2_features.",
                )
            )
    if input1.shape[:-1] != input2.shape[:-1]:
        pairs = zip(input1.shape, input2.shape, strict=False)
        axis, (m, n) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match at dim {axis}: got {m} and {n}"
        )
    result = ops.einsum("...i,kij,...j->...k", input1, weight, input2)
    named(result, "ViewBackward0", ("Trilinear", ("View", input1), weight, ("View", input2)))
    return result if bias is None else result + bias
