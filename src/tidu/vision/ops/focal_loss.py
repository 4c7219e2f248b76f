"""The focal loss: cross entropy weighed by how wrong a prediction is."""

from ... import ops
from .box_losses import reduced

__all__ = ["sigmoid_focal_loss"]


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Cross entropy that counts the hard examples most (Lin et al. 2017)."""
    p = ops.sigmoid(inputs)
    ce = inputs.clamp(min=0) - inputs * targets + ops.log1p(ops.exp(-ops.abs(inputs)))
    loss = ce * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return reduced(loss, reduction)
