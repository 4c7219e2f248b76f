"""torchvision.models: networks of other people's design and weights, which tidu does not have.

The names exist, so that packages which import them load; making a network says what to do instead.
"""

from ...base.lazy import late
from .networks import network

__getattr__ = late(__name__, {}, network)
