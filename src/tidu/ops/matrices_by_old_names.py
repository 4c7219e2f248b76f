"""torch.det, slogdet, inverse, pinverse, swapaxes: other functions under names, and with words for
their arguments, that torch itself has."""

from . import matrix_functions, shapes

__all__ = ["det", "inverse", "pinverse", "slogdet", "swapaxes"]


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
    return matrix_functions.pinv(input, rtol=rcond, out=out)


def swapaxes(input, axis0, axis1):
    """Two axes exchanged."""
    return shapes.transpose(input, axis0, axis1)
