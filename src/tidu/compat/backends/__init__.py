"""torch.backends: switches programs set. They are kept, and change nothing on the CPU."""

from ..base.lazy import late
from . import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum, quantized

__getattr__ = late(__name__, {})
