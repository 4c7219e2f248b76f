"""torch.amp: mixed precision; listed functions compute in bfloat16 inside autocast."""

from ..base.lazy import late
from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

__getattr__ = late(__name__, {})
