"""torchvision.models.densenet: densely connected networks, whose names exist and refuse."""

from .names import refused

globals().update(refused("densenet"))
