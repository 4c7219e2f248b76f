"""torchvision.ops: boxes (x1, y1, x2, y2), their overlap, and choosing among them."""

from .. import ops
from ..base import dtypes
from .layers import (
    MLP,
    Conv2dNormActivation,
    FrozenBatchNorm2d,
    Permute,
    SqueezeExcitation,
    StochasticDepth,
    stochastic_depth,
)

__all__ = [
    "Conv2dNormActivation", "FrozenBatchNorm2d", "MLP", "Permute", "SqueezeExcitation",
    "StochasticDepth", "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image",
    "generalized_box_iou", "masks_to_boxes", "nms", "remove_small_boxes", "sigmoid_focal_loss",
    "stochastic_depth",
]  # fmt: skip


def box_area(boxes):
    """The area of each of (N, 4) boxes."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def box_iou(boxes1, boxes2):
    """Intersection over union of each pair: (N, M)."""
    low = ops.maximum(boxes1[:, None, :2], boxes2[:, :2])
    high = ops.minimum(boxes1[:, None, 2:], boxes2[:, 2:])
    sides = (high - low).clamp(min=0)
    shared = sides[:, :, 0] * sides[:, :, 1]
    return shared / (box_area(boxes1)[:, None] + box_area(boxes2) - shared)


def generalized_box_iou(boxes1, boxes2):
    """`box_iou` less the share of the smallest box around both that neither covers: (N, M)."""
    low = ops.maximum(boxes1[:, None, :2], boxes2[:, :2])
    high = ops.minimum(boxes1[:, None, 2:], boxes2[:, 2:])
    shared = (high - low).clamp(min=0).prod(2)
    union = box_area(boxes1)[:, None] + box_area(boxes2) - shared
    low = ops.minimum(boxes1[:, None, :2], boxes2[:, :2])
    high = ops.maximum(boxes1[:, None, 2:], boxes2[:, 2:])
    around = (high - low).clamp(min=0).prod(2)
    return shared / union - (around - union) / around


def remove_small_boxes(boxes, min_size):
    """The places of the boxes whose sides are both `min_size` at least."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return ops.where((sides >= min_size).all(1))[0]


def masks_to_boxes(masks):
    """For each mask (N, H, W) the box of its first and last rows and columns: (N, 4)."""
    found = ops.zeros((masks.shape[0], 4), dtype=dtypes.float32)
    for i, mask in enumerate(masks):
        y, x = ops.where(mask != 0)
        found[i] = ops.stack([x.min(), y.min(), x.max(), y.max()])
    return found


def batched_nms(boxes, scores, idxs, iou_threshold):
    """`nms` within each group: boxes of different `idxs` do not push each other out."""
    if not boxes.numel():
        return ops.zeros(0, dtype=dtypes.int64)
    apart = idxs.to(boxes.dtype) * (boxes.max() + 1)
    return nms(boxes + apart[:, None], scores, iou_threshold)


def _corners(boxes, form):
    if form == "xyxy":
        return boxes.unbind(-1)
    a, b, c, d = boxes.unbind(-1)
    if form == "xywh":
        return a, b, a + c, b + d
    if form == "cxcywh":
        return a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    raise ValueError("Unsupported Bounding Box Conversions for given in_fmt and out_fmt")


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes (..., 4) in another form: xyxy, xywh or cxcywh."""
    x1, y1, x2, y2 = _corners(boxes, in_fmt)
    if out_fmt == "xyxy":
        return ops.stack((x1, y1, x2, y2), -1)
    if out_fmt == "xywh":
        return ops.stack((x1, y1, x2 - x1, y2 - y1), -1)
    if out_fmt == "cxcywh":
        return ops.stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), -1)
    raise ValueError("Unsupported Bounding Box Conversions for given in_fmt and out_fmt")


def clip_boxes_to_image(boxes, size):
    """The part of each box that lies in an image of size (height, width)."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(min=0, max=width), boxes[..., 1::2].clamp(min=0, max=height)
    return ops.stack((x, y), boxes.dim()).reshape(boxes.shape)


def nms(boxes, scores, iou_threshold):
    """The places of the boxes left when those that overlap a better one are taken out."""
    order = ops.argsort(scores, descending=True, stable=True).tolist()
    overlap = box_iou(boxes, boxes).detach().numpy() if order else None
    kept: list[int] = []
    for i in order:
        if all(overlap[i, j] <= iou_threshold for j in kept):
            kept.append(i)
    return ops.tensor(kept, dtype=dtypes.int64)


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Cross entropy that counts the hard examples most (Lin et al. 2017)."""
    p = ops.sigmoid(inputs)
    ce = inputs.clamp(min=0) - inputs * targets + ops.log1p(ops.exp(-ops.abs(inputs)))
    loss = ce * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    if reduction == "none":
        return loss
    if reduction in ("mean", "sum"):
        return getattr(loss, reduction)()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', "
        "'mean', 'sum'"
    )
