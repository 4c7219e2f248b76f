"""torchvision.ops: boxes (x1, y1, x2, y2), their overlap, and choosing among them."""

from math import pi

from ... import ops
from ...autograd.grad_mode import no_grad
from ...base import dtypes
from ...base.errors import hinted

__all__ = [
    "batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou",
    "distance_box_iou", "generalized_box_iou", "masks_to_boxes", "nms", "remove_small_boxes",
]  # fmt: skip


def wide(t):
    """In a type whose products do not overflow: float32 or int32 at least."""
    if t.is_floating_point():
        return t if t.dtype in (dtypes.float32, dtypes.float64) else t.float()
    return t if t.dtype in (dtypes.int32, dtypes.int64) else t.int()


def box_area(boxes, fmt="xyxy"):
    """The area of each of (..., N, 4) boxes, as `fmt` says (xyxy, xywh or cxcywh).

    >>> import tidu as torch
    >>> box_area(torch.tensor([[0.0, 0.0, 2.0, 3.0]]))
    tensor([6.])
    """
    if fmt not in ("xyxy", "xywh", "cxcywh"):
        raise ValueError(f"Unsupported Box Area for given format {fmt}")
    boxes = wide(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return boxes[..., 2] * boxes[..., 3]


def _shared_and_union(boxes1, boxes2):
    """The areas each pair shares, and covers together: (..., N, M)."""
    low = ops.maximum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    high = ops.minimum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    sides = wide(high - low).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    return shared, box_area(boxes1)[..., :, None] + box_area(boxes2)[..., None, :] - shared


def _around(boxes1, boxes2):
    """The sides of the smallest box around each pair: (..., N, M, 2)."""
    low = ops.minimum(boxes1[..., :, None, :2], boxes2[..., None, :, :2])
    high = ops.maximum(boxes1[..., :, None, 2:], boxes2[..., None, :, 2:])
    return wide(high - low).clamp(min=0)


def _as_corners(boxes, fmt):
    return boxes if fmt == "xyxy" else box_convert(boxes, fmt, "xyxy")


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """Intersection over union of each pair: (..., N, M)."""
    if fmt not in ("xyxy", "xywh", "cxcywh"):
        raise ValueError(f"Unsupported Box IoU Calculation for given fmt {fmt}.")
    shared, union = _shared_and_union(_as_corners(boxes1, fmt), _as_corners(boxes2, fmt))
    return shared / union


def generalized_box_iou(boxes1, boxes2):
    """`box_iou` less the share of the smallest box around both that neither covers."""
    shared, union = _shared_and_union(boxes1, boxes2)
    sides = _around(boxes1, boxes2)
    around = sides[..., 0] * sides[..., 1]
    return shared / union - (around - union) / around


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """`box_iou` less the distance of the centres, in diagonals of the box around both, squared."""
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    diagonal = (_around(boxes1, boxes2) ** 2).sum(-1) + eps
    centres = [(b[..., :2] + b[..., 2:]) / 2 for b in (boxes1, boxes2)]
    apart = wide(centres[0][..., :, None, :] - centres[1][..., None, :, :]) ** 2
    return box_iou(boxes1, boxes2) - apart.sum(-1) / diagonal


def slant(boxes):
    """The angle of each box's diagonal, by its width and height."""
    return ops.atan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1]))


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """`distance_box_iou` less what the boxes' proportions differ (Zheng et al. 2020)."""
    boxes1, boxes2 = wide(boxes1), wide(boxes2)
    unlike = 4 / pi**2 * (slant(boxes1)[..., :, None] - slant(boxes2)[..., None, :]) ** 2
    with no_grad():
        weight = unlike / (1 - box_iou(boxes1, boxes2) + unlike + eps)
    return distance_box_iou(boxes1, boxes2, eps) - weight * unlike


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
    if boxes.numel() > 4000:  # the shift below would cost digits
        groups = [ops.where(idxs == group)[0] for group in ops.unique(idxs)]
        kept = ops.cat([g[nms(boxes[g], scores[g], iou_threshold)] for g in groups]).sort()[0]
        return kept[scores[kept].sort(descending=True)[1]]
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
    """The places of the boxes left when those that overlap a better one are taken out.

    boxes: (N, 4) as (x1, y1, x2, y2); scores: (N,), of the same type. RuntimeError for others.
    """
    _check_scored(boxes, scores)
    order = ops.argsort(scores, descending=True, stable=True).tolist()
    overlap = box_iou(boxes, boxes).detach().numpy() if order else None
    kept: list[int] = []
    for i in order:
        if all(overlap[i, j] <= iou_threshold for j in kept):
            kept.append(i)
    return ops.tensor(kept, dtype=dtypes.int64)


def _check_scored(boxes, scores):
    wanted = "boxes are (N, 4), x1, y1, x2, y2 of each, with one score for each: (N,)."
    if boxes.dim() != 2:
        raise RuntimeError(hinted(f"boxes should be a 2d tensor, got {boxes.dim()}D", wanted))
    if boxes.size(1) != 4:
        raise RuntimeError(hinted(
            f"boxes should have 4 elements in dimension 1, got {boxes.size(1)}", wanted
        ))  # fmt: skip
    if scores.dim() != 1:
        raise RuntimeError(hinted(f"scores should be a 1d tensor, got {scores.dim()}D", wanted))
    if boxes.size(0) != scores.size(0):
        raise RuntimeError(hinted(
            "boxes and scores should have same number of elements in dimension 0, got "
            f"{boxes.size(0)} and {scores.size(0)}", wanted,
        ))  # fmt: skip
    if boxes.dtype is not scores.dtype:
        raise RuntimeError(hinted(
            "dets should have the same type as scores", "scores.to(boxes.dtype) makes them so."
        ))  # fmt: skip
