"""torch.distributed.fsdp.wrap: its names, which refuse."""

from .sharding import enable_wrap, size_based_auto_wrap_policy, transformer_auto_wrap_policy, wrap

__all__ = ["enable_wrap", "size_based_auto_wrap_policy", "transformer_auto_wrap_policy", "wrap"]
