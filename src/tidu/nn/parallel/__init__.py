"""torch.nn.parallel: on one processor, wrappers that call the module they hold."""

from ...base.lazy import late
from .data_parallel import (
    DataParallel,
    data_parallel,
    gather,
    parallel_apply,
    replicate,
    scatter,
)
from .distributed import DistributedDataParallel

__all__ = [
    "DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply",
    "replicate", "scatter",
]  # fmt: skip

__getattr__ = late(__name__, {"scatter_gather": ".scatter_gather"})
