"""torch.distributed.tensor.parallel: its names, which refuse."""

from .placements import (
    ColwiseParallel,
    PrepareModuleInput,
    PrepareModuleOutput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

__all__ = ["ColwiseParallel", "PrepareModuleInput", "PrepareModuleOutput", "RowwiseParallel",
           "SequenceParallel", "parallelize_module"]  # fmt: skip
