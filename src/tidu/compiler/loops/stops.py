"""Indices and class numbers that are none: a program stops where it finds one, with eager's error.

Losses of classes become comparisons with every class, which loops can fuse; nothing is read at a
place that the target names. What would have been an IndexError is looked for by itself: `stop` is
the equation, `lines` and `raising` are its code.
"""

import numpy as np

from ...base.errors import hinted
from ...core.handle import element_type, shape_of
from ...core.primitive import Primitive
from ...primitives import arithmetic, base, comparison, losses, reductions
from ..machine.code import KINDS, kind_of

__all__ = ["Stop", "lines", "nll", "nll_back", "raising", "stop"]


def _message(bad, count, what="target", axis=0):
    """What eager operations say: of a loss, of `x[index]`, of `gather` and `scatter`."""
    if what != "target":
        return f"index {bad} is out of bounds for dimension {axis} with size {count}"
    return hinted(
        f"Target {bad} is out of bounds.",
        f"with {count} classes, class numbers go from 0 to {count - 1}.",
    )


_ERRORS = {"target": IndexError, "index": IndexError, "place": RuntimeError}


def _stop(first, target, *, count, what="target", axis=0):
    if first < target.size:
        raise _ERRORS[what](_message(target[int(first)], count, what, axis))
    return ()


# `first` is the place of the first wrong class in `target`, or the number of cases.
stop = Primitive("stop", _stop, ("first", "target"), shape=lambda prim, args, params: [],
                 tex="stop(first, target)")  # fmt: skip


class Stop:
    """The step of such an equation."""

    def __init__(self, equation):
        self.equation = equation


# --- the losses in simpler primitives -------------------------------------------------------------


def _served(x, target):
    kinds = [kind_of(element_type(a)) for a in (x, target)]
    return kinds[0] in ("f32", "f64") and kinds[1] in ("i32", "i64") and 0 not in shape_of(target)


def _hits(target, rank, count, ignore):
    """Where each case has its class, over all classes; the axis of these."""
    axis, shape = int(rank > 1), tuple(shape_of(target))
    wide = base.reshape(target, shape=(*shape[:axis], 1, *shape[axis:]))
    classes = np.arange(count).reshape([-1 if a == axis else 1 for a in range(rank)])
    hit = wide == classes.astype(element_type(target))
    if 0 <= ignore < count:
        hit = comparison.bitwise_and(hit, wide != ignore)
    return hit, axis


def _stop_at(target, count, ignore):
    cases = np.prod(shape_of(target), dtype=int)
    flat = base.reshape(target, shape=(int(cases),))
    outside = comparison.bitwise_or(flat < 0, flat >= count)
    wrong = comparison.bitwise_and(outside, flat != ignore)
    first = arithmetic.select(wrong, np.arange(cases), np.array(cases, np.int64))
    stop(reductions.smallest(first, axes=(0,), keepdims=False), flat, count=count)


def _along(weight, axis, rank):
    (count,) = shape_of(weight)
    return base.reshape(weight, shape=tuple([count if a == axis else 1 for a in range(rank)]))


def _total(x, axes):
    return base.reduce_sum(x, axes=axes, keepdims=False)


def _divisor(target, weight, hit, axis, rank, ignore, dtype):
    """What a mean divides by: the cases that are not ignored, or their weights."""
    if weight is None:
        kept = base.cast(target != ignore, to=dtype, origin=np.dtype(bool))
        return _total(kept, tuple(range(len(shape_of(target)))))
    shares = arithmetic.select(hit, _along(weight, axis, rank), np.zeros((), dtype))
    return _total(shares, tuple(range(rank)))


def nll(x, target, weight=None, *, ignore, reduction):
    if not _served(x, target):
        rest = () if weight is None else (weight,)
        return losses.nll(x, target, *rest, ignore=ignore, reduction=reduction)
    rank, dtype = len(shape_of(x)), element_type(x)
    hit, axis = _hits(target, rank, shape_of(x)[rank > 1], ignore)
    _stop_at(target, shape_of(x)[axis], ignore)
    if weight is not None:
        share = _along(weight, axis, rank)
        # Selected, not multiplied: what has no share may be infinite.
        x = arithmetic.select(share == 0, np.zeros((), dtype), x * share)
    picked = arithmetic.select(hit, x, np.zeros((), dtype))
    if reduction == "none":
        return -_total(picked, (axis,))
    total = arithmetic.sub(np.zeros((), dtype), _total(picked, tuple(range(rank))))
    if reduction == "mean":
        total = total / _divisor(target, weight, hit, axis, rank, ignore, dtype)
    return total


def nll_back(g, target, weight=None, *, ignore, reduction, shape):
    if not _served(g, target):
        rest = () if weight is None else (weight,)
        return losses.nll_back(g, target, *rest, ignore=ignore, reduction=reduction, shape=shape)
    rank, dtype, slope = len(shape), element_type(g), -g
    hit, axis = _hits(target, rank, shape[rank > 1], ignore)
    if reduction == "mean":
        slope = slope / _divisor(target, weight, hit, axis, rank, ignore, dtype)
    if reduction == "none":
        lead = tuple(shape_of(target))
        slope = base.reshape(slope, shape=(*lead[:axis], 1, *lead[axis:]))
    if weight is not None:
        share = _along(weight, axis, rank)
        slope = arithmetic.select(share == 0, np.zeros((), dtype), slope * share)
    return arithmetic.select(hit, slope, np.zeros((), dtype))


# --- the code -------------------------------------------------------------------------------------


def lines(plan, step, k):
    """In a function of `%table`, that returns {0, 0}: return {k, the wrong class} if there is
    one."""
    first, target = [plan.refs[v] for v in step.equation.ins]
    kind = KINDS[kind_of(target.dtype)]
    wide = f"  %w{k} = sext {kind} %c{k} to i64" if kind != "i64" else f"  %w{k} = add i64 %c{k}, 0"
    return "\n".join([
        f"  %s{k} = getelementptr ptr, ptr %table, i64 {first.buffer}",
        f"  %h{k} = load ptr, ptr %s{k}",
        f"  %p{k} = getelementptr i64, ptr %h{k}, i64 {first.offset}",
        f"  %f{k} = load i64, ptr %p{k}",
        f"  %b{k} = icmp slt i64 %f{k}, {target.size}",
        f"  br i1 %b{k}, label %stop{k}, label %go{k}",
        f"stop{k}:",
        f"  %t{k} = getelementptr ptr, ptr %table, i64 {target.buffer}",
        f"  %u{k} = load ptr, ptr %t{k}",
        f"  %o{k} = add i64 %f{k}, {target.offset}",
        f"  %e{k} = getelementptr {kind}, ptr %u{k}, i64 %o{k}",
        f"  %c{k} = load {kind}, ptr %e{k}",
        wide,
        f"  %r{k} = insertvalue {{ i64, i64 }} {{ i64 {k}, i64 0 }}, i64 %w{k}, 1",
        f"  ret {{ i64, i64 }} %r{k}",
        f"go{k}:",
    ])  # fmt: skip


def raising(steps):
    """(declarations, lines of a built-in function after ``%result`` is there)."""
    declared = {"declare ptr @PyErr_Format(ptr, ptr, ...)": None}
    out = ["  %code = extractvalue { i64, i64 } %result, 0",
           "  %wrong = extractvalue { i64, i64 } %result, 1"]  # fmt: skip
    for k, step in steps.items():
        name = f"@PyExc_{_ERRORS[step.equation.params.get('what', 'target')].__name__}"
        declared[f"{name} = external global ptr"] = None
        text = _message("%lld", **step.equation.params).encode() + b"\0"
        written = "".join([f"\\{b:02X}" for b in text])
        declared[f'@message{k} = internal constant [{len(text)} x i8] c"{written}"'] = None
        out += [
            f"  %is{k} = icmp eq i64 %code, {k}", f"  br i1 %is{k}, label %raise{k}, label %ok{k}",
            f"raise{k}:", f"  %kind{k} = load ptr, ptr {name}",
            f"  call ptr (ptr, ptr, ...) @PyErr_Format(ptr %kind{k}, ptr @message{k}, i64 %wrong)",
            "  ret ptr null", f"ok{k}:",
        ]  # fmt: skip
    return declared, out
