"""torch.autograd: backward, grad, the recording modes, Function; the rest loads when asked for."""

from ..base.lazy import late
from .engine import backward, grad
from .function import Function
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)  # fmt: skip

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "grad", "gradcheck",
    "gradgradcheck", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled", "no_grad",
    "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip

__getattr__ = late(__name__, {
    "anomaly_mode": ".anomaly_mode", "detect_anomaly": ".anomaly_mode:detect_anomaly",
    "set_detect_anomaly": ".anomaly_mode:set_detect_anomaly", "forward_ad": ".forward_ad",
    "functional": ".functional", "grad_mode": ".grad_mode", "graph": ".graph",
    "profiler": "..profiler", "variable": ".variable", "Variable": ".variable:Variable",
    "_is_checkpoint_valid": ".engine:_is_checkpoint_valid",
    "NestedIOFunction": ".function_refusals:NestedIOFunction",
    "enforce_grad_layout_policy": ".grad_mode:enforce_grad_layout_policy",
    "set_multithreading_enabled": ".grad_mode:set_multithreading_enabled",
})  # fmt: skip
