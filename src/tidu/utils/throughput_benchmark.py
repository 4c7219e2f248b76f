"""torch.utils.ThroughputBenchmark measures with threads of its C++ part, and is left out."""

from ..refusals import refused_classes

__all__ = ["ExecutionStats", "ThroughputBenchmark"]

ThroughputBenchmark, ExecutionStats = refused_classes(
    "utils", "ThroughputBenchmark ExecutionStats", "torch.utils.benchmark.Timer measures."
)
