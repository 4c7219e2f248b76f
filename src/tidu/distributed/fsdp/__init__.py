"""torch.distributed.fsdp: its settings, and its models, which refuse."""

from . import fully_sharded_data_parallel, wrap
from .sharding import (
    BackwardPrefetch,
    CPUOffload,
    FSDPModule,
    FullStateDictConfig,
    FullyShardedDataParallel,
    LocalStateDictConfig,
    MixedPrecision,
    MixedPrecisionPolicy,
    ShardingStrategy,
    StateDictConfig,
    StateDictType,
    fully_shard,
)
