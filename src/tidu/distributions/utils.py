"""What distributions of one's own are written with: broadcast_all, lazy_property and their kin."""

from ..ops import normal, ones, zeros
from .distribution import (
    clamp_probs,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
    summed,
    together,
)
from .transforms.more import below_diagonal as tril_matrix_to_vec
from .transforms.more import lower_of as vec_to_tril_matrix

__all__ = ["broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits",
           "tril_matrix_to_vec", "vec_to_tril_matrix"]  # fmt: skip


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape and type."""
    return together(*values)


def _standard_normal(shape, dtype, device):
    """Standard normal numbers."""
    return normal(zeros(shape, dtype=dtype, device=device), ones(shape, dtype=dtype, device=device))


def _sum_rightmost(value, dim):
    """The sum over the last `dim` axes."""
    return summed(value, dim)
