"""Losses over classes: cross entropy, negative log likelihood, margins."""

import math

from ... import ops
from ...base.dtypes import int64, uint8
from ...base.errors import hinted
from ...core.direct import array, directly, kept_out, memory, recorded, tracked
from ...core.handle import edge_of
from ...core.retries import asked
from ...ops.convert import held, named, require_tensor, scalar_name
from ...ops.direct import FLOATS, I64, recorded_rows
from ...ops.underived import refuse_tracked
from ...primitives import network as rows
from ...primitives.losses import nll
from .reduction import check_reduction, reduced, reduction_of

__all__ = [
    "cross_entropy", "linear_cross_entropy", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "nll_loss",
]  # fmt: skip


# What the fast path (`core/direct.py`) knows of the losses, of which those that record are asked
# where the others gave None. They give a tensor with its history.


def _cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
                   reduction="mean", label_smoothing=0.0):  # fmt: skip
    """Of rows of scores and a class for each."""
    x, classes = array(input), memory(target)
    if label_smoothing != 0.0 or not _are_classes(x, classes, weight, size_average, reduce):
        return None
    return _lost(rows.log_softmax.eval(x, axis=1), classes, ignore_index, reduction)


def _nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
              reduction="mean"):  # fmt: skip
    """The same of logarithms."""
    x, classes = array(input), memory(target)
    if not _are_classes(x, classes, weight, size_average, reduce):
        return None
    return _lost(x, classes, ignore_index, reduction)


def _recorded_cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100,
                            reduce=None, reduction="mean", label_smoothing=0.0):  # fmt: skip
    """Both where a gradient is wanted: a node for each of two steps, or of one."""
    x, classes = tracked(input), memory(target)
    if label_smoothing != 0.0 or not _are_classes(x, classes, weight, size_average, reduce):
        return None
    if kept_out(target):
        return None
    scores = recorded_rows(rows.log_softmax, "LogSoftmaxBackward0", input, 1, None)
    return _recorded_loss(scores, classes, ignore_index, reduction)


def _recorded_nll_loss(input, target, weight=None, size_average=None, ignore_index=-100,
                       reduce=None, reduction="mean"):  # fmt: skip
    x, classes = tracked(input), memory(target)
    if not _are_classes(x, classes, weight, size_average, reduce) or kept_out(target):
        return None
    return _recorded_loss(input, classes, ignore_index, reduction)


def _lost(scores, classes, ignore, reduction):
    if reduction not in _REDUCTIONS:
        return None
    return nll.eval(scores, classes, ignore=ignore, reduction=reduction)


def _recorded_loss(scores, classes, ignore, reduction):
    values = scores._value, classes
    out = _lost(*values, ignore, reduction)
    if out is None:
        return None
    params = {"ignore": ignore, "reduction": reduction}
    return recorded(nll, edge_of(scores), values, params, out)


_REDUCTIONS = ("mean", "sum", "none")


def _are_classes(x, classes, weight, size_average, reduce):
    """Whether these are rows of scores and a class for each, and the settings plain."""
    if x is None or x.dtype not in FLOATS or x.ndim != 2 or not x.size:
        return False
    if classes.dtype is not I64 or classes.shape != x.shape[:1]:
        return False
    return weight is None and size_average is None and reduce is None


@directly(_cross_entropy, recording=_recorded_cross_entropy)
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
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    require_tensor("cross_entropy_loss", target, "target", 2)
    dim = 1 if input.dim() > 1 else 0
    if target.shape == input.shape and input.dim():
        _check_probabilities(target, ignore_index)
        return _with_probabilities(input, target, weight, reduction, label_smoothing, dim)
    logarithms = ops.log_softmax(input, dim)
    if label_smoothing == 0.0:
        return nll_loss(logarithms, target, weight, ignore_index=ignore_index, reduction=reduction)
    return _smoothed(logarithms, target, weight, ignore_index, reduction, label_smoothing, dim)


def _check_probabilities(target, ignore_index):
    if not target.is_floating_point():
        raise RuntimeError(
            hinted(
                "Expected floating point type for target with class probabilities, got "
                f"{_type_word(target)}",
                "targets of the scores' shape are probabilities; class numbers are (batch, ...).",
            )
        )
    if ignore_index >= 0:
        raise RuntimeError(
            hinted(
                "ignore_index is not supported for floating point target",
                "set the rows to be ignored to zero probability.",
            )
        )


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
    check_reduction(reduction)
    products = scores * target
    if reduction == "none":
        return -products.sum(dim)
    total = -products.sum()
    if reduction == "sum":
        return total
    cases = input.numel() // input.size(dim) if input.numel() else 0
    return named(total / cases, "DivBackward1", other=cases)


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


@directly(_nll_loss, recording=_recorded_nll_loss, rewords=False)
@asked
def nll_loss(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
):
    """-input[target]: the log-probability (N, C, ...) of the right class (N, ...)."""
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    require_tensor("nll_loss_nd", target, "target", 2)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    _check_classes(input, target, weight)
    return ops.nll(input, target, weight, ignore_index, reduction)


def _check_classes(input, target, weight):
    size, wanted = input.shape, target.shape
    if len(size) > 1 and (not len(wanted) or size[0] != wanted[0]):
        raise ValueError(
            hinted(
                f"Expected input batch_size ({size[0]}) to match target batch_size "
                f"({wanted[0] if len(wanted) else 0}).",
                "scores are (batch, classes), targets one class number for each case: (batch,).",
            )
        )
    if not size:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if len(size) <= 2 and len(wanted) > 1:
        raise RuntimeError(
            hinted(
                "0D or 1D target tensor expected, multi-target not supported",
                "give class numbers of shape (batch,), for example target.squeeze(1) or "
                "target.argmax(1).",
            )
        )
    if target.dtype is not int64 and target.dtype is not uint8:
        raise RuntimeError(
            hinted(
                f"expected target dtype to be Long or Byte, but got {_type_word(target)}",
                "class numbers are integers: target.long(); probabilities must have the "
                "scores' shape.",
            )
        )
    if len(size) == 1 and wanted not in ((), (1,)):
        raise ValueError(
            f"For 1D input, 1D target must have size 1, but got target size: {wanted[0]}"
        )
    if len(size) > 2 and size[2:] != wanted[1:]:
        _refuse_places(size, wanted)
    if weight is not None:
        _check_weight(weight, input, target, size[len(size) > 1])


def _refuse_places(size, wanted):
    hint = "scores are (batch, classes, ...), targets (batch, ...) with the same last sizes."
    if len(size) == 4 and len(wanted) != 3:
        raise RuntimeError(
            hinted(
                "only batches of spatial targets supported (3D tensors) but got targets of "
                f"dimension: {len(wanted)}",
                hint,
            )
        )
    if len(size) == 4:
        message = f"size mismatch (got input: {list(size)} , target: {list(wanted)}"
        raise RuntimeError(hinted(message, hint))
    expected = [size[0], *size[2:]]
    raise RuntimeError(hinted(f"Expected target size {expected}, got {list(wanted)}", hint))


def _check_weight(weight, input, target, count):
    if weight.shape != (count,):
        raise RuntimeError(
            hinted(
                f"weight tensor should be defined either for all {count} classes or no classes "
                f"but got weight tensor of shape: {list(weight.shape)}",
                "give one weight for each class: a vector as long as the scores' class axis.",
            )
        )
    if weight.dtype is not input.dtype:
        raise RuntimeError(
            hinted(
                f"expected scalar type {_type_word(input)} but found {_type_word(weight)}",
                "weight.to(input.dtype) makes them equal.",
            )
        )
    refuse_tracked("nll_loss_forward", "weight", weight, (input, target, weight))


def _type_word(tensor):
    return scalar_name(tensor.dtype)


def _hinge(gaps):
    """What is positive; nothing else, NaN included, counts or gets a gradient."""
    return ops.where(gaps > 0, gaps, 0.0)


@asked
def multi_margin_loss(
    input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Σ max(0, margin - x[target] + x[i])^p / C over the wrong classes i."""
    reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    refuse_tracked("multi_margin_loss", "weight", weight)
    require_tensor("multi_margin_loss", target, "target", 2)
    scores = input if input.dim() > 1 else input.reshape(1, -1)
    _check_margin_targets(scores, target)
    classes = target.reshape(-1)
    right = scores.gather(1, classes.unsqueeze(1))
    gaps = _hinge(margin - right + scores)
    gaps = gaps if p == 1 else gaps * gaps
    if weight is not None:
        gaps = gaps * weight[classes].unsqueeze(1)
    wrong = ops.arange(scores.size(1)).unsqueeze(0) != classes.unsqueeze(1)
    loss = ops.where(wrong, gaps, 0.0).sum(1) / scores.size(1)
    loss = reduced(loss if input.dim() > 1 else loss[0], reduction)
    return named(loss, "MultiMarginLossBackward0", input, target=held(target, []), p=p,
                 margin=margin, weight=weight, reduction=reduction)  # fmt: skip


def _check_margin_targets(scores, target):
    if target.dim() > 1 or target.numel() != scores.size(0):
        raise RuntimeError(
            hinted(
                "multi_margin_loss: target tensor should be 1-D with size equal to the number of "
                f"input samples (batch size). Expected target size [{scores.size(0)}], but got "
                f"{list(target.shape)}. Input has shape {list(scores.shape)}.",
                "give one class number for each row of scores.",
            )
        )
    _require_long(target)
    if target._value.dtype is not None and target.numel():
        if target.min().item() < 0 or target.max().item() >= scores.size(1):
            raise RuntimeError(
                hinted("target out of range", f"classes are 0 to {scores.size(1) - 1}.")
            )


def _require_long(target):
    if target.dtype is not int64:
        raise RuntimeError(
            hinted(
                f"expected scalar type Long but found {_type_word(target)}",
                "class numbers are integers: target.long().",
            )
        )


@asked
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Hinge between each right and each wrong class; targets end at the first -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    check_reduction(reduction)
    if input.dim() > 2 or not math.prod(input.shape[1:] if input.dim() > 1 else input.shape):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    require_tensor("multilabel_margin_loss", target, "target", 2)
    scores = input if input.dim() > 1 else input.reshape(1, -1)
    labels = target if target.dim() > 1 else target.reshape(1, -1)
    if scores.shape != labels.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    _require_long(target)
    if not input.is_floating_point():
        raise NotImplementedError(
            hinted(
                '"multilabel_margin_loss_forward_out_frame" not implemented for '
                f"'{_type_word(input)}'",
                "convert the scores first: input.float().",
            )
        )
    valid = (labels < 0).to(int64).cumsum(1) == 0
    places = ops.where(valid, labels, 0)
    is_right = ops.zeros_like(labels).scatter_add_(1, places, valid.to(labels.dtype)) > 0
    right = scores.gather(1, places)
    gaps = _hinge(1 - (right.unsqueeze(2) - scores.unsqueeze(1)))
    counted = valid.unsqueeze(2) & ~is_right.unsqueeze(1)
    loss = ops.where(counted, gaps, 0.0).sum((1, 2)) / scores.size(1)
    loss = reduced(loss if input.dim() > 1 else loss[0], reduction)
    return named(loss, "MultilabelMarginLossBackward0", input, self=input, target=held(target, []),
                 reduction=("none", "mean", "sum").index(reduction),
                 is_target=is_right.to(input.dtype).reshape(input.shape))  # fmt: skip


@asked
def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """The mean over classes of the binary cross entropy of each."""
    reduction = reduction_of(size_average, reduce, reduction)
    loss = -(target * ops.logsigmoid(input) + (1 - target) * ops.logsigmoid(-input))
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input.size(-1), reduction)


def _check_linear_loss(input, linear_weight, target, linear_bias, ignore_index):
    weights = tuple(linear_weight.shape)
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if len(weights) < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {len(weights)}"
        )
    if input.size(-1) != weights[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.size(-1)} and {weights[-1]}, respectively"
        )
    if len(weights) > 2 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {weights} requires batched input, "
            f"got {input.dim()}-D input"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != weights[:-1]:
        raise RuntimeError(
            f"expected linear_bias shape {weights[:-1]}, got {tuple(linear_bias.shape)}"
        )
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")


@asked
def linear_cross_entropy(
    input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean",
    ignore_index=None, label_smoothing=0.0, options=None,
):  # fmt: skip
    """`cross_entropy` of `linear(input, linear_weight)`: input (..., in), weight (C, ..., in).

    ``options``, which tell PyTorch how to cut the work, change no value and are not read.
    """
    _check_linear_loss(input, linear_weight, target, linear_bias, ignore_index)
    classes = linear_weight.shape[:-1]
    rows = linear_weight.reshape(-1, linear_weight.shape[-1])
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = ops.linear(input, rows, bias).reshape(*input.shape[:-1], *classes)
    ignore = -100 if ignore_index is None else ignore_index
    return cross_entropy(scores, target, weight, ignore_index=ignore, reduction=reduction,
                         label_smoothing=label_smoothing)  # fmt: skip
