"""Transforms of shapes, of lists of values and of matrices."""
# mypy: disable-error-code="assignment, unused-ignore"

import math

from ... import ops
from ...base.dtypes import finfo
from ...base.size import Size
from .. import constraints
from .elementary import Transform

__all__ = ["CatTransform", "CorrCholeskyTransform", "CumulativeDistributionTransform",
           "LowerCholeskyTransform", "PositiveDefiniteTransform", "ReshapeTransform",
           "StackTransform"]  # fmt: skip


class ReshapeTransform(Transform):
    """The last axes in another shape."""

    def __init__(self, in_shape, out_shape, cache_size=0):
        if math.prod(in_shape) != math.prod(out_shape):
            raise ValueError("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)

    bijective = True

    domain = property(lambda self: constraints.independent(constraints.real, len(self.in_shape)))
    codomain = property(lambda self: constraints.independent(constraints.real, len(self.out_shape)))

    def _call(self, x):
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y):
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x, y):
        return ops.zeros(x.shape[: x.dim() - len(self.in_shape)], dtype=x.dtype)

    def forward_shape(self, shape):
        return self._exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape):
        return self._exchanged(shape, self.out_shape, self.in_shape)

    @staticmethod
    def _exchanged(shape, old, new):
        cut = len(shape) - len(old)
        if cut < 0:
            raise ValueError("Too few dimensions on input")
        if tuple(shape[cut:]) != tuple(old):
            raise ValueError(f"Shape mismatch: expected {Size(shape[cut:])} but got {Size(old)}")
        return Size((*shape[:cut], *new))


class CumulativeDistributionTransform(Transform):
    """The distribution function of a distribution of one variable."""

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution, cache_size=0):
        super().__init__(cache_size)
        self.distribution = distribution

    domain = property(lambda self: self.distribution.support)

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)


class _OfParts(Transform):
    """A transform for each part of a value along one axis."""

    def with_cache(self, cache_size=1):
        new = super().with_cache(cache_size)
        if new is not self:
            new.transforms = [t.with_cache(cache_size) for t in self.transforms]
        return new

    @staticmethod
    def _checked(parts):
        if not all(isinstance(t, Transform) for t in parts):
            raise AssertionError("All elements of tseq must be Transform instances")
        return list(parts)

    def _each(self, value, function):
        return self._joined([function(t, v) for t, v in zip(self.transforms, self._parts(value))])

    def _call(self, x):
        return self._each(x, lambda t, v: t(v))

    def _inverse(self, y):
        return self._each(y, lambda t, v: t.inv(v))

    bijective = property(lambda self: all(t.bijective for t in self.transforms))

    def log_abs_det_jacobian(self, x, y):
        terms = [
            t.log_abs_det_jacobian(a, b)
            for t, a, b in zip(self.transforms, self._parts(x), self._parts(y))
        ]
        return self._joined(terms)


class CatTransform(_OfParts):
    """Transforms of pieces of given lengths along `dim`."""

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(cache_size)
        self.transforms, self.dim = self._checked(tseq), dim
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)

    length = property(lambda self: sum(self.lengths))

    def _parts(self, value):
        return value.split(self.lengths, self.dim)

    def _joined(self, parts):
        return ops.cat(parts, self.dim)

    @property
    def domain(self):
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self):
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_OfParts):
    """A transform for each index of axis `dim`."""

    def __init__(self, tseq, dim=0, cache_size=0):
        super().__init__(cache_size)
        self.transforms, self.dim = self._checked(tseq), dim

    def _parts(self, value):
        return value.unbind(self.dim)

    def _joined(self, parts):
        return ops.stack(parts, self.dim)

    @property
    def domain(self):
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self):
        return constraints.stack([t.codomain for t in self.transforms], self.dim)


class CorrCholeskyTransform(Transform):
    """D (D - 1) / 2 numbers to the Cholesky factor of a D × D matrix of correlations.

    Each number, through tanh, is a partial correlation; a row's numbers share out what is left of
    its length 1, as in `StickBreakingTransform` (Lewandowski, Kurowicka & Joe 2009).
    """

    bijective = True
    domain = constraints.real_vector  # type: ignore[assignment]
    codomain = constraints.corr_cholesky  # type: ignore[assignment]

    def _call(self, x):
        eps = finfo(x.dtype).eps
        share = lower_of(x.tanh().clamp(min=-1 + eps, max=1 - eps))
        # What each place leaves of its row's length to those after it.
        left = (1 - share * share).sqrt().cumprod(-1)
        before = ops.cat([ops.ones_like(left[..., :1]), left[..., :-1]], -1)
        return (share + ops.eye(share.shape[-1], dtype=x.dtype)) * before

    def _inverse(self, y):
        left = 1 - (y * y).cumsum(-1)
        before = ops.cat([ops.ones_like(left[..., :1]), left[..., :-1]], -1)
        share = below_diagonal(y) / below_diagonal(before).sqrt()
        return 0.5 * (share.log1p() - (-share).log1p())

    def log_abs_det_jacobian(self, x, y):
        left = below_diagonal(1 - (y * y).cumsum(-1), -2)
        stretched = 0.5 * left.log().sum(-1)
        through_tanh = -2 * (x + ops.softplus(-2 * x) - math.log(2.0)).sum(-1)
        return stretched + through_tanh

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        side = _side_of(shape[-1])
        return (*shape[:-1], side, side)

    def inverse_shape(self, shape):
        if len(shape) < 2:
            raise ValueError("Too few dimensions on input")
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


def _side_of(count):
    side = round((0.25 + 2 * count) ** 0.5 + 0.5)
    if side * (side - 1) // 2 != count:
        raise ValueError("Input is not a flattened lower-diagonal number")
    return side


def lower_of(vector, diagonal=-1):
    """Strictly lower triangular matrices whose rows are filled with the numbers of vectors."""
    count = vector.shape[-1]
    side = ((1 + 2 * diagonal) + ((1 + 2 * diagonal) ** 2 + 8 * count + 4 * abs(diagonal)
            * (diagonal + 1)) ** 0.5) / 2 - diagonal  # fmt: skip
    if side % 1:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    side = int(side)
    rows, columns = ops.tril_indices(side, side, diagonal)
    flat = ops.zeros((*vector.shape[:-1], side * side), dtype=vector.dtype)
    places = (rows * side + columns).expand(vector.shape)
    return flat.scatter(-1, places, vector).reshape((*vector.shape[:-1], side, side))


def below_diagonal(matrix, diagonal=-1):
    """The numbers on and below a diagonal, row by row."""
    side = matrix.shape[-1]
    rows, columns = ops.tril_indices(side, side, diagonal)
    return matrix[..., rows, columns]


class LowerCholeskyTransform(Transform):
    """Matrices to lower triangular ones with a positive diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky  # type: ignore[assignment]

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Matrices to positive definite ones."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite  # type: ignore[assignment]

    def _call(self, x):
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y):
        return LowerCholeskyTransform().inv(ops.cholesky(y))
