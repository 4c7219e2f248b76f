"""torch.sparse: tensors in coordinate form."""

from ..lazy import late
from .functions import (
    FloatTensor,
    addmm,
    log_softmax,
    mm,
    softmax,
    sparse_coo_tensor,
    sparse_csc_tensor,
    sparse_csr_tensor,
    sum,
    to_sparse,
)
from .tensor import SparseTensor, spmm

__getattr__ = late(__name__, {})
