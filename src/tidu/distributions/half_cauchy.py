"""HalfCauchy."""

import math

from .. import ops
from .cauchy import Cauchy
from .half_normal import Half

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """The size of a Cauchy around 0."""

    mean = property(lambda self: ops.full_like(self.scale, math.inf))
    variance = property(lambda self: self.scale.pow(2) * math.inf)

    @property
    def _whole(self):
        return Cauchy(ops.zeros_like(self.scale), self.scale, validate_args=False)
