"""ElasticTransform: pixels moved by a smooth random field."""

import numbers

from ... import ops
from . import functional as F
from .base import Transform
from .conversion import InterpolationMode
from .geometry import mode_of

__all__ = ["ElasticTransform"]


def _pair(value, name):
    if isinstance(value, numbers.Number):
        return [float(value)] * 2
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if len(value) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 1 or 2. Got {len(value)}")
    return [float(v) for v in value] * (3 - len(value))


class ElasticTransform(Transform):
    """Moved by up to `alpha` pixels, the field smoothed by a bell curve of width `sigma`."""

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha, self.sigma = _pair(alpha, "alpha"), _pair(sigma, "sigma")
        self.interpolation = mode_of(interpolation)
        self.fill = fill

    @staticmethod
    def get_params(alpha, sigma, size):
        """The field (1, H, W, 2)."""
        parts = []
        for a, s, n in zip(alpha, sigma, size[::-1], strict=True):
            field = ops.rand([1, 1, *size]) * 2 - 1
            if s > 0.0:
                length = int(8 * s + 1)
                field = F.gaussian_blur(field, [length + (length % 2 == 0)] * 2, sigma)
            parts.append(field * a / n)
        return ops.cat(parts, 1).permute([0, 2, 3, 1])

    def draw(self, image):
        _, height, width = F.get_dimensions(image)
        return self.get_params(self.alpha, self.sigma, [height, width])

    def change(self, image, drawn):
        return F.elastic_transform(image, drawn, self.interpolation, self.fill)

    def __repr__(self):
        numbers = self.fill if isinstance(self.fill, (tuple, list)) else [self.fill]
        fill = None if self.fill is None else [float(number) for number in numbers]
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={fill})"
        )
