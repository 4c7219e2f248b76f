"""Points without a derivative: where they are, what may be chosen there, and what is chosen.

`KINKS` names for each operation the elements of its input that lie on a kink, the set of possible
slopes (the subdifferential) and the slope taken, which is PyTorch's.
"""

import numpy as np

from ...primitives.convolution_kernels import spans

__all__ = ["KINKS", "kinks_of"]


class Kink:
    """`where(values, params, out)` marks the elements; `allowed` is the set, `chosen` the slope."""

    def __init__(self, where, allowed, chosen, en, zh):
        self.where, self.allowed, self.chosen, self.en, self.zh = where, allowed, chosen, en, zh


def _at_zero(values, params, out):
    return np.asarray(values[0]) == 0


def _at_bounds(values, params, out):
    x, hits = np.asarray(values[0]), False
    for bound in (params.get("low"), params.get("high")):
        if bound is not None:
            hits = hits | (x == bound)
    return np.asarray(hits)


def _tie(values, params, out):
    return np.asarray(values[0] == values[1])


def _several_largest(values, params, out):
    """Reductions: slices in which the extreme value occurs more than once."""
    x, axes = np.asarray(values[0]), params.get("axes")
    if axes is None:
        axes = params.get("axis")
    top = out[0] if isinstance(out, tuple) else out
    shape = params.get("keepdims", params.get("keepdim", False))
    top = np.asarray(top)
    if not shape and axes is not None and x.ndim:
        top = np.expand_dims(top, axes)
    return (x == top).sum(axis=axes if axes is None else tuple(np.atleast_1d(axes))) > 1


def _windows_with_ties(values, params, out):
    """Windows of max_pool in which the largest value occurs more than once."""
    x, top = np.asarray(values[0]), np.asarray(out)
    lengths = [params[k] for k in ("kernel", "stride", "padding", "dilation")]
    n = len(lengths[0])
    count = np.zeros(top.shape, int)
    for _, there, here in spans(x.shape[-n:], top.shape[-n:], *lengths):
        count[there] += x[here] == top[there]
    return count > 1


def _all_zero(values, params, out):
    return np.asarray(out) == 0


def _corners(values, params, out):
    x = np.asarray(values[0])
    low, high = params.get("low", -1.0), params.get("high", 1.0)
    return (x == low) | (x == high)


_ABS = (
    "the slope of |x| at 0 may be anything from -1 to 1",
    "|x| 在 0 处的斜率可取 [-1, 1] 中任意值",
)
_RELU = (
    "the slope of max(0, x) at 0 may be anything from 0 to 1",
    "max(0, x) 在 0 处的斜率可取 [0, 1] 中任意值",
)
_BOUND = ("at a bound the slope may be anything from 0 to 1", "在边界处斜率可取 [0, 1] 中任意值")
_TIE = ("the two are equal: both get half", "两者相等:各得一半")
_TIES = ("the extreme value occurs several times", "最值出现多次")
_WINDOW = (
    "the largest value of a window occurs several times: the first gets all",
    "窗口内的最大值出现多次:第一个得到全部梯度",
)
_ROOT = ("the slope of the root at 0 is infinite", "平方根在 0 处的斜率是无穷大")

_NORM = ("at 0 a norm rises alike in all directions", "范数在 0 处沿各方向同样增长")

KINKS = {
    "abs": Kink(_at_zero, "[-1, 1]", "0", *_ABS),
    "relu": Kink(_at_zero, "[0, 1]", "0", *_RELU),
    "leaky_relu": Kink(_at_zero, "[slope, 1]", "slope", *_RELU),
    "clamp": Kink(_at_bounds, "[0, 1]", "1", *_BOUND),
    "hardtanh": Kink(_corners, "[0, 1]", "0", *_BOUND),
    "maximum": Kink(_tie, "[0, 1]", "1/2", *_TIE),
    "minimum": Kink(_tie, "[0, 1]", "1/2", *_TIE),
    "sqrt": Kink(_at_zero, "{+inf}", "inf", *_ROOT),
    "linalg_vector_norm": Kink(_all_zero, "vectors of norm up to 1", "0", *_NORM),
    "max": Kink(_several_largest, "weights that sum to 1", "equal shares", *_TIES),
    "min": Kink(_several_largest, "weights that sum to 1", "equal shares", *_TIES),
    "max_pool": Kink(_windows_with_ties, "weights that sum to 1", "the first", *_WINDOW),
    "amax": Kink(_several_largest, "weights that sum to 1", "equal shares", *_TIES),
    "amin": Kink(_several_largest, "weights that sum to 1", "equal shares", *_TIES),
    "sign": Kink(
        _at_zero, "undefined", "0", "a jump: the slope is 0 beside it", "跳变点:两侧斜率为 0"
    ),
}


def kinks_of(name, values, params, out):
    """[{"count", "allowed", "chosen", "en", "zh"}] for the elements of one call on a kink."""
    kink = KINKS.get(name)
    if kink is None:
        return []
    try:
        count = int(np.count_nonzero(kink.where(values, params, out)))
    except (TypeError, ValueError, IndexError):
        return []
    if not count:
        return []
    return [{"count": count, "allowed": kink.allowed, "chosen": kink.chosen, "en": kink.en,
             "zh": kink.zh}]  # fmt: skip
