"""torch.utils.ThroughputBenchmark measures with threads of its C++ part, and is left out."""

from ..base.refusals import refused_classes

__all__ = ["ExecutionStats", "ThroughputBenchmark"]

_HINT = "torch.utils.benchmark.Timer measures."
(ThroughputBenchmark,) = refused_classes("utils", "ThroughputBenchmark", _HINT)
(ExecutionStats,) = refused_classes("utils.throughput_benchmark", "ExecutionStats", _HINT)
