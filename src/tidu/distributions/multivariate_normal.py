"""MultivariateNormal."""

import math

from .. import ops
from ..base.size import Size
from ..ops import decompositions
from ..ops import matrix_functions as matrices
from . import constraints
from .distribution import Distribution, fits, lazy_property, library_class, standard_normal

__all__ = ["MultivariateNormal", "factor_of_inverse", "half_log_det", "mahalanobis"]


class MultivariateNormal(Distribution):
    """Normal vectors, by a covariance, a precision or a lower Cholesky factor."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None,
                 validate_args=None):  # fmt: skip
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix,
                 "scale_tril": scale_tril}  # fmt: skip
        given = {name: m for name, m in given.items() if m is not None}
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = ops.broadcast_shapes(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        self.__dict__[name] = matrix.expand((*batch, *matrix.shape[-2:]))
        self.loc = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(name, matrix)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(library_class(type(self)), _instance)
        new.__dict__.update(self.__dict__)
        new._batch_shape = Size(batch_shape)
        for name in ("loc", *self.arg_constraints):
            if name in self.__dict__:
                value, n = self.__dict__[name], 1 if name == "loc" else 2
                new.__dict__[name] = value.expand((*batch_shape, *value.shape[value.dim() - n :]))
        return new

    @lazy_property
    def scale_tril(self):
        return self._unbroadcasted_scale_tril.expand(
            (*self._batch_shape, *self._event_shape, *self._event_shape)
        )

    @lazy_property
    def covariance_matrix(self):
        found = self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT
        return found.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @lazy_property
    def precision_matrix(self):
        found = matrices.inv(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)
        return found.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    mean = mode = property(lambda self: self.loc)
    variance = property(
        lambda self: self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self.loc.shape)
    )

    def rsample(self, sample_shape=()):
        eps = standard_normal(self._extended_shape(sample_shape), self.loc.dtype)
        return self.loc + (self._unbroadcasted_scale_tril @ eps.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        fits(self, value)
        n = self._event_shape[0]
        squares = mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (n * math.log(2 * math.pi) + squares) - half_log_det(
            self._unbroadcasted_scale_tril
        )

    def entropy(self):
        n = self._event_shape[0]
        found = 0.5 * n * (1.0 + math.log(2 * math.pi)) + half_log_det(
            self._unbroadcasted_scale_tril
        )
        return found.expand(self._batch_shape) if self._batch_shape else found


def factor_of(name, matrix):
    """The lower Cholesky factor of a covariance that is given by one of its three names."""
    if name == "scale_tril":
        return matrix
    if name == "covariance_matrix":
        return decompositions.cholesky(matrix)
    return factor_of_inverse(matrix)


def factor_of_inverse(matrix):
    """The lower Cholesky factor of the inverse of a matrix."""
    turned = decompositions.cholesky(matrix.flip((-2, -1)))
    inverse = turned.flip((-2, -1)).transpose(-2, -1)
    unit = ops.eye(matrix.shape[-1], dtype=matrix.dtype)
    return matrices.solve_triangular(inverse, unit, upper=False)


def mahalanobis(factor, difference):
    """|L^-1 x|^2 for each x."""
    shape = ops.broadcast_shapes(tuple(factor.shape[:-2]), tuple(difference.shape[:-1]))
    n = factor.shape[-1]
    factor, difference = factor.expand((*shape, n, n)), difference.expand((*shape, n))
    solved = matrices.solve_triangular(factor, difference.unsqueeze(-1), upper=False)
    return solved.squeeze(-1).pow(2).sum(-1)


def half_log_det(factor):
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
