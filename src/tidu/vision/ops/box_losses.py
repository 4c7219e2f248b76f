"""Losses of boxes against the boxes they should be, pair by pair: giou, diou and ciou."""

from math import pi

from ... import ops
from ...autograd.grad_mode import no_grad
from ...base.errors import hinted
from .boxes import slant, wide

__all__ = ["complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss", "reduced"]


def reduced(loss, reduction):
    """The loss of each, their mean or their sum."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(hinted(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', "
        "'mean', 'sum'", "write reduction='mean'.",
    ))  # fmt: skip


def _corners(boxes1, boxes2):
    return [wide(b).float() if not b.is_floating_point() else wide(b) for b in (boxes1, boxes2)]


def _shared_and_union(a, b):
    low, high = ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:])
    sides = high - low
    # Boxes that only touch share nothing, and no gradient comes from there.
    meet = (sides > 0).all(-1)
    shared = ops.where(meet, sides[..., 0] * sides[..., 1], 0.0)
    areas = [(c[..., 2] - c[..., 0]) * (c[..., 3] - c[..., 1]) for c in (a, b)]
    return shared, areas[0] + areas[1] - shared


def _around(a, b):
    return ops.maximum(a[..., 2:], b[..., 2:]) - ops.minimum(a[..., :2], b[..., :2])


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - generalized IoU of boxes (N, 4) and the N boxes they should be."""
    a, b = _corners(boxes1, boxes2)
    shared, union = _shared_and_union(a, b)
    sides = _around(a, b)
    around = sides[..., 0] * sides[..., 1]
    loss = 1 - (shared / (union + eps) - (around - union) / (around + eps))
    return reduced(loss, reduction)


def _distance(a, b, eps):
    shared, union = _shared_and_union(a, b)
    iou = shared / (union + eps)
    diagonal = (_around(a, b) ** 2).sum(-1) + eps
    apart = (((a[..., :2] + a[..., 2:]) / 2 - (b[..., :2] + b[..., 2:]) / 2) ** 2).sum(-1)
    return 1 - iou + apart / diagonal, iou


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - distance IoU: boxes far apart are drawn together, too."""
    return reduced(_distance(*_corners(boxes1, boxes2), eps)[0], reduction)


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """`distance_box_iou_loss` and what the proportions differ."""
    a, b = _corners(boxes1, boxes2)
    loss, iou = _distance(a, b, 1e-7)
    unlike = 4 / pi**2 * (slant(b) - slant(a)) ** 2
    with no_grad():
        weight = unlike / (1 - iou + unlike + eps)
    return reduced(loss + weight * unlike, reduction)
