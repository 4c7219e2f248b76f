"""Transforms: invertible functions with the logarithm of their derivative."""

import math

from .. import ops
from ..dtypes import finfo
from ..naming import Named
from . import constraints
from .distribution import clamp_probs

__all__ = ["AbsTransform", "AffineTransform", "ComposeTransform", "ExpTransform",
           "IndependentTransform", "PowerTransform", "SigmoidTransform", "SoftmaxTransform",
           "SoftplusTransform", "StickBreakingTransform", "TanhTransform", "Transform",
           "identity_transform"]  # fmt: skip


class Transform(Named):
    """y = transform(x), x = transform.inv(y); log_abs_det_jacobian(x, y) is log |dy/dx|."""

    bijective = True
    sign = 1
    domain = codomain = constraints.real
    _inverse = None

    def __init__(self, cache_size=0):
        self._cache_size = cache_size

    @property
    def inv(self):
        if self._inverse is None:
            self._inverse = _Inverse(self)
        return self._inverse

    event_dim = property(lambda self: max(self.domain.event_dim, self.codomain.event_dim))

    def __call__(self, x):
        return self._call(x)

    def __eq__(self, other):
        return type(self) is type(other) and self.__dict__.keys() == other.__dict__.keys() and all(
            _alike(self.__dict__[k], other.__dict__[k])
            for k in self.__dict__ if k != "_inverse"
        )  # fmt: skip

    def __hash__(self):
        return id(self)

    def with_cache(self, cache_size=1):
        return self

    def forward_shape(self, shape):
        return shape

    inverse_shape = forward_shape

    def __repr__(self):
        return type(self).__name__ + "()"


def _alike(a, b):
    return a is b or bool(ops.as_tensor(a == b).all())


class _Inverse(Transform):
    def __init__(self, transform):
        super().__init__()
        self._inverse = transform

    domain = property(lambda self: self._inverse.codomain)
    codomain = property(lambda self: self._inverse.domain)
    sign = property(lambda self: self._inverse.sign)
    bijective = property(lambda self: self._inverse.bijective)

    def _call(self, x):
        return self._inverse._inverted(x)

    def _inverted(self, y):
        return self._inverse._call(y)

    def log_abs_det_jacobian(self, x, y):
        return -self._inverse.log_abs_det_jacobian(y, x)


class ComposeTransform(Transform):
    """One transform after another."""

    def __init__(self, parts, cache_size=0):
        super().__init__()
        self.parts = list(parts)

    domain = property(lambda self: self.parts[0].domain if self.parts else constraints.real)
    codomain = property(lambda self: self.parts[-1].codomain if self.parts else constraints.real)
    sign = property(lambda self: math.prod(p.sign for p in self.parts))
    bijective = property(lambda self: all(p.bijective for p in self.parts))

    def _call(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def _inverted(self, y):
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x, y):
        if not self.parts:
            return ops.zeros_like(x)
        most, total = max(p.event_dim for p in self.parts), 0
        for part in self.parts:
            after = part(x)
            term = part.log_abs_det_jacobian(x, after)
            total = total + _summed(term, most - part.event_dim)
            x = after
        return total


identity_transform = ComposeTransform([])


def _summed(value, axes):
    return value.sum(tuple(range(-axes, 0))) if axes else value


class IndependentTransform(Transform):
    """A transform whose last batch axes count as one event."""

    def __init__(self, base_transform, reinterpreted_batch_ndims, cache_size=0):
        super().__init__()
        self.base_transform = base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def domain(self):
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self):
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    def _call(self, x):
        return self.base_transform(x)

    def _inverted(self, y):
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x, y):
        term = self.base_transform.log_abs_det_jacobian(x, y)
        return _summed(term, self.reinterpreted_batch_ndims)


class ExpTransform(Transform):
    """y = exp(x)."""

    codomain = constraints.positive

    def _call(self, x):
        return x.exp()

    def _inverted(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        return x


class PowerTransform(Transform):
    """y = x ** exponent."""

    domain = codomain = constraints.positive

    def __init__(self, exponent, cache_size=0):
        super().__init__()
        self.exponent = exponent

    sign = property(lambda self: self.exponent.sign())

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverted(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        return (self.exponent * y / x).abs().log()


class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x))."""

    codomain = constraints.unit_interval

    def _call(self, x):
        return clamp_probs(x.sigmoid())

    def _inverted(self, y):
        y = y.clamp(min=finfo(y.dtype).tiny, max=1.0 - finfo(y.dtype).eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x, y):
        return -_softplus(-x) - _softplus(x)


def _softplus(x):
    return x.clamp(min=0) + (-x.abs()).exp().log1p()


class SoftplusTransform(Transform):
    """y = log(1 + exp(x))."""

    codomain = constraints.positive

    def _call(self, x):
        return _softplus(x)

    def _inverted(self, y):
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x, y):
        return -_softplus(-x)


class TanhTransform(Transform):
    """y = tanh(x)."""

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x):
        return x.tanh()

    def _inverted(self, y):
        return y.atanh()

    def log_abs_det_jacobian(self, x, y):
        return 2.0 * (math.log(2.0) - x - _softplus(-2.0 * x))


class AbsTransform(Transform):
    """y = |x|."""

    bijective = False
    codomain = constraints.positive

    def _call(self, x):
        return x.abs()

    def _inverted(self, y):
        return y


class AffineTransform(Transform):
    """y = loc + scale * x."""

    def __init__(self, loc, scale, event_dim=0, cache_size=0):
        super().__init__()
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def domain(self):
        return constraints.independent(constraints.real, self._event_dim)

    codomain = domain

    @property
    def sign(self):
        number = isinstance(self.scale, (int, float))
        return (self.scale > 0) - (self.scale < 0) if number else self.scale.sign()

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverted(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        if isinstance(self.scale, (int, float)):
            result = ops.full_like(x, math.log(abs(self.scale)))
        else:
            result = self.scale.abs().log()
        result = _summed(result.expand(x.shape), self._event_dim)
        return result


class SoftmaxTransform(Transform):
    """y = softmax(x); many x give one y."""

    bijective = False
    domain, codomain = constraints.real_vector, constraints.simplex  # type: ignore[assignment]

    def _call(self, x):
        return x.softmax(-1)

    def _inverted(self, y):
        return y.log()


class StickBreakingTransform(Transform):
    """Vectors to points of a simplex of one more dimension, by breaking a stick piece by piece."""

    domain, codomain = constraints.real_vector, constraints.simplex  # type: ignore[assignment]

    def _call(self, x):
        offset = x.shape[-1] + 1 - ops.ones_like(x).cumsum(-1)
        z = clamp_probs((x - offset.log()).sigmoid())
        rest = (1 - z).cumprod(-1)
        one = ops.ones_like(z[..., :1])
        return ops.cat([z, one], -1) * ops.cat([one, rest], -1)

    def _inverted(self, y):
        cropped = y[..., :-1]
        offset = y.shape[-1] - ops.ones_like(cropped).cumsum(-1)
        rest = (1 - cropped.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return cropped.log() - rest.log() + offset.log()

    def log_abs_det_jacobian(self, x, y):
        offset = x.shape[-1] + 1 - ops.ones_like(x).cumsum(-1)
        x = x - offset.log()
        return (-x + -_softplus(-x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape):
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape):
        return (*shape[:-1], shape[-1] - 1)
