"""torch.quasirandom: Sobol sequences, PyTorch's to the last bit."""

import functools

import numpy as np

from . import ops
from .base import dtypes
from .base.errors import hinted
from .base.lazy import lazy_module
from .core.handle import wrap
from .random import Generator

__all__ = ["SobolEngine"]

_resources = lazy_module("importlib.resources")


@functools.lru_cache(1)
def _numbers():
    """Polynomials and first direction numbers of 21201 dimensions (Joe and Kuo), as SciPy has."""
    file = _resources.files("scipy.stats") / "_sobol_direction_numbers.npz"
    with file.open("rb") as opened, np.load(opened) as data:
        return data["poly"], data["vinit"]


def _directions(dimension, bits):
    """The direction numbers (dimension, bits), by the recurrence of each polynomial."""
    polynomials, first = _numbers()
    found = np.ones((dimension, bits), np.int64)
    for d in range(1, dimension):
        polynomial = int(polynomials[d])
        degree = polynomial.bit_length() - 1
        row = first[d, :degree].tolist()
        for j in range(degree, bits):
            value = row[j - degree]
            for k in range(degree):
                if polynomial >> (degree - 1 - k) & 1:
                    value ^= row[j - k - 1] << (k + 1)
            row.append(value)
        found[d] = row[:bits]
    return found << np.arange(bits - 1, -1, -1)


def _lowest_zero(counts):
    """The place of the lowest bit that is zero, of each count."""
    lowest = ~counts & (counts + 1)
    return np.log2(lowest).astype(np.int64)


class SobolEngine:
    """Points of a Sobol sequence in the unit cube; scrambled, they differ by the seed.

    dimension: up to 21201. Scrambled without a seed, it draws from torch's generator.

    Raises:
        ValueError: for a dimension that is out of range.

    >>> import tidu as torch
    >>> torch.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT = 30
    MAXDIM = 21201

    def __init__(self, dimension, scramble=False, seed=None):
        if dimension > self.MAXDIM or dimension < 1:
            raise ValueError(hinted(
                f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]",
                "torch.rand has no such limit.",
            ))  # fmt: skip
        self.seed, self.scramble, self.dimension = seed, scramble, dimension
        directions = _directions(dimension, self.MAXBIT)
        self.shift = ops.zeros(dimension, dtype=dtypes.int64)
        if scramble:
            directions = self._scrambled(directions)
        self.sobolstate = wrap(directions)
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**self.MAXBIT).reshape(1, -1)
        self.num_generated = 0

    def _scrambled(self, directions):
        """A random shift, and directions times random triangular matrices of bits."""
        generator = None
        if self.seed is not None:
            generator = Generator()
            generator.manual_seed(self.seed)
        bits = self.MAXBIT
        shift = ops.randint(2, (self.dimension, bits), generator=generator).numpy()
        self.shift = wrap((shift << np.arange(bits)).sum(1))
        matrices = ops.randint(2, (self.dimension, bits, bits), generator=generator).tril().numpy()
        matrices = matrices | np.eye(bits, dtype=np.int64)
        high_first = np.arange(bits - 1, -1, -1)
        digits = directions[:, :, None] >> high_first & 1
        mixed = np.einsum("dpk,djk->djp", matrices, digits) & 1
        return (mixed << high_first).sum(2)

    def _steps(self, count, begin):
        """The next `count` points as integers: (count, dimension)."""
        turned = _lowest_zero(np.arange(begin, begin + count, dtype=np.int64))
        steps = self.sobolstate.numpy().T[turned]
        if not count:
            return steps
        steps[0] ^= self.quasi.numpy()
        return np.bitwise_xor.accumulate(steps, axis=0)

    def draw(self, n=1, out=None, dtype=None):
        """The next n points: (n, dimension)."""
        dtype = dtypes.DEFAULT.dtype if dtype is None else dtype
        first = self.num_generated == 0
        points = self._steps(n - first, 0 if first else self.num_generated - 1)
        if len(points):
            self.quasi = wrap(points[-1].copy())
        result = wrap(points).to(dtype) * 2.0**-self.MAXBIT
        if first:
            result = ops.cat((self._first_point.to(dtype), result))
        self.num_generated += n
        return result if out is None else out.resize_as_(result).copy_(result)

    def draw_base2(self, m, out=None, dtype=None):
        """The next 2**m points, a number that the sequence is balanced for.

        Raises:
            ValueError: where the points drawn would not be a power of two in all.
        """
        count = 2**m
        total = self.num_generated + count
        if total & (total - 1):
            raise ValueError(hinted(
                "The balance properties of Sobol' points require n to be a power of 2. "
                f"{self.num_generated} points have been previously generated, then: "
                f"n={self.num_generated}+2**{m}={total}. If you still want to do this, please use "
                "'SobolEngine.draw()' instead.", "draw(n) gives any number of points.",
            ))  # fmt: skip
        return self.draw(count, out, dtype)

    def reset(self):
        """Begin again."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n):
        """Go n points on without giving them."""
        first = self.num_generated == 0
        points = self._steps(n - first, 0 if first else self.num_generated - 1)
        if len(points):
            self.quasi = wrap(points[-1].copy())
        self.num_generated += n
        return self

    def __repr__(self):
        parts = [f"dimension={self.dimension}"]
        if self.scramble:
            parts.append("scramble=True")
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(parts)})"
