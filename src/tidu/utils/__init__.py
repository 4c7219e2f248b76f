"""torch.utils: what programs use beside tensors and layers; the rest loads when asked for."""

from ..base.lazy import late
from . import data, hooks

__all__ = ["benchmark", "checkpoint", "data", "hooks"]

__getattr__ = late(
    __name__,
    {
        "ThroughputBenchmark": ".throughput_benchmark:ThroughputBenchmark",
        "_foreach_utils": "._foreach_utils",
        "_python_dispatch": "._python_dispatch",
        "_pytree": "._pytree",
        "backcompat": ".backcompat",
        "backend_registration": ".backend_registration",
        "benchmark": ".benchmark",
        "checkpoint": ".checkpoint",
        "collect_env": ".collect_env",
        "cpp_backtrace": ".cpp_backtrace",
        "deterministic": ".deterministic",
        "dlpack": ".dlpack",
        "generate_methods_for_privateuse1_backend": (
            ".backend_registration:generate_methods_for_privateuse1_backend"
        ),
        "get_cpp_backtrace": ".cpp_backtrace:get_cpp_backtrace",
        "rename_privateuse1_backend": ".backend_registration:rename_privateuse1_backend",
        "set_module": ".exchange:set_module",
        "swap_tensors": ".exchange:swap_tensors",
        "throughput_benchmark": ".throughput_benchmark",
        "weak": ".weak",
        "model_zoo": ".model_zoo",
    },
)
