"""ctc_loss: the probability of a label sequence over all its alignments (Graves et al. 2006)."""

from ... import ops
from ...base.dtypes import bool as bool_
from ...base.dtypes import int64
from ...core.retries import asked
from ...ops.convert import named
from .reduction import reduced

__all__ = ["ctc_loss"]

# Stands for log 0: finite, so that differences of two of them are no NaN.
_NEVER = -1e30


def _as_tensor(lengths):
    return lengths if hasattr(lengths, "dim") else ops.tensor(list(lengths), dtype=int64)


@asked
def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean",
    zero_infinity=False,
):  # fmt: skip
    """-log of the probability of ``targets`` under ``log_probs`` (T, N, C).

    ``targets`` is (N, S) padded, or all labels one after the other; the mean divides each loss by
    its label length first. Gradients are PyTorch's, which takes ``log_probs`` to be normalised:
    to the derivative of the loss is added that of the sum of all probabilities, a constant then.
    """
    single = log_probs.dim() == 2
    if single:
        log_probs, targets = log_probs.unsqueeze(1), targets.unsqueeze(0)
    input_lengths = _as_tensor(input_lengths).reshape(-1)
    target_lengths = _as_tensor(target_lengths).reshape(-1)
    _check(log_probs, input_lengths, target_lengths, blank)
    labels = _padded_labels(targets, target_lengths)
    loss = -_log_probability(log_probs, labels, input_lengths, target_lengths, blank)
    loss = loss + _normalisation(log_probs, input_lengths)
    impossible = loss.detach() > -0.5 * _NEVER
    loss = ops.where(impossible, float("inf"), loss)
    loss = named(loss, "CtcLossBackward0", log_probs)
    if zero_infinity:
        loss = ops.where(impossible, 0.0, loss)
    if reduction == "mean":
        return (loss / ops.clamp(target_lengths, min=1).to(loss.dtype)).mean()
    return reduced(loss.squeeze(0) if single else loss, reduction)


def _normalisation(log_probs, input_lengths):
    """Zeros (N,) whose derivative is that of the probabilities of all steps that are read."""
    steps = ops.arange(log_probs.size(0)).reshape(-1, 1)
    probs = ops.where((steps < input_lengths).unsqueeze(2), ops.exp(log_probs), 0.0)
    return (probs - probs.detach()).sum((0, 2))


def _check(log_probs, input_lengths, target_lengths, blank):
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if input_lengths.size(0) != batch:
        raise RuntimeError("input_lengths must be of size batch_size")
    if target_lengths.size(0) != batch:
        raise RuntimeError("target_lengths must be of size batch_size")
    longest = int(input_lengths.max())
    if longest > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {longest} "
            "(while checking arguments for ctc_loss_allocate_outputs)"
        )


def _padded_labels(targets, lengths):
    """Labels as (N, S), whatever their form."""
    longest = int(lengths.max())
    if targets.dim() == 2:
        if longest > targets.size(1):
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{targets.size(1)} for argument #2 'targets' (while checking arguments for "
                "ctc_loss_allocate_outputs)"
            )
        return targets[:, : max(longest, 1)].to(int64)
    rows, start = ops.zeros(lengths.size(0), max(longest, 1), dtype=int64), 0
    for i, length in enumerate(lengths.tolist()):
        rows[i, :length] = targets[start : start + length]
        start += length
    return rows


def _log_probability(log_probs, labels, input_lengths, target_lengths, blank):
    """The forward recursion over blank, label, blank, ..., for all cases at once."""
    batch, count = labels.shape
    states = ops.full((batch, 2 * count + 1), blank, dtype=int64)
    states[:, 1::2] = labels
    # From two states back one may come if a label differs from the one before it.
    skips = ops.zeros(batch, 2 * count + 1, dtype=bool_)
    skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    emitted = log_probs.gather(2, states.unsqueeze(0).expand(log_probs.size(0), -1, -1))
    never = ops.full((batch, 1), _NEVER, dtype=log_probs.dtype)
    start = ops.arange(2 * count + 1) < 2
    alpha = ops.where(start, emitted[0], _NEVER)
    for t in range(1, log_probs.size(0)):
        one = ops.cat([never, alpha[:, :-1]], 1)
        two = ops.cat([never, never, alpha[:, :-2]], 1)[:, : alpha.size(1)]
        two = ops.where(skips, two, _NEVER)
        new = ops.logsumexp(ops.stack([alpha, one, two]), 0) + emitted[t]
        alpha = ops.where((t < input_lengths).unsqueeze(1), new, alpha)
    last = 2 * target_lengths.unsqueeze(1)
    ends = ops.cat([last, ops.clamp(last - 1, min=0)], 1)
    found = alpha.gather(1, ends)
    none = ops.cat([ops.zeros_like(last), (last == 0).to(last.dtype)], 1) > 0
    return ops.logsumexp(ops.where(none, _NEVER, found), 1)
