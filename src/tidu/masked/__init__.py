"""torch.masked: reductions of what a mask leaves, and tensors with a mask."""

from ..base.lazy import at_home, late
from .reductions import (
    amax,
    amin,
    argmax,
    argmin,
    cumprod,
    cumsum,
    log_softmax,
    logaddexp,
    logsumexp,
    mean,
    median,
    norm,
    normalize,
    prod,
    softmax,
    softmin,
    std,
    sum,
    var,
)

# Loaded when first used: from then on torch's functions ask the classes of their arguments.
__getattr__ = late(
    __name__, at_home({".tensor": "MaskedTensor as_masked_tensor is_masked_tensor masked_tensor"})
)
