"""torch.special: functions of mathematics under their names there. The code is in `ops`."""

from .ops import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expit,
    expm1,
    log1p,
    log_softmax,
    logit,
    logsumexp,
    polygamma,
    round,
    softmax,
    xlogy,
)  # fmt: skip
from .ops import digamma as psi
from .ops import lgamma as gammaln

__all__ = [
    "digamma", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "log1p",
    "log_softmax", "logit", "logsumexp", "polygamma", "psi", "round", "softmax", "xlogy",
]  # fmt: skip
