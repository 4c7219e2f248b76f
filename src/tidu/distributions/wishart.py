"""Wishart: random positive definite matrices."""

import math
import warnings

from .. import ops
from ..autograd import no_grad
from ..base.dtypes import finfo
from ..base.size import Size
from ..ops import decompositions, special_functions
from ..ops import matrix_functions as matrices
from . import constraints
from .chi2 import Chi2
from .distribution import fits, lazy_property, together
from .exp_family import ExponentialFamily
from .multivariate_normal import factor_of, half_log_det

__all__ = ["Wishart"]

_TRIES = 10


class Wishart(ExponentialFamily):
    """What `df` normal vectors of covariance V make, summed as x xᵀ: a (p, p) matrix.

    V is given as a covariance, a precision or a lower Cholesky factor; drawn by the decomposition
    of Bartlett (1933). ValueError for ``df`` not above p - 1.

    >>> import tidu as torch
    >>> d = torch.distributions.Wishart(torch.tensor(3.0), torch.eye(2))
    >>> d.mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }
    support = constraints.positive_definite
    has_rsample = True

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None,
                 validate_args=None):  # fmt: skip
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix,
                 "scale_tril": scale_tril}  # fmt: skip
        given = {name: m for name, m in given.items() if m is not None}
        if len(given) != 1:
            raise AssertionError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        (df,) = together(df)
        batch = ops.broadcast_shapes(tuple(matrix.shape[:-2]), tuple(df.shape))
        event, side = Size(matrix.shape[-2:]), matrix.shape[-1]
        self.df = df.expand(batch)
        if bool((self.df <= side - 1).any()):
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {side - 1}.")
        self.__dict__[name] = matrix.expand((*batch, *event))
        self.arg_constraints = {
            **type(self).arg_constraints, "df": constraints.greater_than(side - 1),
        }  # fmt: skip
        super().__init__(batch, event, validate_args=validate_args)
        if bool((self.df < side).any()):
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 "
                "< df < ndim.",
                stacklevel=2,
            )
        self._unbroadcasted_scale_tril = factor_of(name, matrix)
        self._chi2 = self._of_columns()

    def _of_columns(self):
        """The squares of the diagonal: one degree of freedom less in each column."""
        places = ops.arange(self._event_shape[-1], dtype=self.df.dtype)
        return Chi2(df=self.df.unsqueeze(-1) - places, validate_args=False)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Wishart, _instance)
        new.__dict__.update(self.__dict__)
        new._batch_shape = Size(batch_shape)
        new.df = self.df.expand(batch_shape)
        for name in ("covariance_matrix", "precision_matrix", "scale_tril"):
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name].expand((*batch_shape, *self._event_shape))
        new._chi2 = new._of_columns()
        return new

    def _wide(self, matrix):
        return matrix.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self):
        return self._wide(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        return self._wide(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self):
        unit = ops.eye(self._event_shape[-1], dtype=self._unbroadcasted_scale_tril.dtype)
        return self._wide(decompositions.cholesky_solve(unit, self._unbroadcasted_scale_tril))

    @property
    def mean(self):
        return self.df.view((*self._batch_shape, 1, 1)) * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = ops.where(factor <= 0, ops.full_like(factor, math.nan), factor)
        return factor.view((*self._batch_shape, 1, 1)) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        outer = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.view((*self._batch_shape, 1, 1)) * (v.pow(2) + outer)

    def _drawn(self, sample_shape):
        side = self._event_shape[-1]
        diagonal = (
            self._chi2.rsample(sample_shape).sqrt().clamp(min=finfo(self.df.dtype).eps).diag_embed()
        )
        count = side * (side - 1) // 2
        below = ops.randn((*sample_shape, *self._batch_shape, count), dtype=self.df.dtype)
        rows, columns = ops.tril_indices(side, side, -1)
        lower = ops.zeros(diagonal.shape, dtype=diagonal.dtype)
        lower[..., rows, columns] = below
        factor = self._unbroadcasted_scale_tril @ (diagonal + lower)
        return factor @ factor.mT

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Draws; those that rounding has made singular are drawn anew, a few times."""
        sample_shape = Size(sample_shape)
        sample = self._drawn(sample_shape)
        # PyTorch's first test is the other way round: what is good is drawn once more. The same
        # seed is to give the same matrices, whose distribution is right either way.
        redo = self._any_in_batch(self._good(sample))
        for _ in range(_TRIES if max_try_correction is None else max_try_correction):
            if not bool(redo.any()):
                break
            fresh = self._drawn((int(redo.sum()),))
            places = redo.clone()
            sample = sample.index_put((places,), fresh) if sample_shape else fresh[0]
            redo[places] = self._any_in_batch(~self._good(fresh))
        if bool(redo.any()):
            warnings.warn("Singular sample detected.", stacklevel=2)
        return sample

    def _good(self, sample):
        with no_grad():
            return self.support.check(sample)

    def _any_in_batch(self, flags):
        for _ in self._batch_shape:
            flags = flags.any(-1)
        return flags

    def log_prob(self, value):
        fits(self, value)
        nu, side = self.df, self._event_shape[-1]
        solved = decompositions.cholesky_solve(
            value, self._wide(self._unbroadcasted_scale_tril).expand(value.shape)
        )
        return (
            -nu * (side * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
            - special_functions.mvlgamma(nu / 2, side)
            + (nu - side - 1) / 2 * matrices.slogdet(value).logabsdet
            - solved.diagonal(dim1=-2, dim2=-1).sum(-1) / 2
        )

    def entropy(self):
        nu, side = self.df, self._event_shape[-1]
        places = ops.arange(side, dtype=nu.dtype)
        digammas = ops.digamma((nu.unsqueeze(-1) - places) / 2).sum(-1)
        return (
            (side + 1) * (side * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
            + special_functions.mvlgamma(nu / 2, side)
            - (nu - side - 1) / 2 * digammas
            + nu * side / 2
        )
