"""How losses are reduced to one number, and the two old arguments that said so before."""

import warnings

from ...base.frames import user_depth

__all__ = ["check_reduction", "reduced", "reduction_of"]


def reduction_of(size_average, reduce, reduction):
    """The reduction that `size_average` and `reduce` mean, with PyTorch's warning."""
    if size_average is None and reduce is None:
        return reduction
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    name = ("mean" if size_average else "sum") if reduce else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.",
        stacklevel=user_depth(),
    )
    return name


def check_reduction(reduction):
    """Refuse what is no reduction before anything is computed."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")


def reduced(loss, reduction):
    """The mean, the sum or all of the loss."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    check_reduction(reduction)
    return loss
