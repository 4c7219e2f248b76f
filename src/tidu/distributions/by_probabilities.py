"""ByProbsOrLogits, cross_entropy, enumerated."""

from ..autograd import no_grad
from ..nn.functional import logsigmoid
from .distribution import Distribution, lazy_property, logits_to_probs, probs_to_logits, together

__all__ = ["ByProbsOrLogits", "cross_entropy", "enumerated"]


class ByProbsOrLogits(Distribution):
    """Parameterised by `probs` or by `logits`, of which the other is computed when asked for."""

    _binary = True

    def _take(self, probs, logits, count=None):
        """Keep the parameter that was given, and `count` of its shape and type if there is one."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        if count is not None:
            count, given = together(count, given)
            self.total_count = count.to(given.dtype)
        self.__dict__[name] = self._param = together(given)[0]

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs, self._binary)

    @lazy_property
    def probs(self):
        return logits_to_probs(self.logits, self._binary)

    @property
    def param_shape(self):
        return self._param.shape

    def _draw(self, sample_shape, draw):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return draw(self.probs.expand(shape))


def cross_entropy(logits, target):
    """-target log p - (1 - target) log (1 - p), safe for large logits."""
    return (1 - target) * logits - logsigmoid(logits)


def enumerated(distribution, values, expand):
    values = values.reshape((-1, *[1] * len(distribution.batch_shape)))
    return values.expand((-1, *distribution.batch_shape)) if expand else values
