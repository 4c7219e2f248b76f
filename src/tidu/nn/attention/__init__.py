"""torch.nn.attention: which way computes attention, and attention with scores of one's own."""

from . import flex_attention
from .backends import SDPBackend, sdpa_kernel
