"""torchvision as far as it needs no trained networks: transforms, data sets, image grids."""

from ..base.lazy import late
from . import datasets, transforms, utils

__all__ = ["datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"]

__version__ = "0.28.0"

__getattr__ = late(
    __name__, {"io": ".io", "models": ".models", "ops": ".ops", "tv_tensors": ".tv_tensors"}
)
