"""Transforms: invertible functions with the logarithm of their derivative."""

import copy
import math
import weakref

from ... import ops
from ...base.dtypes import finfo
from ...base.naming import Named
from .. import constraints
from ..distribution import clamp_probs, summed

__all__ = ["AbsTransform", "AffineTransform", "ComposeTransform", "ExpTransform",
           "IndependentTransform", "PowerTransform", "SigmoidTransform", "SoftmaxTransform",
           "SoftplusTransform", "StickBreakingTransform", "TanhTransform", "Transform",
           "identity_transform"]  # fmt: skip


class Transform(Named):
    """y = transform(x), x = transform.inv(y); log_abs_det_jacobian(x, y) is log |dy/dx|.

    A subclass defines `_call`, `_inverse`, `log_abs_det_jacobian`, and what it maps: `domain`,
    `codomain`, `bijective`, `sign`. With ``cache_size=1`` the last pair (x, y) is kept, so that
    the inverse of what was just computed is exact.
    """

    bijective = False
    domain: constraints.Constraint = constraints.real
    codomain: constraints.Constraint = constraints.real
    _cache_size = 0
    _inv = None
    _cached_x_y = None, None

    def __init__(self, cache_size=0):
        if cache_size not in (0, 1):
            raise ValueError("cache_size must be 0 or 1")
        self._cache_size = cache_size

    @property
    def inv(self):
        """The inverse, a transform too."""
        inverse = None if self._inv is None else self._inv()
        if inverse is None:
            inverse = _InverseTransform(self)
            self._inv = weakref.ref(inverse)
        return inverse

    @property
    def sign(self):
        """1 where y grows with x, else -1."""
        raise NotImplementedError

    event_dim = property(lambda self: max(self.domain.event_dim, self.codomain.event_dim))

    def with_cache(self, cache_size=1):
        """The same transform that keeps, or does not keep, its last pair."""
        if self._cache_size == cache_size:
            return self
        new = copy.copy(self)
        new._cache_size, new._inv, new._cached_x_y = cache_size, None, (None, None)
        return new

    def __getstate__(self):
        return {**self.__dict__, "_inv": None}

    def __call__(self, x):
        if not self._cache_size:
            return self._call(x)
        if x is not self._cached_x_y[0]:
            self._cached_x_y = x, self._call(x)
        return self._cached_x_y[1]

    def _inv_call(self, y):
        if not self._cache_size:
            return self._inverse(y)
        if y is not self._cached_x_y[1]:
            self._cached_x_y = self._inverse(y), y
        return self._cached_x_y[0]

    def _call(self, x):
        raise NotImplementedError

    def _inverse(self, y):
        raise NotImplementedError

    def log_abs_det_jacobian(self, x, y):
        """log |dy/dx|, summed over the axes of an event."""
        raise NotImplementedError

    def __eq__(self, other):
        own, others = _settings(self), _settings(other)
        return type(self) is type(other) and own.keys() == others.keys() and all(
            _alike(own[name], others[name]) for name in own
        )  # fmt: skip

    def __hash__(self):
        return id(self)

    def forward_shape(self, shape):
        """The shape of y for a shape of x."""
        return shape

    def inverse_shape(self, shape):
        """The shape of x for a shape of y."""
        return shape

    def __repr__(self):
        return type(self).__name__ + "()"


_PRIVATE = ("_inv", "_keeps", "_cached_x_y", "_cache_size")


def _settings(transform):
    return {name: v for name, v in vars(transform).items() if name not in _PRIVATE}


def _alike(a, b):
    return a is b or bool(ops.as_tensor(a == b).all())


def _flipped(transform):
    return transform._forward if isinstance(transform, _InverseTransform) else transform.inv


class _InverseTransform(Transform):
    def __init__(self, transform):
        super().__init__(transform._cache_size)
        self._forward = transform

    inv = property(lambda self: self._forward)
    domain = property(lambda self: self._forward.codomain)
    codomain = property(lambda self: self._forward.domain)
    sign = property(lambda self: self._forward.sign)
    bijective = property(lambda self: self._forward.bijective)

    def with_cache(self, cache_size=1):
        return self._forward.with_cache(cache_size).inv

    def __repr__(self):
        return f"{type(self).__name__}({self._forward!r})"

    def __call__(self, x):
        return self._forward._inv_call(x)

    def _inv_call(self, y):
        return self._forward(y)

    def log_abs_det_jacobian(self, x, y):
        return -self._forward.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape):
        return self._forward.inverse_shape(shape)

    def inverse_shape(self, shape):
        return self._forward.forward_shape(shape)


class ComposeTransform(Transform):
    """One transform after another."""

    def __init__(self, parts, cache_size=0):
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    bijective = property(lambda self: all(p.bijective for p in self.parts))

    @property
    def sign(self):
        """The product of the parts' signs."""
        sign = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    @property
    def domain(self):
        """That of the first part, wide enough for the others."""
        return self._widened([(p.domain, p.codomain) for p in reversed(self.parts)])

    @property
    def codomain(self):
        """That of the last part, wide enough for the others."""
        return self._widened([(p.codomain, p.domain) for p in self.parts])

    @staticmethod
    def _widened(pairs):
        """The first of the last pair, with as many event axes as the whole chain needs there."""
        if not pairs:
            return constraints.real
        event = pairs[0][1].event_dim
        for there, here in pairs:
            event = max(event, here.event_dim) + there.event_dim - here.event_dim
        found = pairs[-1][0]
        extra = event - found.event_dim
        return constraints.independent(found, extra) if extra > 0 else found

    @property
    def inv(self):
        inverse = None if self._inv is None else self._inv()
        if inverse is None:
            inverse = ComposeTransform([p.inv for p in reversed(self.parts)])
            self._inv, inverse._inv = weakref.ref(inverse), weakref.ref(self)
            inverse._keeps = self  # its inverse is this very transform
        return inverse

    def with_cache(self, cache_size=1):
        return self if self._cache_size == cache_size else ComposeTransform(self.parts, cache_size)

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x, y):
        if not self.parts:
            return ops.zeros_like(x)
        values = [x]
        for part in self.parts[:-1]:
            values.append(part(values[-1]))
        values.append(y)
        event, total = self.domain.event_dim, 0
        for part, before, after in zip(self.parts, values[:-1], values[1:], strict=True):
            term = part.log_abs_det_jacobian(before, after)
            total = total + summed(term, event - part.domain.event_dim)
            event += part.codomain.event_dim - part.domain.event_dim
        return total

    def forward_shape(self, shape):
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape):
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self):
        parts = ",\n    ".join([repr(part) for part in self.parts])
        return f"{type(self).__name__}(\n    {parts}\n)"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform whose last batch axes count as one event."""

    def __init__(self, base_transform, reinterpreted_batch_ndims, cache_size=0):
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size) if cache_size else (
            base_transform
        )  # fmt: skip
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    bijective = property(lambda self: self.base_transform.bijective)
    sign = property(lambda self: self.base_transform.sign)

    def with_cache(self, cache_size=1):
        if self._cache_size == cache_size:
            return self
        return IndependentTransform(
            self.base_transform, self.reinterpreted_batch_ndims, cache_size=cache_size
        )

    def __repr__(self):
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"

    @property
    def domain(self):
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self):
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape):
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape):
        return self.base_transform.inverse_shape(shape)

    def _call(self, x):
        if x.dim() < self.domain.event_dim:
            raise ValueError("Too few dimensions on input")
        return self.base_transform(x)

    def _inverse(self, y):
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x, y):
        term = self.base_transform.log_abs_det_jacobian(x, y)
        return summed(term, self.reinterpreted_batch_ndims)


class ExpTransform(Transform):
    """y = exp(x)."""

    bijective, sign = True, 1

    codomain = constraints.positive

    def _call(self, x):
        return x.exp()

    def _inverse(self, y):
        return y.log()

    def log_abs_det_jacobian(self, x, y):
        return x


class PowerTransform(Transform):
    """y = x ** exponent."""

    domain = codomain = constraints.positive

    def __init__(self, exponent, cache_size=0):
        super().__init__(cache_size)
        self.exponent = ops.as_tensor(exponent)

    bijective = True
    sign = property(lambda self: self.exponent.sign())

    def forward_shape(self, shape):
        return ops.broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape

    def _call(self, x):
        return x.pow(self.exponent)

    def _inverse(self, y):
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x, y):
        return (self.exponent * y / x).abs().log()


class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x))."""

    bijective, sign = True, 1

    codomain = constraints.unit_interval

    def _call(self, x):
        return clamp_probs(x.sigmoid())

    def _inverse(self, y):
        y = y.clamp(min=finfo(y.dtype).tiny, max=1.0 - finfo(y.dtype).eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x, y):
        return -_softplus(-x) - _softplus(x)


def _softplus(x):
    return x.clamp(min=0) + (-x.abs()).exp().log1p()


class SoftplusTransform(Transform):
    """y = log(1 + exp(x))."""

    bijective, sign = True, 1

    codomain = constraints.positive

    def _call(self, x):
        return _softplus(x)

    def _inverse(self, y):
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x, y):
        return -_softplus(-x)


class TanhTransform(Transform):
    """y = tanh(x)."""

    bijective, sign = True, 1

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x):
        return x.tanh()

    def _inverse(self, y):
        return y.atanh()

    def log_abs_det_jacobian(self, x, y):
        return 2.0 * (math.log(2.0) - x - _softplus(-2.0 * x))


class AbsTransform(Transform):
    """y = |x|."""

    codomain = constraints.positive

    def _call(self, x):
        return x.abs()

    def _inverse(self, y):
        return y


class AffineTransform(Transform):
    """y = loc + scale * x."""

    def __init__(self, loc, scale, event_dim=0, cache_size=0):
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    bijective = True
    event_dim = property(lambda self: self._event_dim)

    @property
    def domain(self):
        if not self._event_dim:
            return constraints.real
        return constraints.independent(constraints.real, self._event_dim)

    def forward_shape(self, shape):
        own = (getattr(self.loc, "shape", ()), getattr(self.scale, "shape", ()))
        return ops.broadcast_shapes(shape, *own)

    inverse_shape = forward_shape

    codomain = domain

    @property
    def sign(self):
        number = isinstance(self.scale, (int, float))
        return (self.scale > 0) - (self.scale < 0) if number else self.scale.sign()

    def _call(self, x):
        return self.loc + self.scale * x

    def _inverse(self, y):
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x, y):
        if isinstance(self.scale, (int, float)):
            result = ops.full_like(x, math.log(abs(self.scale)))
        else:
            result = self.scale.abs().log()
        if not self._event_dim:
            return result.expand(ops.broadcast_shapes(x.shape, result.shape))
        return summed(result.expand(x.shape), self._event_dim)


class SoftmaxTransform(Transform):
    """y = softmax(x); many x give one y."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def forward_shape(self, shape):
        if len(shape) < 1:
            raise ValueError("Too few dimensions on input")
        return shape

    inverse_shape = forward_shape

    def _call(self, x):
        return x.softmax(-1)

    def _inverse(self, y):
        return y.log()


class StickBreakingTransform(Transform):
    """Vectors to points of a simplex of one more dimension, by breaking a stick piece by piece."""

    bijective = True

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x):
        offset = x.shape[-1] + 1 - ops.ones_like(x).cumsum(-1)
        z = clamp_probs((x - offset.log()).sigmoid())
        rest = (1 - z).cumprod(-1)
        one = ops.ones_like(z[..., :1])
        return ops.cat([z, one], -1) * ops.cat([one, rest], -1)

    def _inverse(self, y):
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
