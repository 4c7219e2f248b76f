"""Losses of numbers: mean squared error, cross entropy of probabilities and their kin.

Losses over classes are in `classification.py`, losses on pairs and triplets in `ranking.py`.
"""

import math
import warnings

from ... import ops
from ...base.dtypes import bfloat16, float16, float32
from ...base.errors import hinted
from ...base.frames import user_depth
from ...core.retries import asked, asks
from ...ops.convert import named, require_tensor, scalar_name
from ...ops.flags import require_float, strict
from ...ops.underived import refuse_tracked
from ...transforms.trace import Traced
from .reduction import reduced, reduction_of

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "huber_loss",
    "kl_div", "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
]  # fmt: skip


def _check_sizes(input, target):
    """Different sizes broadcast, with PyTorch's warning: mostly it is a mistake."""
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=user_depth(),
        )


def _refuse_integers(kernel, *tensors):
    """Refuse what has no fractions, naming it as PyTorch's kernel does."""
    if not any(t.is_floating_point() or t.is_complex() for t in tensors):
        raise NotImplementedError(
            hinted(
                f"\"{kernel}\" not implemented for '{scalar_name(tensors[0].dtype)}'",
                "convert it first: x.float().",
            )
        )


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target)², reduced.

    >>> import tidu as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    try:
        if size_average is not None or reduce is not None:
            reduction = reduction_of(size_average, reduce, reduction)
        if weight is None and reduction == "mean" and target.size() == input.size():
            return ops.squared_error(input, target)
        _check_sizes(input, target)
        loss = ops.square(input - target)
        if weight is not None:
            return _weighted(loss, weight, reduction)
        return named(reduced(loss, reduction), "MseLossBackward0", input, target,
                     reduction=reduction)  # fmt: skip
    except Exception:
        if not asks(input, target, weight):
            raise
    return mse_loss(input, target, None, None, reduction, weight)


def _weighted(loss, weight, reduction):
    """The loss times `weight`; the mean divides by the sum of the weights."""
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    if reduction == "mean":
        return loss.sum() / weight.sum()
    return reduced(loss, reduction)


@asked
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|, reduced."""
    reduction = reduction_of(size_average, reduce, reduction)
    _check_sizes(input, target)
    loss = ops.abs(input - target)
    return reduced(loss, reduction) if weight is None else _weighted(loss, weight, reduction)


@asked
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Squared below ``beta``, absolute above."""
    reduction = reduction_of(size_average, reduce, reduction)
    _check_sizes(input, target)
    require_float("smooth_l1_loss", 4, beta=beta)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    _refuse_integers("smooth_l1_cpu", input, target)
    distance = ops.abs(input - target)
    if beta == 0:
        return reduced(distance, reduction)
    loss = ops.where(distance < beta, 0.5 * distance * distance / beta, distance - 0.5 * beta)
    return named(reduced(loss, reduction), "SmoothL1LossBackward0", input, target,
                 reduction=reduction, beta=beta)  # fmt: skip


@asked
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """`smooth_l1_loss` times ``delta``."""
    _check_sizes(input, target)
    require_float("huber_loss", 4, delta=delta)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _refuse_integers("huber_cpu", input, target)
    distance = ops.abs(input - target)
    far = delta * (distance - 0.5 * delta)
    loss = ops.where(distance <= delta, 0.5 * distance * distance, far)
    if weight is not None:
        return _weighted(loss, weight, reduction)
    return named(reduced(loss, reduction), "HuberLossBackward0", input, target,
                 reduction=reduction, delta=delta)  # fmt: skip


@asked
def binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """-(t log x + (1 - t) log(1 - x)) for probabilities x in [0, 1]; logarithms stop at -100."""
    reduction = reduction_of(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            hinted(
                f"Using a target size ({target.size()}) that is different to the input size "
                f"({input.size()}) is deprecated. Please ensure they have the same size.",
                "reshape one of them, for example with target.unsqueeze(1).",
            )
        )
    refuse_tracked("binary_cross_entropy", "weight", weight, (input, target, weight))
    _refuse_integers("binary_cross_entropy", input)
    low, high = _range(input)
    if low < 0 or high > 1:
        raise _not_probabilities()
    if target.dtype != input.dtype:
        raise RuntimeError(
            hinted(
                f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(input.dtype)}",
                f"convert the target: target.to({input.dtype}).",
            )
        )
    low_target, high_target = _range(target)
    if low_target < 0 or high_target > 1:
        raise RuntimeError("all elements of target should be between 0 and 1")
    x, t = input, target
    if input.dtype in (float16, bfloat16):
        x, t = input.to(float32), target.to(float32)
    if low > 0 and high < 1:
        loss = _cross_entropy_inside(x, t)
    else:
        loss = _cross_entropy(x, t, _LEAST.get(input.dtype, _LEAST_OF_OTHERS))
    loss = loss.to(input.dtype)
    if weight is not None:
        loss = loss * weight
    return named(reduced(loss, reduction), "BinaryCrossEntropyBackward0", input, target,
                 weight=weight, reduction=reduction)  # fmt: skip


def _range(input):
    """(smallest, largest) number, or (0, 1) where it cannot be known."""
    value = input._value
    if value.__class__ is Traced:
        value.level.demand(value.variable, _are_probabilities, _not_probabilities)
    if input.numel() == 0 or value.__class__ is Traced:
        return 0.0, 1.0
    try:
        with_numbers = input.detach()
        return with_numbers.min().item(), with_numbers.max().item()
    except RuntimeError:  # a batched or traced tensor has no numbers to look at
        return 0.0, 1.0


def _are_probabilities(array):
    return not ((array < 0).any() or (array > 1).any())


def _not_probabilities():
    return RuntimeError(
        hinted(
            "all elements of input should be between 0 and 1",
            "put a sigmoid in front, or use binary_cross_entropy_with_logits.",
        )
    )


# The least x · (1 - x) by which a slope is divided, by the input's type: 1e-12, rounded to bfloat16
# there and to float32 for all others, float64 too, as PyTorch does.
_LEAST = {bfloat16: 1.0018652574217413e-12}
_LEAST_OF_OTHERS = 9.999999960041972e-13


def _cross_entropy_inside(input, target):
    below = ops.clamp(ops.log1p(-input), min=-100)
    return (target - 1) * below - target * ops.clamp(ops.log(input), min=-100)


def _cross_entropy(input, target, least):
    """The same where x may be 0 or 1: the slope there is (x - t) / least, not infinite."""
    inside = input * (1 - input) > least
    safe = _cross_entropy_inside(ops.where(inside, input, 0.5), target)
    fixed = input.detach()
    slope = (input - target) / least
    edge = _cross_entropy_inside(fixed, target.detach()) - slope * (fixed - input)  # keeps -0.0
    return ops.where(inside, safe, edge)


@asked
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Sigmoid and `binary_cross_entropy` in one, stable for any input."""
    reduction = reduction_of(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    for argument, given in (("weight", weight), ("pos_weight", pos_weight)):
        refuse_tracked("binary_cross_entropy_with_logits", argument, given, (input, target, given))
    logarithm = ops.logsigmoid(input)
    if pos_weight is not None:
        logarithm = ((pos_weight - 1) * target + 1) * logarithm
    loss = (1 - target) * input - logarithm
    if weight is not None:
        loss = loss * weight
    name = "BinaryCrossEntropyWithLogitsBackward0"
    return named(reduced(loss, reduction), name, input, target, weight=weight,
                 pos_weight=pos_weight, reduction=reduction)  # fmt: skip


@asked
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target · (log target - input): ``input`` holds log-probabilities."""
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=user_depth(),
        )
    require_tensor("kl_div", target, "target", 2)
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError(
            hinted("kl_div: Integral inputs not supported.", "convert them first: x.float().")
        )
    if log_target:
        loss = ops.exp(target) * (target - input)
    else:
        loss = ops.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.size(0) if input.dim() else loss.sum()
    return reduced(loss, reduction)


@strict
def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
    reduction="mean",
):  # fmt: skip
    """-log of the Poisson probability of ``target`` at rate exp(input) (or input)."""
    reduction = reduction_of(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not a valid value for reduction")
    require_tensor("poisson_nll_loss", target, "target", 2)
    if log_input:
        loss = ops.exp(input) - target * input
    else:
        loss = input - target * ops.log(input + eps)
    if full:
        stirling = target * ops.log(target) - target + 0.5 * ops.log(2 * math.pi * target)
        loss = loss + ops.where(target > 1, stirling, 0.0)
    return reduced(loss, reduction)


@asked
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """-log of the normal density of ``target`` with mean ``input`` and variance ``var``."""
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * ops.ones_like(input)
    elif (var.detach() < 0).any():
        raise ValueError("var has negative entry/entries")
    var = _matched_variance(input, var)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not a valid value for reduction")
    # A variance below eps counts as eps, without stopping its gradient.
    var = var + (ops.clamp(var.detach(), min=eps) - var.detach())
    loss = 0.5 * (ops.log(var) + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def _matched_variance(input, var):
    if var.size() == input.size():
        return var
    if input.size()[:-1] == var.size():
        return var.unsqueeze(-1)
    if input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1:
        return var
    if var.dim() == input.dim() and all(
        v in (1, n) for v, n in zip(var.size(), input.size(), strict=True)
    ):
        return var
    raise ValueError("var is of incorrect size")


@asked
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target · input)) for targets 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    require_tensor("soft_margin_loss", target, "target", 2)
    if not (input.is_floating_point() or target.is_floating_point()):
        raise RuntimeError(
            hinted(
                "result type Float can't be cast to the desired output type Long",
                "convert the input first: input.float().",
            )
        )
    refuse_tracked("soft_margin_loss", "target", target)
    loss = reduced(ops.log1p(ops.exp(-(input * target))), reduction)
    return named(loss, "SoftMarginLossBackward0", input, target=target, reduction=reduction)
