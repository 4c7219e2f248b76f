"""What the roundings inside a program come to in its results: `nudged_steps`.

Inputs that are off in their last digits need not show it: where a value is known (tanh near one)
its last digit no longer depends on theirs, and is magnified all the same. So the result of each
step of the eager program, forward and backward, is moved by its last digit. Which zero the largest
of zeros of both signs is goes by the order in which they are looked at: it is the other one, too.
"""

import contextlib
from unittest import mock

import numpy as np

from tidu.core import dispatch, modes
from tidu.core.handle import wrap
from tidu.primitives.normalization import normalize, normalized
from tidu.primitives.reductions import amax, amin, largest, smallest

# Of which one step magnifies what another is off by: nudged are the steps of their definition.
_DEFINED = {normalize: normalized}
_EXTREMES = amax, amin, largest, smallest
_FLOATS = [np.dtype(t) for t in (np.float16, np.float32, np.float64, np.complex128)]


class Nudges:
    """Listens, so that each step, those of derivatives, too, passes `computed`."""

    hears_rules = True
    pass_begins = pass_ends = visited = applied = lambda self, *_: None

    def __init__(self, seed):
        self.random, self.computed, self.busy = np.random.RandomState(seed), dispatch.computed, ()
        self.other_zeros = seed % 2 == 1

    def nudging(self, prim, args, values, params, tracked):
        """`computed`, by a kernel whose results are nudged."""
        if prim.is_view or prim in self.busy:
            return self.computed(prim, args, values, params, tracked)
        kernels, outer = (prim.eval, prim.large), self.busy
        self.busy = (*outer, prim)
        prim.eval, prim.large = self._nudged(prim), None
        try:
            return self.computed(prim, args, values, params, tracked)
        finally:
            (prim.eval, prim.large), self.busy = kernels, outer

    def _nudged(self, prim):
        kernel, definition = prim.eval, _DEFINED.get(prim)

        def defined(*values, **params):
            outs = definition(*[wrap(v) for v in values], **params)
            return tuple([out._array() for out in outs])

        def run(*values, **params):
            if definition is not None and values[0].dtype in (np.float32, np.float64):
                return defined(*values, **params)
            out = kernel(*values, **params)
            if prim in _EXTREMES:
                return _of_other_sign(out, *values, **params) if self.other_zeros else out
            if out.__class__ is tuple:
                return tuple([self._off(part, values) for part in out])
            return self._off(out, values)

        return run

    def _off(self, out, values):
        """`out` off by its last digit, but where it is exact: an integer, or moved there."""
        kind = getattr(out, "dtype", None)
        if kind not in _FLOATS:
            return out
        given = [np.abs(v).ravel() for v in values if isinstance(v, (np.ndarray, np.generic))]
        exact = (out == np.rint(out)) | ~np.isfinite(out)
        if given:
            exact |= np.isin(np.abs(out), np.concatenate(given))
        sign = 2 * self.random.randint(2, size=np.shape(out)) - 1
        digit = np.spacing(np.abs(out)) * (1 + 1j if kind.kind == "c" else 1)
        off = np.where(exact, out, out + sign * digit).astype(kind)
        return off if isinstance(out, np.ndarray) else off[()]


def _of_other_sign(out, x, *, axes, keepdims):
    """An extreme, -0 where it is 0 and the other way round, if it is one of zeros of both signs."""
    if out.dtype not in _FLOATS:
        return out
    zero, sign = x == 0, np.signbit(x)
    both = [np.logical_or.reduce(part, axis=axes, keepdims=keepdims)
            for part in (zero & sign, zero & ~sign)]  # fmt: skip
    off = np.where((out == 0) & both[0] & both[1], -out, out).astype(out.dtype)
    return off if isinstance(out, np.ndarray) else off[()]


@contextlib.contextmanager
def nudged_steps(seed):
    """While this runs, each step's result is off by its last digit: the seed has it up or down."""
    nudges = Nudges(seed)
    modes.listen(nudges)
    try:
        with mock.patch.object(dispatch, "computed", nudges.nudging):
            yield
    finally:
        modes.unlisten(nudges)
