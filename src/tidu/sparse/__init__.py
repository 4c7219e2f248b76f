"""torch.sparse: tensors in coordinate form."""

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
