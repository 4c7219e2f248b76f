"""The exponential of matrices: a Taylor polynomial of few products, scaled and squared.

Bader, Blanes, Casas 2019, "Computing the matrix exponential with an optimized Taylor polynomial
approximation": polynomials of degree 1, 2, 4, 8, 12 and 18 take 0, 1, 2, 3, 4 and 5 products. The
norm of a matrix says which of them is exact to rounding. In float32 the number depends on the order
of every sum (the squares magnify what is rounded), so the order is PyTorch's: one matrix after the
other has the same number alone, in a stack and in any layout.
"""

import math

import numpy as np

# The largest 1-norms for which the polynomials of degree 1, 2, 4, 8, 12, 18 are exact to rounding.
BOUNDS = {
    "f": (1.192092800768788e-07, 5.978858893805233e-04, 5.116619363445086e-02,
          5.800524627688768e-01, 1.461661507209034e00, 3.010066362817634e00),
    "d": (2.220446049250313e-16, 2.580956802971767e-08, 3.397168839976962e-04,
          4.991228871115323e-02, 2.996158913811580e-01, 1.090863719290036e00),
}  # fmt: skip

# Rows: polynomials in 1, A, A², A³ (A⁶), from whose products the polynomial of that degree is made.
TWELVE = (
    (9.0198e-16, 0.46932117595418237389, -0.20099424927047284052, -0.04623946134063071740),
    (5.31597895759871264183, 1.19926790417132231573, 0.01179296240992997031,
     0.01108844528519167989),
    (0.18188869982170434744, 0.05502798439925399070, 0.09351590770535414968,
     0.00610700528898058230),
    (-2.0861320e-13, -0.13181061013830184015, -0.02027855540589259079, -0.00675951846863086359),
)  # fmt: skip
EIGHTEEN = (
    (0.0, -1.00365581030144618291e-01, -8.02924648241156932449e-03, -8.92138498045729985177e-04,
     0.0),
    (0.0, 3.97849749499645077844e-01, 1.36783778460411720168e00, 4.98289622525382669416e-01,
     -6.37898194594723280150e-04),
    (-1.09676396052962061844e01, 1.68015813878906206114e00, 5.71779846478865511061e-02,
     -6.98210122488052056106e-03, 3.34975017086070470649e-05),
    (-9.04316832390810593223e-02, -6.76404519071381882256e-02, 6.75961301770459654925e-02,
     2.95552570429315521194e-02, -1.39180257516060693404e-05),
    (0.0, 0.0, -9.23364619367118555360e-02, -1.69364939002081722752e-02,
     -1.40086798182036094347e-05),
)  # fmt: skip


def _product(x, y):
    """The product of stacks; small ones as a sum in the order of the inner axis, never fused."""
    if x.shape[-1] > 8:
        return np.matmul(x, y)
    return np.add.reduce(x[..., :, :, None] * y[..., None, :, :], axis=-2)


def _combined(weights, matrices):
    """The sum of weighted matrices, from the first to the last."""
    real = matrices[0].real.dtype.type
    total = matrices[0] * real(weights[0])
    for weight, matrix in zip(weights[1:], matrices[1:], strict=True):
        total += matrix * real(weight)
    return total


def _one(unit, x):
    return unit + x


def _two(unit, x):
    return _combined((1, 1, 0.5), (unit, x, _product(x, x)))


def _four(unit, x):
    square = _product(x, x)
    rest = _combined((1 / 2, 1 / 6, 1 / 24), (unit, x, square))
    return _combined((1, 1, 1), (unit, x, _product(square, rest)))


def _eight(unit, x):
    root = math.sqrt(177.0)
    third = 2.0 / 3.0
    square = _product(x, x)
    inner = _combined((third * (1 + root) / 88, third * (1 + root) / 352), (x, square))
    fourth = _product(square, inner)
    left = _combined((third, 1), (square, fourth))
    right = _combined(
        ((-271 + 29 * root) / (315 * third), 11 * (-1 + root) / (1260 * third),
         11 * (-9 + root) / (5040 * third), (89 - root) / (5040 * third * third)),
        (unit, x, square, fourth),
    )  # fmt: skip
    weights = (1, 1, (857 - 58 * root) / 630, 1)
    return _combined(weights, (unit, x, square, _product(left, right)))


def _twelve(unit, x):
    square = _product(x, x)
    powers = (unit, x, square, _product(x, square))
    first, second, third, fourth = [_combined(row, powers) for row in TWELVE]
    sixth = third + _product(fourth, fourth)
    return first + _product(second + sixth, sixth)


def _eighteen(unit, x):
    square = _product(x, x)
    cube = _product(x, square)
    powers = (unit, x, square, cube, _product(cube, cube))
    first, second, third, fourth, fifth = [_combined(row, powers) for row in EIGHTEEN]
    ninth = _product(first, fifth) + fourth
    return second + _product(third + ninth, ninth)


POLYNOMIALS = (_one, _two, _four, _eight, _twelve, _eighteen)


def _scaled(unit, x, norms, bound):
    """The polynomial of degree 18 of x / 2^s, squared s times."""
    with np.errstate(invalid="ignore", over="ignore"):
        times = np.maximum(np.ceil(np.log2(norms / norms.dtype.type(bound))), 0).astype(np.int64)
        result = _eighteen(unit, x * np.exp2(-times).astype(norms.dtype)[:, None, None])
        for step in range(times.max(initial=0)):
            more = times > step
            result[more] = _product(result[more], result[more])
    return result


def exponential(x):
    """exp of each matrix of an array (..., n, n); NaN where a matrix is not finite."""
    n = x.shape[-1]
    if n <= 1 or not x.size:
        return np.exp(x)
    flat = x.reshape(-1, n, n)
    norms = np.abs(flat).sum(-2).max(-1)
    bounds = np.array(BOUNDS[norms.dtype.char], norms.dtype)
    unit, result = np.eye(n, dtype=x.dtype), np.full_like(flat, np.nan, order="C")
    degrees = np.where(np.isfinite(norms), np.searchsorted(bounds[:-1], norms), -1)
    for degree in set(degrees.tolist()) - {-1}:
        of = degrees == degree
        chosen = flat[of]
        units = np.broadcast_to(unit, chosen.shape)
        if degree < 5:
            result[of] = POLYNOMIALS[degree](units, chosen)
        else:
            result[of] = _scaled(units, chosen, norms[of], bounds[-1])
    return result.reshape(x.shape)
