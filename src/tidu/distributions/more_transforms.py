"""Transforms of shapes, of lists of values and of matrices, and those that lead to constraints.

`transform_to(constraint)` gives a transform from unconstrained numbers to a constraint, and
`biject_to` one that can be inverted.
"""
# mypy: disable-error-code="assignment, unused-ignore"

import math

from .. import ops
from . import constraints
from .transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    IndependentTransform,
    SigmoidTransform,
    SoftmaxTransform,
    StickBreakingTransform,
    Transform,
    identity_transform,
)

__all__ = ["CatTransform", "ConstraintRegistry", "CumulativeDistributionTransform",
           "LowerCholeskyTransform", "PositiveDefiniteTransform", "ReshapeTransform",
           "StackTransform", "biject_to", "transform_to"]  # fmt: skip


class ReshapeTransform(Transform):
    """The last axes in another shape."""

    def __init__(self, in_shape, out_shape, cache_size=0):
        if math.prod(in_shape) != math.prod(out_shape):
            raise ValueError("in_shape, out_shape have different numbers of elements")
        super().__init__()
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)

    domain = property(lambda self: constraints.independent(constraints.real, len(self.in_shape)))
    codomain = property(lambda self: constraints.independent(constraints.real, len(self.out_shape)))

    def _call(self, x):
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverted(self, y):
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x, y):
        return ops.zeros(x.shape[: x.dim() - len(self.in_shape)], dtype=x.dtype)

    def forward_shape(self, shape):
        return (*shape[: len(shape) - len(self.in_shape)], *self.out_shape)

    def inverse_shape(self, shape):
        return (*shape[: len(shape) - len(self.out_shape)], *self.in_shape)


class CumulativeDistributionTransform(Transform):
    """The distribution function of a distribution of one variable."""

    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution, cache_size=0):
        super().__init__()
        self.distribution = distribution

    domain = property(lambda self: self.distribution.support)

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverted(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)


class _OfParts(Transform):
    """A transform for each part of a value along one axis."""

    def _each(self, value, function):
        return self._joined([function(t, v) for t, v in zip(self.transforms, self._parts(value))])

    def _call(self, x):
        return self._each(x, lambda t, v: t(v))

    def _inverted(self, y):
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
        super().__init__()
        self.transforms, self.dim = list(tseq), dim
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
        super().__init__()
        self.transforms, self.dim = list(tseq), dim

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


class LowerCholeskyTransform(Transform):
    """Matrices to lower triangular ones with a positive diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky  # type: ignore[assignment]

    def _call(self, x):
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverted(self, y):
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Matrices to positive definite ones."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite  # type: ignore[assignment]

    def _call(self, x):
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverted(self, y):
        return LowerCholeskyTransform().inv(ops.cholesky(y))


class ConstraintRegistry:
    """Which transform leads to a constraint: by the constraint itself or by its class."""

    def __init__(self):
        self._registry = {}

    def register(self, constraint, factory=None):
        """factory(constraint) makes the transform; a decorator when it is left out."""
        if factory is None:
            return lambda given: self.register(constraint, given)
        named = isinstance(constraint, type) or type(constraint).__name__ == "_Named"
        self._registry[constraint if named else type(constraint)] = factory
        return factory

    def __call__(self, constraint):
        for key in (constraint, type(constraint)):
            factory = self._registry.get(key)
            if factory is not None:
                return factory(constraint)
        raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _both(*given):
    def register(factory):
        for constraint in given:
            biject_to.register(constraint, factory)
            transform_to.register(constraint, factory)
        return factory

    return register


@_both(constraints.real)
def _to_real(constraint):
    return identity_transform


@_both(constraints.positive)  # and every other constraint by bounds
def _to_bounded(constraint):
    low, high = constraint.lower_bound, constraint.upper_bound
    if constraint.is_discrete:
        raise NotImplementedError("Cannot transform constraints of whole numbers")
    if high is None:
        return ExpTransform() if _is(low, 0) else _then(ExpTransform(), low, 1)
    if low is None:
        return _then(ExpTransform(), high, -1)
    if _is(low, 0) and _is(high, 1):
        return SigmoidTransform()
    return _then(SigmoidTransform(), low, high - low)


def _is(bound, number):
    return isinstance(bound, (int, float)) and bound == number


def _then(first, loc, scale):
    return ComposeTransform([first, AffineTransform(loc, scale)])


@biject_to.register(constraints.real_vector)
def _to_independent(constraint):
    base = biject_to(constraint.base_constraint)
    return IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@transform_to.register(constraints.real_vector)
def _onto_independent(constraint):
    base = transform_to(constraint.base_constraint)
    return IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@transform_to.register(constraints.lower_cholesky)
def _to_lower(constraint):
    return LowerCholeskyTransform()


@transform_to.register(constraints.positive_definite)
def _to_definite(constraint):
    return PositiveDefiniteTransform()


biject_to.register(constraints.simplex, lambda constraint: StickBreakingTransform())
transform_to.register(constraints.simplex, lambda constraint: SoftmaxTransform())
