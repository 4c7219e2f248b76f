"""torchvision.models.vgg: networks of plain convolutions, whose names exist and refuse."""

from .names import refused

globals().update(refused("vgg"))
