"""LowRankMultivariateNormal."""

from .. import ops
from . import constraints
from .distribution import standard_normal
from .multivariate_normal import MultivariateNormal

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(MultivariateNormal):
    """Normal vectors of covariance W W^T + diag(d)."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        self._check(loc, cov_factor, cov_diag)
        covariance = cov_factor @ cov_factor.mT + ops.diag_embed(cov_diag)
        super().__init__(loc, covariance_matrix=covariance, validate_args=validate_args)
        self.cov_factor, self.cov_diag = cov_factor, cov_diag

    @staticmethod
    def _check(loc, cov_factor, cov_diag):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if cov_diag.shape[-1:] != (n,):
            raise ValueError(f"cov_diag must be a batch of vectors with shape ({n},)")

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        rank = self.cov_factor.shape[-1]
        wide = standard_normal((*shape[:-1], rank), self.loc.dtype)
        eps = standard_normal(shape, self.loc.dtype)
        moved = (self.cov_factor @ wide.unsqueeze(-1)).squeeze(-1)
        return self.loc + moved + self.cov_diag.sqrt() * eps
