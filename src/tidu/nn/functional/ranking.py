"""Distances, and the losses on pairs and triplets that are made of them."""

from ... import ops
from ...core.retries import asked
from ...ops.convert import named, require_tensor
from .reduction import reduced, reduction_of

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "hinge_embedding_loss", "margin_ranking_loss",
    "normalize", "pairwise_distance", "pdist", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


@asked
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 · x2 / (|x1| |x2|) along ``dim``, each norm at least ``eps``."""
    if x1.shape != x2.shape:
        shape = (x1.detach() * x2.detach()).shape  # refuses what cannot be multiplied
        x1, x2 = x1.expand(shape), x2.expand(shape)
    norm1 = named(ops.clamp(ops.vector_norm(x1, 2, dim, True), min=eps), "CloneBackward0")
    norm2 = named(ops.clamp(ops.vector_norm(x2, 2, dim, True), min=eps), "CloneBackward0")
    return ((x1 / norm1) * (x2 / norm2)).sum(dim)


@asked
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of ``x1 - x2 + eps`` along the last dimension."""
    dim = max(x1.dim(), x2.dim()) - 1
    off = x1 - x2
    off = named(off + eps, "AddBackward1", off)
    return named(ops.vector_norm(off, p, dim, keepdim), "NormBackward1", off, p=p, dim=(dim,),
                 keepdim=keepdim)  # fmt: skip


@asked
def pdist(input, p=2.0):
    """The distances between all pairs of rows, the upper triangle of the matrix row by row."""
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    count = input.size(0)
    rows, columns = ops.triu_indices(count, count, 1)
    distances = ops.vector_norm(input[rows] - input[columns], p, -1)
    return named(distances, "PdistBackward0", input, p=p)


@asked
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(|x|_p, eps) along ``dim``."""
    length = ops.vector_norm(input, p, dim, True)
    norm = ops.clamp(length, min=eps)
    if out is not None:
        return ops.div(input, norm, out=out)
    return named(input / norm, "DivBackward0", input, ("Expand", ("ClampMin", length)))


@asked
def cosine_embedding_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """1 - cos for pairs that belong together (target 1), max(0, cos - margin) for others (-1)."""
    reduction = reduction_of(size_average, reduce, reduction)
    product = (input1 * input2).sum(-1)
    tiny = 1e-12
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = product / ops.sqrt(squares)
    together = ops.where(target == 1, 1 - cosine, 0.0)
    apart = ops.where(target == -1, ops.clamp(cosine - margin, min=0), 0.0)
    return reduced(together + apart, reduction)


@asked
def hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """x where the target is 1, max(0, margin - x) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    require_tensor("hinge_embedding_loss", target, "target", 2)
    apart = ops.where(target != 1, ops.clamp(margin - input, min=0), 0.0)
    together = ops.where(target != -1, input, 0.0)
    return reduced(apart + together, reduction)


@asked
def margin_ranking_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """max(0, -target · (x1 - x2) + margin)."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced(ops.clamp(-target * (input1 - input2) + margin, min=0), reduction)


@asked
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
    reduce=None, reduction="mean",
):  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin)."""
    reduction = reduction_of(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )

    def distance(a, b):
        return pairwise_distance(a, b, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(anchor, positive, negative, distance, margin, swap, reduction):
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced(ops.clamp(margin + near - far, min=0), reduction)


@asked
def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """`triplet_margin_loss` with a distance of one's own."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)
