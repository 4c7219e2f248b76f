"""torchvision.models.mobilenetv2: small networks, whose names exist and refuse."""

from .names import refused

globals().update(refused("mobilenetv2"))
