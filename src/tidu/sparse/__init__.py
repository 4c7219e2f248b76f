"""torch.sparse: tensors in coordinate form, matrices by rows or columns, of elements or blocks."""

from ..base.lazy import late
from .conversions import (
    sparse_mask,
    to_sparse,
    to_sparse_bsc,
    to_sparse_bsr,
    to_sparse_csc,
    to_sparse_csr,
)
from .functions import (
    FloatTensor,
    addmm,
    as_sparse_gradcheck,
    ccol_indices_copy,
    col_indices_copy,
    crow_indices_copy,
    indices_copy,
    log_softmax,
    mm,
    resize_as_sparse_,
    row_indices_copy,
    softmax,
    sparse_coo_tensor,
    sum,
    values_copy,
)
from .invariants import check_sparse_tensor_invariants
from .making import (
    sparse_bsc_tensor,
    sparse_bsr_tensor,
    sparse_compressed_tensor,
    sparse_csc_tensor,
    sparse_csr_tensor,
    spdiags,
)
from .products import hspmm, sampled_addmm, smm, spmm, sspaddmm
from .refused import (
    SparseSemiStructuredTensor,
    SparseSemiStructuredTensorCUSPARSELT,
    SparseSemiStructuredTensorCUTLASS,
    spsolve,
    to_sparse_semi_structured,
)
from .tensor import SparseTensor

__getattr__ = late(__name__, {})
