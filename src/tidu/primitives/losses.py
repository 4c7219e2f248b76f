"""The negative log-likelihood of class numbers: picking, weighting and reducing as one primitive.

As a composition (index, negate, weigh, divide) the bookkeeping cost more than the loss. Scores are
(N, C, ...), or (C,) for one case; targets (N, ...) or (). `nll_back` is its transpose.
"""

import math
from functools import cache

import numpy as np

from ..base.errors import hinted
from ..core.handle import element_type, shape_of
from .arithmetic import select
from .base import HALVES, at_front, batch_size, cast, move_batch, reduce_sum, reshape
from .comparison import ne
from .composed import composed
from .indexing import take
from .transposed import pair

__all__ = ["nll", "nll_back"]


def _cases(target, weight, count, ignore):
    """(class of each case, share of each case in the loss); shares None: each counts as one."""
    if target.size == 0:
        return target, None
    if not 0 <= ignore < count and _are_inside(target, count):
        return target, None if weight is None else weight[target]
    kept = target != ignore
    wrong = kept & ((target < 0) | (target >= count))
    if wrong.any():
        raise IndexError(hinted(
            f"Target {target[wrong].flat[0]} is out of bounds.",
            f"with {count} classes, class numbers go from 0 to {count - 1}.",
        ))  # fmt: skip
    classes = np.where(kept, target, 0)
    return classes, kept.astype(np.float32) if weight is None else weight[classes] * kept


def _are_inside(target, count):
    if target.ndim == 1 and target.size <= _LISTED:
        numbers = target.tolist()
        return min(numbers) >= 0 and max(numbers) < count
    # Read without a sign, a negative number is a large one: one look for both bounds.
    unsigned = target if target.dtype.kind == "u" else target.view("u8")
    return np.maximum.reduce(unsigned, axis=None) < count


_LISTED = 32  # numbers that Python compares before NumPy has begun


def _places(shape, classes):
    """The index of the picked scores."""
    if len(shape) == 1:
        return classes
    if len(shape) == 2:
        return np.arange(shape[0]), classes
    rows, *rest = np.ogrid[tuple([slice(n) for n in classes.shape])]
    return (rows, classes, *rest)


def _divisor(shares, target):
    return target.size if shares is None else np.add.reduce(shares, axis=None)


def _nll(x, target, *weight, ignore, reduction):
    classes, shares = _cases(target, *weight or (None,), x.shape[x.ndim > 1], ignore)
    picked = x[_places(x.shape, classes)]
    if shares is not None:
        # Selected, not multiplied: what is ignored may be infinite.
        picked = np.where(shares == 0, np.float32(0), picked * shares) if picked.size else picked
    if reduction == "none":
        return -picked.astype(x.dtype, copy=False)
    wide = np.float32 if x.dtype in HALVES else None
    total = 0 - np.add.reduce(picked, axis=None, dtype=wide)  # -0.0 for certain rows would be odd
    if reduction == "mean":
        if shares is None and target.size and not wide:
            total = total / target.size  # in its own type, as below
        else:
            total = np.divide(total, _divisor(shares, target), dtype=wide or x.dtype)
    return total.astype(x.dtype) if total.dtype != x.dtype else total


def _nll_back(g, target, *weight, ignore, reduction, shape):
    classes, shares = _cases(target, *weight or (None,), shape[len(shape) > 1], ignore)
    slope = -g
    if reduction == "mean" and target.size:
        slope = slope / _divisor(shares, target)
    if shares is not None:
        slope = np.where(shares == 0, np.float32(0), slope * shares)
    out = np.zeros(shape, g.dtype)
    out[_places(shape, classes)] = slope
    return out


# --- many at once: the cases of all examples are the cases of one ---------------------------------


def _fold(tensor, size, taken):
    """(size, taken..., rest) as (cases, rest)."""
    shape = tuple(shape_of(tensor))
    return reshape(tensor, shape=(size * math.prod(shape[1 : 1 + taken]), *shape[1 + taken :]))


def _shares(target, weight, axes, ignore, like):
    """The share of each case of each example, from primitives alone."""
    kept = ne(target, ignore)
    shares = cast(kept, to=like, origin=np.dtype(bool))
    if not weight:
        return shares
    classes = select(kept, target, target * 0)
    if axes[2] is None:
        return shares * take(weight[0], classes, dims=(0,))
    shape = tuple(shape_of(target))
    lane = np.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1))
    return shares * take(move_batch(weight[0], axes[2]), lane, classes, dims=(0, 1))


def _batch_nll(prim, tensors, axes, params):
    size, ignore, reduction = batch_size(tensors, axes), params["ignore"], params["reduction"]
    x, target = [at_front(t, a, size) for t, a in zip(tensors[:2], axes[:2], strict=True)]
    taken = int(len(shape_of(x)) > 2)
    loss = nll(_fold(x, size, taken), _fold(target, size, taken), ignore=ignore, reduction="none")
    loss = reshape(loss, shape=tuple(shape_of(target)))
    shares = _shares(target, tensors[2:], axes, ignore, element_type(x))
    loss = loss * shares if len(tensors) > 2 else loss
    if reduction == "none":
        return loss, 0
    rest = tuple(range(1, len(shape_of(target))))
    total = reduce_sum(loss, axes=rest, keepdims=False)
    if reduction == "mean":
        total = total / reduce_sum(shares, axes=rest, keepdims=False)
    return total, 0


@cache
def _many():
    """The losses of many examples, each with its weights (or all with the same): its derivative is
    how many cotangents go back at once."""

    def losses(x, target, *weight, own, **params):
        axes = (0, 0, *[0 if own else None for _ in weight])
        return _batch_nll(nll, (x, target, *weight), axes, params)[0]

    return composed("nll_losses", None, ("x", "target"), losses, saves={"x": ("target",)})


def _batch_nll_back(prim, tensors, axes, params):
    size, given = batch_size(tensors, axes), dict(params)
    whole = (size, *given.pop("shape"))
    g, target = [at_front(t, a, size) for t, a in zip(tensors[:2], axes[:2], strict=True)]
    own = any(a is not None for a in axes[2:])
    weight = [move_batch(t, a) if own else t for t, a in zip(tensors[2:], axes[2:], strict=True)]
    shapes = (whole, *[tuple(shape_of(t)) for t in (target, *weight)])
    saved = (None, target, *weight, None, shapes)
    needs = (True, *[False for _ in shapes[1:]])
    return _many().derived(g, saved, {**given, "own": own}, needs)[0], 0


# --- the primitives -------------------------------------------------------------------------------


def _shape_nll(prim, args, params):
    return shape_of(args[1]) if params["reduction"] == "none" else (), element_type(args[0])


nll, nll_back = pair(
    "nll_loss", _nll, "nll_loss_backward", _nll_back, shape=_shape_nll,
    tex=("nll(x, target, *rest)", "nll_back(g, target, *rest)"),
)  # fmt: skip
nll.batch, nll_back.batch = _batch_nll, _batch_nll_back
