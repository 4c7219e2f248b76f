"""torchvision.models.feature_extraction: values from inside networks, refused."""

from .names import refused

globals().update(refused("feature_extraction"))
