"""torch.utils.flop_counter: its names, which refuse."""

from ..base.refusals import refused_classes

__all__ = ["FlopCounterMode"]

(FlopCounterMode,) = refused_classes(
    "utils.flop_counter", "FlopCounterMode",
    "torch.profiler.profile(record_shapes=True) tells the shapes of each product.",
)  # fmt: skip
