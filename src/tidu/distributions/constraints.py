"""Constraints: which values a parameter or a sample may have. `constraint.check(x)` tells."""

from .. import ops
from ..naming import Named
from ..ops import decompositions as matrices

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property",
    "greater_than", "greater_than_eq", "half_open_interval", "independent", "integer_interval",
    "interval", "is_dependent", "less_than", "lower_cholesky", "lower_triangular", "multinomial",
    "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "real", "real_vector", "simplex", "square", "stack", "symmetric",
    "unit_interval",
]  # fmt: skip


class Constraint(Named):
    """A set of allowed values; `event_dim` axes at the end belong together."""

    is_discrete = False
    event_dim = 0

    def check(self, value):
        """A boolean tensor of the batch's shape: whether each value is allowed."""
        raise NotImplementedError

    def __repr__(self):
        return type(self).__name__.lstrip("_") + "()"


class _Named(Constraint):
    """A constraint given by its test."""

    def __init__(self, text, test, event_dim=0, is_discrete=False):
        self.text, self.test = text, test
        self.event_dim, self.is_discrete = event_dim, is_discrete

    def check(self, value):
        return self.test(value)

    def __repr__(self):
        return self.text


class _Dependent(Constraint):
    """A constraint that hangs on other parameters; it cannot be checked by itself."""

    def __init__(self, *, is_discrete=False, event_dim=0):
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, *, is_discrete=False, event_dim=0):
        return _Dependent(is_discrete=is_discrete, event_dim=event_dim)

    def check(self, x):
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint):
    return isinstance(constraint, _Dependent)


class dependent_property(property, _Dependent):
    """A property that gives an instance's constraint; on the class it counts as dependent."""

    def __init__(self, fn=None, *, is_discrete=False, event_dim=0):
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn):
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


class _Independent(Constraint):
    """The last axes of another constraint taken together."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value):
        result = self.base_constraint.check(value)
        n = self.reinterpreted_batch_ndims
        return result if n == 0 else result.reshape((*result.shape[: result.dim() - n], -1)).all(-1)


class _Parts(Constraint):
    """Constraints for parts along an axis."""

    def __init__(self, parts, lengths, dim):
        self.parts, self.lengths, self.dim = parts, lengths, dim

    def check(self, value):
        pieces = value.split(self.lengths, self.dim)
        return ops.cat([c.check(v) for c, v in zip(self.parts, pieces, strict=True)], self.dim)


def cat(cseq, dim=0, lengths=None):
    """One constraint after another along an axis."""
    return _Parts(list(cseq), [1] * len(cseq) if lengths is None else list(lengths), dim)


def stack(cseq, dim=0):
    return cat(cseq, dim)


def greater_than(lower_bound):
    return _Bounded(
        f"GreaterThan(lower_bound={lower_bound})", lambda x: lower_bound < x, lower_bound
    )


def greater_than_eq(lower_bound):
    return _Bounded(
        f"GreaterThanEq(lower_bound={lower_bound})", lambda x: lower_bound <= x, lower_bound
    )


def less_than(upper_bound):
    return _Bounded(
        f"LessThan(upper_bound={upper_bound})", lambda x: x < upper_bound, None, upper_bound
    )


def interval(lower_bound, upper_bound):
    return _Bounded(
        f"Interval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        lambda x: (lower_bound <= x) & (x <= upper_bound),
        lower_bound,
        upper_bound,
    )


def half_open_interval(lower_bound, upper_bound):
    return _Bounded(
        f"HalfOpenInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        lambda x: (lower_bound <= x) & (x < upper_bound),
        lower_bound,
        upper_bound,
    )


def integer_interval(lower_bound, upper_bound):
    return _Bounded(f"IntegerInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
                    lambda x: (x % 1 == 0) & (lower_bound <= x) & (x <= upper_bound),
                    lower_bound, upper_bound, True)  # fmt: skip


class _Bounded(_Named):
    def __init__(self, text, test, lower_bound=None, upper_bound=None, is_discrete=False):
        super().__init__(text, test, 0, is_discrete)
        self.lower_bound, self.upper_bound = lower_bound, upper_bound


class _Multinomial(Constraint):
    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def check(self, x):
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)


def _lower(x):
    return (x.tril() == x).reshape((*x.shape[:-2], -1)).all(-1)


def _symmetric(x):
    return ops.isclose(x, x.mT, atol=1e-6).all(-2).all(-1)


def _positive_definite(x):
    flat = x.reshape((-1, *x.shape[-2:]))
    ok = [matrices.cholesky_ex(m)[1] == 0 for m in flat]
    return ops.stack(ok).reshape(x.shape[:-2]) & _symmetric(x)


independent, multinomial = _Independent, _Multinomial
dependent = _Dependent()
boolean = _Named("Boolean()", lambda x: (x == 0) | (x == 1), 0, True)
one_hot = _Named("OneHot()", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), 1, True)
nonnegative_integer = integer_interval(0, float("inf"))
positive_integer = integer_interval(1, float("inf"))
real = _Named("Real()", lambda x: x == x)
real_vector = independent(real, 1)
positive, nonnegative = greater_than(0.0), greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
simplex = _Named("Simplex()", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6), 1)
lower_triangular = _Named("LowerTriangular()", _lower, 2)
lower_cholesky = _Named(
    "LowerCholesky()", lambda x: _lower(x) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1), 2
)
corr_cholesky = _Named(
    "CorrCholesky()",
    lambda x: lower_cholesky.check(x) & ((x.square().sum(-1) - 1).abs() < 1e-5).all(-1), 2,
)  # fmt: skip
square = _Named("Square()", lambda x: ops.full(x.shape[:-2], x.shape[-2] == x.shape[-1]), 2)
symmetric = _Named("Symmetric()", _symmetric, 2)
positive_definite = _Named("PositiveDefinite()", _positive_definite, 2)
