"""LKJCholesky: Cholesky factors of random correlation matrices."""

import math

from .. import ops
from ..autograd import no_grad
from ..base.dtypes import finfo
from ..ops import special_functions
from . import constraints
from .beta import Beta
from .distribution import Distribution, fits, together

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower factors L of correlation matrices with density det(L Lᵀ)^(concentration - 1).

    1 makes all correlation matrices equally likely, more favours the unit matrix. Drawn by the
    onion method (Lewandowski, Kurowicka & Joe 2009).

    >>> import tidu as torch
    >>> torch.distributions.LKJCholesky(3).sample().shape
    torch.Size([3, 3])
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = together(concentration)
        batch = self.concentration.shape
        # The squared length of row i outside the diagonal is Beta distributed.
        places = ops.arange(dim - 1, dtype=self.concentration.dtype)
        places = ops.cat([ops.zeros(1, dtype=places.dtype), places])
        rest = self.concentration + 0.5 * (dim - 2)
        self._lengths = Beta(places + 0.5, rest.unsqueeze(-1) - 0.5 * places)
        super().__init__(batch, (dim, dim), validate_args)

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape, _instance)
        new._lengths = self._lengths.expand((*batch_shape, self.dim))
        return new

    def sample(self, sample_shape=()):
        with no_grad():
            lengths = self._lengths.sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            directions = ops.randn(shape, dtype=lengths.dtype).tril(-1)
            directions = directions / directions.norm(dim=-1, keepdim=True)
            directions[..., 0, :] = 0.0
            below = lengths.sqrt() * directions
            tiny = finfo(below.dtype).tiny
            diagonal = (1 - (below**2).sum(-1)).clamp(min=tiny).sqrt()
            return below + diagonal.diag_embed()

    def log_prob(self, value):
        fits(self, value)
        diagonal = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        order = ops.arange(2, self.dim + 1)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalized = (order * diagonal.log()).sum(-1)
        below = self.dim - 1
        alpha = self.concentration + 0.5 * below
        numerator = special_functions.mvlgamma(alpha - 0.5, below)
        constant = 0.5 * below * math.log(math.pi)
        return unnormalized - (constant + numerator - alpha.lgamma() * below)
