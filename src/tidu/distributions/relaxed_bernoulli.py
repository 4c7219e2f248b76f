"""RelaxedBernoulli."""

from .. import ops
from . import constraints
from .distribution import Distribution, clamp_probs, fits, probs_to_logits, together

__all__ = ["RelaxedBernoulli"]


class RelaxedBernoulli(Distribution):
    """Numbers between 0 and 1 near a Bernoulli's choice, with gradients."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _shown = ()

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self.temperature = temperature
        (given,) = together(probs if logits is None else logits)
        self.probs = given if logits is None else given.sigmoid()
        self.logits = probs_to_logits(given, True) if logits is None else given
        super().__init__(given.shape, validate_args=validate_args)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(ops.rand(shape, dtype=probs.dtype))
        scores = u.log() - (-u).log1p() + probs.log() - (-probs).log1p()
        return clamp_probs((scores / self.temperature).sigmoid())

    def log_prob(self, value):
        fits(self, value)
        y = probs_to_logits(value, True)
        difference = self.logits - y * self.temperature
        inner = self.temperature.log() + difference - 2 * difference.exp().log1p()
        return inner + y.abs().neg().exp().log1p() * 2 + y.abs()
