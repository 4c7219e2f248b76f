"""torch.distributed.tensor: its names, which refuse."""

from . import parallel
from .placements import DTensor, Partial, Replicate, Shard, distribute_module, distribute_tensor
