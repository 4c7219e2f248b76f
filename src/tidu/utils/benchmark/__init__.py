"""torch.utils.benchmark: measuring statements."""

from .timer import Compare, Language, Measurement, Timer

__all__ = ["Compare", "Language", "Measurement", "Timer"]
