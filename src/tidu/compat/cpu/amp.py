"""torch.cpu.amp: the old names of autocast and GradScaler for the CPU."""

import warnings

from ..amp import autocast_mode, grad_scaler
from ..base.dtypes import bfloat16
from ..base.frames import user_depth

__all__ = ["GradScaler", "autocast"]


def _warn_of_name(name):
    warnings.warn(
        f"`torch.cpu.amp.{name}(args...)` is deprecated. Please use "
        f"`torch.amp.{name}('cpu', args...)` instead.",
        FutureWarning, stacklevel=user_depth(),
    )  # fmt: skip


class autocast(autocast_mode.autocast):
    """torch.amp.autocast("cpu", ...)."""

    def __init__(self, enabled=True, dtype=bfloat16, cache_enabled=True):
        _warn_of_name("autocast")
        super().__init__("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """torch.amp.GradScaler("cpu", ...)."""

    def __init__(self, init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5,
                 growth_interval=2000, enabled=True):  # fmt: skip
        _warn_of_name("GradScaler")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
