"""ExponentialFamily: densities exp(<t(x), θ> - F(θ) + k(x)), of which F says almost all."""

from ..autograd import enable_grad, grad
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Distributions of the exponential family.

    A family of one's own gives `_natural_params` (θ), `_log_normalizer(*θ)` (F) and
    `_mean_carrier_measure` (the mean of k); entropy and kl_divergence within the family follow.
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def entropy(self):
        """F(θ) - <θ, F'(θ)> less the mean of k."""
        natural, normalizer, means = slopes_of(self)
        found = normalizer - self._mean_carrier_measure
        for parameter, mean in zip(natural, means, strict=True):
            found = found - summed(parameter * mean, len(self.event_shape))
        return found


def slopes_of(family):
    """(θ, F(θ), F'(θ)): the slopes are the means of t(x)."""
    with enable_grad():
        natural = [
            n if n.requires_grad else n.detach().requires_grad_() for n in family._natural_params
        ]
        normalizer = family._log_normalizer(*natural)
        return natural, normalizer, grad(normalizer.sum(), natural, create_graph=True)


def summed(term, event_dims):
    """The sum over the axes of one event."""
    return term.sum(tuple(range(-event_dims, 0))) if event_dims else term
