"""torchvision.models.vision_transformer: transformers on patches, whose names exist and refuse."""

from .names import refused

globals().update(refused("vision_transformer"))
