"""torchvision.models.resnet: residual networks, whose names exist and refuse."""

from .names import refused

globals().update(refused("resnet"))
