"""torch._dynamo.config: switches that programs set."""

from ..frontend.settings import Switches

__all__ = ["config"]

config = Switches(
    suppress_errors=False, cache_size_limit=8, recompile_limit=8, verbose=False,
    capture_scalar_outputs=False, automatic_dynamic_shapes=True, optimize_ddp=True,
)  # fmt: skip
