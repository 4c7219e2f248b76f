"""torch.linalg: functions of vectors and matrices. The code is in `ops`."""

from .base.errors import LinAlgError
from .ops.decompositions import (
    cholesky,
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    lstsq,
    matrix_rank,
    pinv,
    qr,
    svd,
    svdvals,
)
from .ops.diagonals import diagonal_last as diagonal
from .ops.factorizations import (
    householder_product,
    ldl_factor,
    ldl_factor_ex,
    ldl_solve,
    lu,
    lu_factor,
    lu_factor_ex,
    solve_ex,
    tensorinv,
    tensorsolve,
)
from .ops.factorizations import linalg_lu_solve as lu_solve
from .ops.linalg import cross_last as cross
from .ops.linalg import matmul, matrix_power, vecdot
from .ops.matrix_functions import (
    det,
    inv,
    inv_ex,
    matrix_exp,
    multi_dot,
    slogdet,
    solve,
    solve_triangular,
    vander,
)
from .ops.matrix_norms import cond, matrix_norm, norm
from .ops.norms import vector_norm

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh",
    "eigvals", "eigvalsh", "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex",
    "ldl_solve", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp",
    "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet",
    "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve",
    "vander", "vecdot", "vector_norm",
]  # fmt: skip
