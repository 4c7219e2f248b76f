"""torch.distributed.tensor.experimental: blocks that change nothing on one device."""

from contextlib import nullcontext as implicit_replication

__all__ = ["implicit_replication"]
