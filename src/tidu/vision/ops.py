"""torchvision.ops: boxes (x1, y1, x2, y2), their overlap, and choosing among them."""

from .. import dtypes, ops

__all__ = ["box_area", "box_convert", "box_iou", "clip_boxes_to_image", "nms", "sigmoid_focal_loss"]


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
