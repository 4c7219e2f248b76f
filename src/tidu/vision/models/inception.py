"""torchvision.models.inception: networks of parallel convolutions, whose names exist and refuse."""

from .names import refused

globals().update(refused("inception"))
