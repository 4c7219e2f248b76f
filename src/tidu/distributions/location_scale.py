"""LocationScale: what distributions of a place `loc` and a width `scale` have in common."""

from . import constraints
from .distribution import Distribution, together

__all__ = ["LocationScale"]


class LocationScale(Distribution):
    """A density moved to `loc` and stretched by `scale`, over the real numbers."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def _place(self, loc, scale, validate_args):
        """What the constructors of the classes do."""
        self.loc, self.scale = together(loc, scale)
        Distribution.__init__(self, self.loc.shape, validate_args=validate_args)

    mode = property(lambda self: self.loc)
