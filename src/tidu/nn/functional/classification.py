"""Losses over classes: cross entropy, negative log likelihood, margins."""

from ... import ops
from ...dtypes import int64, uint8
from ...errors import hinted
from ...ops.convert import named, scalar_name
from .loss import binary_cross_entropy_with_logits
from .reduction import reduced, reduction_of

__all__ = [
    "cross_entropy", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "nll_loss",
]  # fmt: skip


def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
    reduction="mean", label_smoothing=0.0,
):  # fmt: skip
    """Softmax and negative log likelihood in one.

    ``input`` (N, C, ...) holds unnormalised scores; ``target`` is class numbers (N, ...) or
    probabilities of the input's shape.

    >>> import tidu as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    if label_smoothing < 0.0 or label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    dim = 1 if input.dim() > 1 else 0
    if target.shape == input.shape and target.is_floating_point():
        return _with_probabilities(input, target, weight, reduction, label_smoothing, dim)
    logarithms = ops.log_softmax(input, dim)
    if label_smoothing == 0.0:
        return nll_loss(logarithms, target, weight, ignore_index=ignore_index, reduction=reduction)
    return _smoothed(logarithms, target, weight, ignore_index, reduction, label_smoothing, dim)


def _along(weight, ndim, dim):
    """Class weights shaped to multiply scores whose classes lie along `dim`."""
    shape = [1] * ndim
    shape[dim] = -1
    return weight.reshape(shape)


def _with_probabilities(input, target, weight, reduction, smoothing, dim):
    if smoothing > 0:
        target = target * (1 - smoothing) + smoothing / input.size(dim)
    scores = ops.log_softmax(input, dim)
    if weight is not None:
        scores = scores * _along(weight, input.dim(), dim)
    loss = -(scores * target).sum(dim)
    if reduction == "mean":
        cases = input.numel() // input.size(dim) if input.numel() else 0
        return loss.sum() / cases
    return reduced(loss, reduction)


def _smoothed(logarithms, target, weight, ignore_index, reduction, smoothing, dim):
    if weight is None:
        spread = -logarithms.sum(dim)
        factor = None
    else:
        spread = -(logarithms * _along(weight, logarithms.dim(), dim)).sum(dim)
        factor = weight
    loss = nll_loss(logarithms, target, weight, ignore_index=ignore_index, reduction=reduction)
    kept = target != ignore_index
    spread = ops.where(kept, spread, 0.0)
    if reduction == "mean":
        if factor is None:
            spread = spread.sum() / kept.sum()
        else:
            chosen = factor[ops.where(kept, target, 0)] * kept
            spread = spread.sum() / chosen.sum()
    else:
        spread = reduced(spread, reduction)
    return (1 - smoothing) * loss + smoothing / logarithms.size(dim) * spread


def nll_loss(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
):
    """-input[target]: the log-probability (N, C, ...) of the right class (N, ...)."""
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    _check_classes(input, target)
    _check_weight(weight, input.shape[1 if input.dim() > 1 else 0])
    loss = _picked_loss(input, target, weight, ignore_index, reduction)
    return named(loss, "NllLossBackward0" if input.dim() < 3 else "NllLoss2DBackward0")


def _picked_loss(input, target, weight, ignore_index, reduction):
    dim = 1 if input.dim() > 1 else 0
    kept = _kept(target, ignore_index, input.shape[dim])
    classes = target if kept is None else ops.where(kept, target, 0)
    loss = -_picked(input, classes, dim)
    if kept is not None:
        loss = ops.where(kept, loss, 0.0)
    if weight is None:
        if reduction != "mean" or kept is None:
            return reduced(loss, reduction)
        return loss.sum() / kept.sum()
    shares = weight[classes] if kept is None else weight[classes] * kept
    loss = loss * shares
    return loss.sum() / shares.sum() if reduction == "mean" else reduced(loss, reduction)


def _picked(input, classes, dim):
    """input[..., class, ...] for each case."""
    if len(input.shape) == 2:
        return input[ops.arange(input.shape[0]), classes]
    return input.gather(dim, classes.to(int64).unsqueeze(dim)).squeeze(dim)


def _kept(target, ignore_index, count):
    """Which targets count, or None for all of them; IndexError for a class that is none."""
    value = target._value
    if value.dtype is None:  # a batched or traced tensor: its numbers cannot be looked at
        return target != ignore_index
    if value.size == 0:
        return None
    low, high = value.min(), value.max()
    if low >= 0 and high < count and not low <= ignore_index <= high:
        return None
    kept = target != ignore_index
    wrong = value[(value != ignore_index) & ((value < 0) | (value >= count))]
    if wrong.size:
        raise IndexError(
            hinted(
                f"Target {wrong.flat[0]} is out of bounds.",
                f"with {count} classes, class numbers go from 0 to {count - 1}.",
            )
        )
    return kept


def _check_classes(input, target):
    size, wanted = input.shape, target.shape
    if len(size) > 1 and (not len(wanted) or size[0] != wanted[0]):
        raise ValueError(
            hinted(
                f"Expected input batch_size ({size[0]}) to match target batch_size "
                f"({wanted[0] if len(wanted) else 1}).",
                "scores are (batch, classes), targets one class number for each case: (batch,).",
            )
        )
    if len(size) == 2 and len(wanted) > 1:
        raise RuntimeError(
            hinted(
                "0D or 1D target tensor expected, multi-target not supported",
                "give class numbers of shape (batch,), for example target.squeeze(1) or "
                "target.argmax(1).",
            )
        )
    if target.dtype not in (int64, uint8):
        raise RuntimeError(
            hinted(
                f"expected target dtype to be Long or Byte, but got {_type_word(target)}",
                "class numbers are integers: target.long(); probabilities must have the "
                "scores' shape.",
            )
        )
    places = [size[0], *size[2:]]
    if len(size) > 2 and list(wanted) != places:
        raise RuntimeError(
            hinted(
                f"Expected target size {places}, got {list(wanted)}",
                "give one class number for each place: the scores' shape without dimension 1.",
            )
        )


def _check_weight(weight, count):
    if weight is not None and tuple(weight.shape) != (count,):
        raise RuntimeError(
            hinted(
                f"weight tensor should be defined either for all {count} classes or no classes but "
                f"got weight tensor of shape: {list(weight.shape)}",
                "give one weight for each class.",
            )
        )


def _type_word(tensor):
    return scalar_name(tensor.dtype)


def multi_margin_loss(
    input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Σ max(0, margin - x[target] + x[i])^p / C over the wrong classes i."""
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    scores = input if input.dim() > 1 else input.unsqueeze(0)
    classes = target.reshape(-1)
    if classes.size(0) != scores.size(0):
        raise RuntimeError(
            f"inconsistent target size, expected [{scores.size(0)}] but got {list(target.shape)}"
        )
    right = scores.gather(1, classes.unsqueeze(1))
    gaps = ops.clamp(margin - right + scores, min=0)
    gaps = gaps if p == 1 else gaps * gaps
    if weight is not None:
        gaps = gaps * weight[classes].unsqueeze(1)
    wrong = ops.arange(scores.size(1)).unsqueeze(0) != classes.unsqueeze(1)
    loss = ops.where(wrong, gaps, 0.0).sum(1) / scores.size(1)
    return reduced(loss if input.dim() > 1 else loss[0], reduction)


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Hinge between each right and each wrong class; targets end at the first -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    scores = input if input.dim() > 1 else input.unsqueeze(0)
    labels = target if target.dim() > 1 else target.unsqueeze(0)
    if scores.shape != labels.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    valid = (labels < 0).to(int64).cumsum(1) == 0
    places = ops.where(valid, labels, 0)
    is_right = ops.zeros_like(labels).scatter_add_(1, places, valid.to(labels.dtype)) > 0
    right = scores.gather(1, places)
    gaps = ops.clamp(1 - (right.unsqueeze(2) - scores.unsqueeze(1)), min=0)
    counted = valid.unsqueeze(2) & ~is_right.unsqueeze(1)
    loss = ops.where(counted, gaps, 0.0).sum((1, 2)) / scores.size(1)
    return reduced(loss if input.dim() > 1 else loss[0], reduction)


def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """The mean over classes of the binary cross entropy of each."""
    reduction = reduction_of(size_average, reduce, reduction)
    loss = binary_cross_entropy_with_logits(input, target, reduction="none")
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input.size(-1), reduction)
