"""torch.distributed.optim: optimizers of several processes, which are refused."""

from ..base.refusals import refused_classes

__all__ = ["DistributedOptimizer", "PostLocalSGDOptimizer", "ZeroRedundancyOptimizer"]

DistributedOptimizer, PostLocalSGDOptimizer, ZeroRedundancyOptimizer = refused_classes(
    "distributed.optim", "DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer",
    "in one process an optimizer of torch.optim does the same.",
)  # fmt: skip
