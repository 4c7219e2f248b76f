"""torch.svd, qr, det, inverse, swapaxes ...: other functions under names, and with words for their
arguments, that torch itself has."""

from ..base.frames import warn_once
from ..primitives import matrices
from . import decompositions, matrix_functions, shapes
from .matrix_functions import KINDS, finish_all

__all__ = ["cholesky", "det", "inverse", "pinverse", "qr", "slogdet", "svd", "swapaxes"]


def det(input, *, out=None):
    """The determinant of each matrix."""
    return matrix_functions.det(input, out=out)


def slogdet(input, *, out=None):
    """Sign and logarithm of the absolute value of the determinant of each matrix."""
    return matrix_functions.slogdet(input, out=out)


def inverse(input, *, out=None):
    """The inverse of each matrix."""
    return matrix_functions.inv(input, out=out)


def pinverse(input, rcond=1e-15, *, out=None):
    """The pseudoinverse of each matrix; singular values below rcond · largest count as 0."""
    return decompositions.pinv(input, rtol=rcond, out=out)


def swapaxes(input, axis0, axis1):
    """Two axes exchanged."""
    return shapes.transpose(input, axis0, axis1)


def svd(input, some=True, compute_uv=True, *, out=None):
    """(U, S, V), V not transposed."""
    u, s, vh = decompositions.svd(input, full_matrices=not some)
    return finish_all(KINDS["svd"]((u, s, matrices.hermitian(vh))), out)


def qr(input, some=True, *, out=None):
    """As linalg.qr."""
    warn_once(
        "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future "
        "PyTorch release.\nThe boolean parameter 'some' has been replaced with a string parameter "
        "'mode'.\nQ, R = torch.qr(A, some)\nshould be replaced with\nQ, R = torch.linalg.qr(A, "
        "'reduced' if some else 'complete')"
    )
    return finish_all(KINDS["qr"](decompositions.qr(input, "reduced" if some else "complete")), out)


def cholesky(input, upper=False, *, out=None):
    """As linalg.cholesky."""
    warn_once(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a "
        "future PyTorch release.\nL = torch.cholesky(A)\nshould be replaced with\nL = "
        "torch.linalg.cholesky(A)\nand\nU = torch.cholesky(A, upper=True)\nshould be replaced "
        "with\nU = torch.linalg.cholesky(A).mH"
    )
    return decompositions.cholesky(input, upper=upper, out=out)
