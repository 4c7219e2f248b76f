"""torch.cuda.amp: mixed precision for GPUs, which is switched off here."""

import warnings

from ..amp import autocast_mode, grad_scaler
from ..base.dtypes import float16
from ..base.frames import user_depth

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


def _warn_of_name(name):
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use "
        f"`torch.amp.{name}('cuda', args...)` instead.",
        FutureWarning, stacklevel=user_depth(),
    )  # fmt: skip


class autocast(autocast_mode.autocast):
    """torch.amp.autocast("cuda", ...)."""

    def __init__(self, enabled=True, dtype=float16, cache_enabled=True):
        _warn_of_name("autocast")
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """torch.amp.GradScaler("cuda", ...)."""

    def __init__(self, init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5,
                 growth_interval=2000, enabled=True):  # fmt: skip
        _warn_of_name("GradScaler")
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )


def custom_fwd(fwd=None, *, cast_inputs=None):
    return autocast_mode.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd=None):
    return autocast_mode.custom_bwd(bwd, device_type="cuda")
