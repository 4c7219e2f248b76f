"""Models whose parameters lie in several processes; the settings exist, the models are refused."""

import enum
from dataclasses import dataclass
from typing import Any

from ...base.refusals import refused_classes, refused_functions

_HINT = "there is one process, which has room for the whole model: use the module itself."

FullyShardedDataParallel, FSDPModule = refused_classes(
    "distributed.fsdp", "FullyShardedDataParallel FSDPModule", _HINT
)
fully_shard, wrap, enable_wrap = refused_functions(
    "distributed.fsdp", "fully_shard wrap enable_wrap", _HINT
)
size_based_auto_wrap_policy, transformer_auto_wrap_policy = refused_functions(
    "distributed.fsdp.wrap", "size_based_auto_wrap_policy transformer_auto_wrap_policy", _HINT
)


class ShardingStrategy(enum.Enum):
    """How parameters would be spread."""

    FULL_SHARD = 1
    SHARD_GRAD_OP = 2
    NO_SHARD = 3
    HYBRID_SHARD = 4
    _HYBRID_SHARD_ZERO2 = 5


class BackwardPrefetch(enum.Enum):
    """When parameters would be fetched for the backward pass."""

    BACKWARD_PRE = 1
    BACKWARD_POST = 2


class StateDictType(enum.Enum):
    """Which state dict such a model would give."""

    FULL_STATE_DICT = 1
    LOCAL_STATE_DICT = 2
    SHARDED_STATE_DICT = 3


@dataclass
class MixedPrecision:
    """The types in which such a model would compute, reduce and keep buffers."""

    param_dtype: Any = None
    reduce_dtype: Any = None
    buffer_dtype: Any = None
    keep_low_precision_grads: bool = False
    cast_forward_inputs: bool = False
    cast_root_forward_inputs: bool = True


@dataclass(frozen=True)
class MixedPrecisionPolicy:
    """The types for fully_shard."""

    param_dtype: Any = None
    reduce_dtype: Any = None
    output_dtype: Any = None
    cast_forward_inputs: bool = True


@dataclass
class CPUOffload:
    """Whether parameters would wait in the CPU's memory."""

    offload_params: bool = False


@dataclass
class StateDictConfig:
    """Settings of a state dict."""

    offload_to_cpu: bool = False


@dataclass
class FullStateDictConfig(StateDictConfig):
    """Settings of a whole state dict."""

    rank0_only: bool = False


@dataclass
class LocalStateDictConfig(StateDictConfig):
    """Settings of the state dict of one process."""
