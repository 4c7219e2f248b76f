"""Taylor mode: a value travels with its Taylor coefficients along a curve. Read `process`.

Linear primitives pass each coefficient alone, bilinear ones by Leibniz' rule, the known functions
by recurrences (`primitives/series.py`). Every other primitive gets its series from its own jvp
rule: y' is computed in the same arithmetic, one order lower, and integrated.
"""

from ..core.dispatch import below
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.levels import Around, Level
from ..core.primitive import OUT
from ..primitives.base import broadcast_to
from ..primitives.fused import Fused
from ..primitives.series import LOCALLY_LINEAR, cauchy, riccati

__all__ = ["Series", "TaylorLevel"]


class Series(Around):
    """x(t) = tensor + Σ coefficients[k-1]·t^k; None stands for zero."""

    __slots__ = ("coefficients", "level", "tensor")

    def __init__(self, tensor, coefficients, level):
        self.tensor, self.coefficients, self.level = tensor, coefficients, level


class TaylorLevel(Level):
    """One running `func.jet`."""

    def lift(self, tensor, coefficients):
        if not isinstance(tensor, TensorBase):
            tensor = wrap(tensor)
        return wrap(Series(tensor, [_handle(c) for c in coefficients], self))

    def split(self, handle):
        """(tensor, coefficients or None) of the level below."""
        if isinstance(handle, TensorBase):
            value = handle._value
            if value.__class__ is Series and value.level is self:
                return value.tensor, value.coefficients
        return handle, None

    def process(self, prim, args, params):
        pairs = [self.split(a) for a in args]
        primals = [p for p, _ in pairs]
        orders = [len(c) for _, c in pairs if c is not None]
        out = below(prim, primals, params)
        if not self.alive or not prim.differentiable or not orders:
            return out
        n = min(orders)
        series = [[p, *(c[:n] if c is not None else [None] * n)] for p, c in pairs]
        found = self._series(prim, series, primals, out, n, params)
        if out.__class__ is tuple:
            columns = [[None if c is None else c[i] for c in found] for i in range(len(out))]
            return tuple([self._made(o, c) for o, c in zip(out, columns, strict=True)])
        return self._made(out, found)

    def _made(self, out, coefficients):
        if all(c is None for c in coefficients) or element_type(out).kind not in "fcV":
            return out
        shape = tuple(shape_of(out))
        full = [c if c is None or tuple(shape_of(c)) == shape else broadcast_to(c, shape=shape)
                for c in coefficients]  # fmt: skip
        return self.lift(out, full)

    def _series(self, prim, series, primals, out, n, params):
        """The coefficients 1..n of the output."""
        if isinstance(prim, Fused) and (recurrence := riccati(prim)) is not None:
            return recurrence(series, out, n, params)
        if (
            isinstance(prim, Fused)
            and prim.computed
            and prim.taylor is None
            and prim.kind != "linear"
        ):
            made = prim.derivation.run([self._input(s, n + 1) for s in series], params)
            return self.split(made)[1] or [None] * n
        if prim.taylor is LOCALLY_LINEAR or (prim.taylor is None and prim.kind == "linear"):
            return [_pushed(prim, [s[k] for s in series], primals, out, params)
                    for k in range(1, n + 1)]  # fmt: skip
        if prim.taylor is not None:
            return prim.taylor(series, out, n, params)
        if prim.kind == "bilinear":
            x, y = series
            return [cauchy(x, y, k, multiply=lambda p, q: prim(p, q, **params))
                    for k in range(1, n + 1)]  # fmt: skip
        if prim.jvp is None:
            raise NotImplementedError(
                f"Trying to use forward AD with {prim.name} that does not support it because it "
                "has not been implemented yet."
            )
        return self._integrated(prim, series, out, n, params)

    def _integrated(self, prim, series, out, n, params):
        """From y' = jvp(x'; x, y): at once where the rule does not read y, else order by order."""
        whole = prim.kind == "elementwise" and not any(OUT in used for used in prim.uses)
        found = []
        for m in [n] if whole else range(1, n + 1):
            slope = self._slope(prim, series, out, found, m, params)
            wanted = range(1, n + 1) if whole else [m]
            for k in wanted:
                found.append(_map(lambda s, k=k: self._coefficient(s, k - 1, k), slope))
        return found

    def _slope(self, prim, series, out, found, m, params):
        """y' to order m - 1, in handles of this level."""
        inputs = [self._input(s, m) for s in series]
        tangents = [self._derivative(s, m) for s in series]
        if all(t is None for t in tangents):
            return None if out.__class__ is not tuple else (None,) * len(out)
        if out.__class__ is tuple:
            known = [[None if c is None else c[i] for c in found] for i in range(len(out))]
            outs = tuple([self.lift(o, c) for o, c in zip(out, known, strict=True)])
        else:
            outs = self.lift(out, found)
        return prim.jvp(tangents, inputs, outs, params)

    def _input(self, series, m):
        if all(c is None for c in series[1:]):
            return series[0]
        return self.lift(series[0], series[1:m])

    def _derivative(self, series, m):
        """x'(t) to order m - 1."""
        terms = [None if c is None else c * k for k, c in enumerate(series[1 : m + 1], 1)]
        if all(t is None for t in terms):
            return None
        first = terms[0] if terms[0] is not None else series[0] * 0
        return self.lift(first, terms[1:])

    def _coefficient(self, handle, index, divisor):
        """Coefficient `index` of a handle of this level, divided; None where it is zero."""
        if handle is None:
            return None
        primal, coefficients = self.split(handle)
        if index == 0:
            return primal if divisor == 1 else primal / divisor
        if coefficients is None or coefficients[index - 1] is None:
            return None
        return coefficients[index - 1] / divisor


def _pushed(prim, tangents, primals, out, params):
    if all(t is None for t in tangents):
        return None
    return prim.jvp(tangents, primals, out, params)


def _map(function, out):
    return tuple([function(o) for o in out]) if out.__class__ is tuple else function(out)


def _handle(c):
    return c if c is None or isinstance(c, TensorBase) else wrap(c)
