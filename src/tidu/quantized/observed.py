"""Scales and zero points chosen for numbers that were seen."""

import numpy as np

from .. import ops
from ..autograd.modes import no_grad
from ..base.errors import hinted
from ..ops.fake_quantize import fake_quantize_per_channel_affine, fake_quantize_per_tensor_affine

__all__ = ["choose_qparams_optimized", "fused_moving_avg_obs_fake_quant", "parameters_of"]

_LEAST_SCALE = np.float32(6.1e-5)


def parameters_of(least, largest, low, high, symmetric=False):
    """(scale, zero point) so that the numbers low ... high reach from `least` to `largest`.

    0 is one of the values; with `symmetric` its number is in the middle.
    """
    both = least < 0 < largest
    if symmetric and both:
        below, above = -((high - low) // 2 + 1), (high - low) // 2
        widest = max(abs(least / below), abs(largest / above))
        least, largest = widest * below, widest * above
    least, largest = min(float(least), 0.0), max(float(largest), 0.0)
    scale = (largest - least) / (high - low)
    with np.errstate(all="ignore"):
        if np.float32(scale) == 0 or np.isinf(np.float32(1) / np.float32(scale)):
            scale = 0.1
    if scale < _LEAST_SCALE:
        first = scale
        scale = float(_LEAST_SCALE)
        if least == 0:
            largest = scale * (high - low)
        elif largest == 0:
            least = -scale * (high - low)
        else:
            grown = scale / first
            least, largest = least * grown, largest * grown
    from_least, from_largest = low - least / scale, high - largest / scale
    nearer = abs(low) - abs(least / scale) < abs(high) - abs(largest / scale)
    zero = from_least if nearer else from_largest
    if symmetric and both:
        zero = (low + high) / 2
    return scale, int(min(max(np.rint(zero), low), high))


def _loss(array, least, largest, bits):
    """How far the numbers are from the nearest of 2 ** bits steps between two ends."""
    least = np.float32(np.float16(least))
    span, most = np.float32(largest - least), np.float32(2**bits - 1)
    scale = np.float32(np.float16(1.0 if span == 0 else span / most))
    inverse = np.float32(1) if scale == 0 else np.float32(1) / scale
    steps = np.clip(np.rint((array - least) * inverse), 0, most)
    gap = array - (steps * scale + least)
    return np.float32(np.sqrt(np.cumsum((gap * gap).astype(np.float32))[-1]))


def choose_qparams_optimized(input, numel, n_bins, ratio, bit_width):
    """(largest, least) between which 2 ** bit_width steps lie closest to the elements.

    Both ends are moved inwards in `n_bins` steps, until a share of 1 - ratio of the span is left.
    ValueError where `numel` elements are not there.
    """
    array = input.detach().numpy().reshape(-1)[:numel].astype(np.float32)
    if numel < 1 or len(array) < numel:
        raise RuntimeError(hinted(
            f"numel ({numel}) is less than or greater than the input's size ({input.numel()})",
            "write x.numel().",
        ))  # fmt: skip
    least, largest = array.min(), array.max()
    step = np.float32((largest - least) / n_bins)
    kept = int(n_bins * (1.0 - np.float32(ratio)))
    best = here = _loss(array, least, largest, bit_width)
    low, high = least, largest
    while low + kept * step < high:
        left = _loss(array, low + step, high, bit_width)
        right = _loss(array, low, high - step, bit_width)
        if here < left and here < right and here < best:
            best, least, largest = here, low, high
        if left < right:
            low, here = np.float32(low + step), left
        else:
            high, here = np.float32(high - step), right
    return ops.tensor([float(largest)]), ops.tensor([float(least)])


def fused_moving_avg_obs_fake_quant(
    input, observer_on, fake_quant_on, running_min, running_max, scale, zero_point,
    averaging_const, quant_min, quant_max, ch_axis, per_row_fake_quant=False,
    symmetric_quant=False,
):  # fmt: skip
    """Watch the range of the elements, and round them to numbers that hold it.

    With observer_on[0] == 1 `running_min` and `running_max` move towards the ends seen, of all or
    with `per_row_fake_quant` of each place along `ch_axis`; with fake_quant_on[0] == 1 `scale` and
    `zero_point` follow them, and the result is rounded as `torch.fake_quantize_per_tensor_affine`
    does, with its gradient. All four are changed in place.
    """
    with no_grad():
        if observer_on.item() == 1:
            _observe(input, running_min, running_max, averaging_const, ch_axis, per_row_fake_quant)
        rounds = fake_quant_on.item() == 1
        if rounds:
            ends = running_min, running_max
            _choose(*ends, scale, zero_point, quant_min, quant_max, symmetric_quant)
    if not rounds:
        return input.clone()
    if per_row_fake_quant:
        return fake_quantize_per_channel_affine(
            input, scale.clone(), zero_point.clone(), ch_axis, quant_min, quant_max
        )
    return fake_quantize_per_tensor_affine(
        input, scale.clone(), zero_point.clone(), quant_min, quant_max
    )


def _observe(input, running_min, running_max, rate, axis, each):
    if each:
        rows = input.detach().movedim(axis, 0).flatten(1)
        ends = rows.amin(1), rows.amax(1)
    else:
        ends = input.detach().min().reshape(1), input.detach().max().reshape(1)
    for running, seen in zip((running_min, running_max), ends, strict=True):
        if running.numel() != seen.numel():
            running.resize_(seen.shape)
            running.fill_(float("inf"))
        was = running.reshape(seen.shape)
        moved = ops.where(ops.isinf(was), seen, was + rate * (seen - was))
        running.copy_(moved.reshape(running.shape))


def _choose(running_min, running_max, scale, zero_point, low, high, symmetric):
    ends = zip(running_min.reshape(-1).tolist(), running_max.reshape(-1).tolist(), strict=True)
    found = [parameters_of(*pair, low, high, symmetric) for pair in ends]
    for target, values in zip((scale, zero_point), zip(*found, strict=True), strict=True):
        made = ops.tensor(values, dtype=target.dtype)
        if target.numel() != made.numel():
            target.resize_(made.shape)
        target.copy_(made.reshape(target.shape))
