"""torch.sparse: tensors in coordinate form, and matrices by rows or columns."""

from ..base.lazy import late
from .conversions import sparse_mask, to_sparse, to_sparse_csc, to_sparse_csr
from .functions import (
    FloatTensor,
    addmm,
    log_softmax,
    mm,
    sampled_addmm,
    softmax,
    sparse_coo_tensor,
    sum,
)
from .invariants import check_sparse_tensor_invariants
from .making import sparse_compressed_tensor, sparse_csc_tensor, sparse_csr_tensor, spdiags
from .refused import (
    SparseSemiStructuredTensor,
    SparseSemiStructuredTensorCUSPARSELT,
    SparseSemiStructuredTensorCUTLASS,
    as_sparse_gradcheck,
    spsolve,
    to_sparse_semi_structured,
)
from .tensor import SparseTensor, spmm

__getattr__ = late(__name__, {})
