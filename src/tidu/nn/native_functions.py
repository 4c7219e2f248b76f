"""Functions of torch itself that torch.nn.functional has with other arguments: torch.batch_norm.

They are called as PyTorch's own C++ declares them: statistics after the weights, reductions and
modes as numbers, results that only a backward pass needs. The recurrent ones are in
`native_recurrent.py`.
"""

import warnings

import numpy as np

from .. import ops
from ..autograd import no_grad
from ..base.dtypes import bool as bool_
from ..base.errors import hinted
from ..core.handle import wrap
from ..ops.convert import finish, named
from ..ops.flags import strict
from ..ops.rarities import convolution
from ..ops.resizing import affine_grid, grid_sample
from . import functional as F
from .functional.dropout import feature_dropout as channels_dropped
from .functional.sparse import bags_of, renormalize

__all__ = [
    "affine_grid_generator", "alpha_dropout_", "batch_norm", "batch_norm_update_stats",
    "binary_cross_entropy_with_logits", "ctc_loss", "dropout_", "embedding_bag",
    "embedding_renorm_", "feature_alpha_dropout_", "feature_dropout", "feature_dropout_",
    "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "instance_norm",
    "kl_div", "max_pool1d_with_indices", "mkldnn_convolution", "native_batch_norm",
    "native_channel_shuffle", "native_dropout", "native_group_norm", "native_layer_norm",
    "poisson_nll_loss",
]  # fmt: skip

_REDUCTIONS = {1: "mean", 2: "sum"}  # every other number is "none"
_INTERPOLATIONS = {0: "bilinear", 1: "nearest", 2: "bicubic"}
_PADDINGS = {0: "zeros", 1: "border", 2: "reflection"}


def _reduction(number):
    return _REDUCTIONS.get(number, "none")


# --- losses ---------------------------------------------------------------------------------------


@strict
def binary_cross_entropy_with_logits(
    input, target, weight=None, pos_weight=None, reduction=0, *, out=None
):
    """torch.nn.functional's, with a reduction as a number: 0 none, 1 mean, 2 sum."""
    loss = F.binary_cross_entropy_with_logits(
        input, target, weight, None, None, _reduction(reduction), pos_weight
    )
    return finish(loss, out)


@strict
def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False
):
    """torch.nn.functional's, with a reduction as a number: 0 none, 1 mean, 2 sum."""
    return F.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, _reduction(reduction),
        zero_infinity,
    )  # fmt: skip


@strict
def kl_div(input, target, reduction=0, *, log_target=False):
    """torch.nn.functional's, with a reduction as a number: 0 none, 1 mean, 2 sum."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "reduction: 'mean' divides")
        return F.kl_div(input, target, None, None, _reduction(reduction), log_target)


@strict
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """torch.nn.functional's, with a reduction as a number: 0 none, 1 mean, 2 sum."""
    return F.poisson_nll_loss(
        input, target, log_input, full, None, eps, None, _reduction(reduction)
    )


# --- normalisation --------------------------------------------------------------------------------


@strict
def batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled
):
    """torch.nn.functional's, with the weights before the running statistics."""
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@strict
def instance_norm(
    input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled
):
    """torch.nn.functional's, with the weights before the running statistics."""
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


@strict
def native_batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, *, out=None
):
    """(batch_norm, the batch's means, 1 / √(its variances + eps)); without elements outside of
    training."""
    result = F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        axes = (0, *range(2, input.dim()))
        mean, scale = _statistics(input.detach(), axes, eps, (input.size(1),))
    else:
        mean, scale = ops.zeros(0, dtype=input.dtype), ops.zeros(0, dtype=input.dtype)
    return _stored((result, mean, scale), out)


@strict
def native_layer_norm(input, normalized_shape, weight, bias, eps, *, out=None):
    """(layer_norm, the means, 1 / √(the variances + eps))."""
    result = F.layer_norm(input, normalized_shape, weight, bias, eps)
    first = input.dim() - len(normalized_shape)
    shape = (*input.shape[:first], *(1,) * len(normalized_shape))
    rest = _statistics(input.detach(), range(first, input.dim()), eps, shape)
    return _stored((result, *rest), out)


@strict
def native_group_norm(input, weight, bias, N, C, HxW, group, eps, *, out=None):
    """(group_norm of `group` groups, their means, 1 / √(their variances + eps)), for an input of
    N cases, C channels and HxW places."""
    if input.numel() != N * C * HxW:
        raise RuntimeError(
            hinted(
                "Expected input.numel() == N * C * HxW to be true, but got false.",
                f"the input has shape {tuple(input.shape)}.",
            )
        )
    result = F.group_norm(input.reshape(N, C, HxW), group, weight, bias, eps).reshape(input.shape)
    grouped = input.reshape(N, group, -1)
    return _stored((result, *_statistics(grouped, (2,), eps, (N, group))), out)


def _statistics(input, axes, eps, shape):
    """Means and 1 / √(variances + eps) over axes."""
    var, mean = ops.var_mean(input, list(axes), correction=0)
    return mean.reshape(shape), ops.rsqrt(var + eps).reshape(shape)


def _stored(results, out):
    if out is None:
        return results
    return tuple([finish(result, into) for result, into in zip(results, out, strict=True)])


@strict
def batch_norm_update_stats(input, running_mean, running_var, momentum, *, out=None):
    """(means, variances) of the channels, towards which the running statistics move."""
    with no_grad():
        axes = (0, *range(2, input.dim()))
        count = input.numel() // input.size(1)
        var, mean = ops.var_mean(input.detach(), list(axes), correction=0)
        if running_mean is not None:
            running_mean.mul_(1 - momentum).add_(mean * momentum)
        if running_var is not None:
            running_var.mul_(1 - momentum).add_(var * count / (count - ops.ones(())) * momentum)
    return _stored((mean, var), out)


# --- dropout --------------------------------------------------------------------------------------


@strict
def dropout_(input, p, train):
    """torch.dropout, written into the input."""
    return F.dropout(input, p, train, inplace=True)


@strict
def alpha_dropout_(input, p, train):
    """torch.alpha_dropout, written into the input."""
    return F.alpha_dropout(input, p, train, inplace=True)


@strict
def feature_alpha_dropout_(input, p, train):
    """torch.feature_alpha_dropout, written into the input."""
    return F.feature_alpha_dropout(input, p, train, inplace=True)


@strict
def feature_dropout(input, p, train):
    """Zero each channel (the second axis) of each case with probability p; scale the others."""
    return channels_dropped(input, p, train)


@strict
def feature_dropout_(input, p, train):
    """torch.feature_dropout, written into the input."""
    return channels_dropped(input, p, train, inplace=True)


@strict
def native_dropout(input, p, train, *, out=None):
    """(dropout, which elements are kept)."""
    if train is False or not input.numel():
        return _stored((input.clone(), ops.ones_like(input, dtype=bool_)), out)
    if p == 1:
        return _stored((input * 0, ops.zeros_like(input, dtype=bool_)), out)
    kept = ops.bernoulli(ops.empty_like(input.detach()), 1 - p)
    result = named(input * kept * (1 / (1 - p)), "NativeDropoutBackward0", input, p=p,
                   result1=kept.to(bool_))  # fmt: skip
    return _stored((result, kept.to(bool_)), out)


# --- tables ---------------------------------------------------------------------------------------


@strict
def embedding_renorm_(input, indices, max_norm, norm_type):
    """The rows of a table that `indices` name, those longer than `max_norm` shortened in place."""
    renormalize(input, indices, max_norm, norm_type)
    return input


@strict
def embedding_bag(
    weight, indices, offsets, scale_grad_by_freq=False, mode=0, sparse=False,
    per_sample_weights=None, include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """torch.nn.functional's with a mode as a number: 0 sum, 1 mean, 2 max.

    Gives (the bags, the bag of each index, how many rows each bag has, and in mode 2 the index of
    each maximum).
    """
    word = ("sum", "mean", "max")[mode]
    result = F.embedding_bag(
        indices, weight, offsets, None, 2, scale_grad_by_freq, word, sparse, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip
    bags, numbers, count, _ = bags_of(indices, offsets, include_last_offset, per_sample_weights)
    if mode == 0 and padding_idx is None:
        none = ops.zeros(count, dtype=indices.dtype)
        return result, ops.zeros(0, dtype=indices.dtype), none, none.clone()
    kept = ops.ones_like(numbers, dtype=bool_)
    if padding_idx is not None:
        kept = numbers != padding_idx % weight.size(0)
    sizes = ops.bincount(bags[kept], minlength=count).to(indices.dtype)
    if mode == 0:
        sizes = ops.zeros_like(sizes)
    places = _places(result, weight, bags[kept], numbers[kept]) if mode == 2 else sizes.clone()
    return result, bags.to(indices.dtype), sizes, places


def _places(result, weight, bags, numbers):
    """The row of the table in which each bag's maximum stands; the first, where several do."""
    found = np.zeros(tuple(result.shape), np.int64)
    highest, rows = result.detach().numpy(), weight.detach().numpy()
    for bag, number in reversed(list(zip(bags.tolist(), numbers.tolist(), strict=True))):
        found[bag] = np.where(rows[number] == highest[bag], number, found[bag])
    return wrap(found).to(numbers.dtype)


# --- grids and the rest ---------------------------------------------------------------------------


@strict
def affine_grid_generator(theta, size, align_corners, *, out=None):
    """torch.nn.functional.affine_grid."""
    return finish(affine_grid(theta, size, align_corners), out)


def _sampler(name, rank):
    def sampler(input, grid, interpolation_mode, padding_mode, align_corners):
        if rank and input.dim() != rank:
            raise RuntimeError(
                hinted(
                    f"{name}(): expected grid and input to have a rank of {rank}, but got input "
                    f"with sizes {list(input.shape)}",
                    "torch.nn.functional.grid_sample takes images and volumes.",
                )
            )
        mode = _INTERPOLATIONS.get(interpolation_mode, "bicubic")
        outside = _PADDINGS.get(padding_mode, "zeros")
        return grid_sample(input, grid, mode, outside, align_corners)

    sampler.__name__ = sampler.__qualname__ = name
    sampler.__doc__ = "torch.nn.functional.grid_sample, with its modes as numbers."
    return strict(sampler)


grid_sampler = _sampler("grid_sampler", None)
grid_sampler_2d, grid_sampler_3d = _sampler("grid_sampler_2d", 4), _sampler("grid_sampler_3d", 5)


@strict
def max_pool1d_with_indices(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """(the largest number of each window, its place)."""
    step = None if isinstance(stride, (list, tuple)) and not stride else stride
    return ops.max_pool1d(input, kernel_size, step, padding, dilation, ceil_mode, True)


@strict
def native_channel_shuffle(input, groups):
    """torch.nn.functional.channel_shuffle."""
    return F.channel_shuffle(input, groups)


@strict
def mkldnn_convolution(input, weight, bias, padding, stride, dilation, groups, *, out=None):
    """torch.convolution of as many axes as the input has, with the padding first."""
    found = convolution(input, weight, bias, stride, padding, dilation, False, [0], groups)
    return finish(found, out)
