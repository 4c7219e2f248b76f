"""torch.distributed._composable.fsdp: older names of torch.distributed.fsdp."""

from ..fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

__all__ = ["FSDPModule", "MixedPrecisionPolicy", "fully_shard"]
