"""Names of torch.sparse that refuse: what only accelerators have."""

from ..base.refusals import refused_classes, refused_functions

(
    SparseSemiStructuredTensor,
    SparseSemiStructuredTensorCUSPARSELT,
    SparseSemiStructuredTensorCUTLASS,
) = refused_classes(
    "sparse",
    "SparseSemiStructuredTensor SparseSemiStructuredTensorCUSPARSELT "
    "SparseSemiStructuredTensorCUTLASS",
    "use x.to_sparse_csr(), or keep the matrix dense.",
)
to_sparse_semi_structured, spsolve = refused_functions(
    "sparse", "to_sparse_semi_structured spsolve",
    "use x.to_sparse_csr() for products, torch.linalg.solve(a.to_dense(), b) for solutions.",
)  # fmt: skip
