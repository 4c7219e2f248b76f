"""Steps of ordinary differential equations: Dormand-Prince 5(4), Runge-Kutta 4, Rosenbrock 2(3).

Written in tidu's operations, so that they run under every transform; sizes of steps are decided on
the plain numbers. `run` goes through the times. Sources: Dormand & Prince (1980); Hairer, Nørsett &
Wanner, Solving ODEs I, II.4; Shampine & Reichelt, The MATLAB ODE Suite (1997) for Rosenbrock.
"""

import itertools
import math

import numpy as np

from .. import ops
from ..base.errors import hinted
from ..core.handle import bottom
from ..ops.matrix_functions import solve
from .derivatives import jacrev, jvp

__all__ = ["METHODS", "run"]

_C = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1)
_A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_E = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def _mixed(weights, slopes):
    total = None
    for w, k in zip(weights, slopes, strict=False):
        if w:
            total = k * w if total is None else total + k * w
    return total


def _dormand_prince(func, t, y, slope, h):
    """(y after the step, its error, the slope there)."""
    slopes = [func(t, y) if slope is None else slope]
    for c, row in zip(_C[1:], _A[1:], strict=True):
        point = y + _mixed(row, slopes) * h
        slopes.append(func(t + h * c, point))
    return point, _mixed(_E, slopes) * h, slopes[-1]


def _runge_kutta(func, t, y, slope, h):
    k1 = func(t, y)
    k2 = func(t + h * 0.5, y + k1 * h * 0.5)
    k3 = func(t + h * 0.5, y + k2 * h * 0.5)
    k4 = func(t + h, y + k3 * h)
    return y + (k1 + k2 * 2 + k3 * 2 + k4) * (h / 6), None, None


_D, _E32 = 1 / (2 + math.sqrt(2)), 6 + math.sqrt(2)


def _rosenbrock(func, t, y, slope, h):
    """One linear system with the Jacobian per stage: for stiff equations."""
    shape, n = tuple(y.shape), int(np.prod(tuple(y.shape), dtype=np.int64))
    start = func(t, y) if slope is None else slope
    jacobian = ops.reshape(jacrev(lambda y: func(t, y))(y), (n, n))
    moving = jvp(lambda t: func(t, y), (t,), (ops.ones_like(t),))[1]
    matrix = ops.eye(n, dtype=y.dtype) - jacobian * (h * _D)

    def solved(right):
        return ops.reshape(solve(matrix, ops.reshape(right, (n,))), shape)

    k1 = solved(start + moving * (h * _D))
    middle = func(t + h * 0.5, y + k1 * (h * 0.5))
    k2 = solved(middle - k1) + k1
    new = y + k2 * h
    end = func(t + h, new)
    k3 = solved(end - (k2 - middle) * _E32 - (k1 - start) * 2 + moving * (h * _D))
    return new, (k1 - k2 * 2 + k3) * (h / 6), end


METHODS = {  # name: (step, order of its error estimate or None for fixed steps)
    "dopri5": (_dormand_prince, 5),
    "rk4": (_runge_kutta, None),
    "rosenbrock23": (_rosenbrock, 3),
}


def _plain(tensor):
    """The numbers of a tensor at any level: steps of a batch are chosen for all together."""
    return np.asarray(bottom(tensor), np.float64)


def run(func, y, times, options):
    """[y at each time]; `times` are scalar tensors in order."""
    step, order = METHODS[options["method"]]
    steps = [float(_plain(b)) - float(_plain(a)) for a, b in itertools.pairwise(times)]
    if steps and min(steps) < 0 < max(steps):
        raise ValueError(
            hinted(
                "odeint: the times t must increase or decrease all the way, and these turn round",
                "sort them, solve once, and take the rows in the order you want.",
            )
        )
    found = [y]
    state = {"h": None, "slope": None, "count": 0}
    for start, end in itertools.pairwise(times):
        if order is None:
            y = _fixed(step, func, start, end, y, options)
        else:
            y = _adaptive(step, order, func, start, end, y, state, options)
        found.append(y)
    return found


def _fixed(step, func, start, end, y, options):
    length = abs(float(_plain(end)) - float(_plain(start)))
    count = max(1, math.ceil(length / options["step"] - 1e-9)) if options["step"] else 1
    h, t = (end - start) / count, start
    for _ in range(count):
        y = step(func, t, y, None, h)[0]
        t = t + h
    return y


def _adaptive(step, order, func, start, end, y, state, options):
    t, last = start, float(_plain(end))
    sign = 1.0 if last >= float(_plain(start)) else -1.0
    h = state["h"] or _first_step(func, t, y, order, options)
    while float(_plain(t)) != last:
        left = abs(last - float(_plain(t)))
        whole = h >= left * (1 - 1e-10)
        length = end - t if whole else sign * h
        new, error, slope = step(func, t, y, state["slope"], length)
        size = _relative(error, y, new, options)
        factor = 0.9 * max(size, 1e-10) ** (-1 / order) if math.isfinite(size) else 0.1
        if size <= 1:
            t, y = (end if whole else t + length), new
            state["slope"] = slope
            h = h * min(10.0, max(1.0, factor)) if not whole or factor < 1 else max(h, left)
        else:
            h = min(h, left) * min(1.0, max(0.1, factor))
        state["count"] += 1
        _check(state["count"], h, last, options)
    state["h"] = h
    return y


def _relative(error, y, new, options):
    """The error in units of what is tolerated, as a root mean square."""
    y, new = _plain(y), _plain(new)
    allowed = options["atol"] + options["rtol"] * np.maximum(np.abs(y), np.abs(new))
    ratio = _plain(error) / allowed
    return float(np.sqrt(np.mean(ratio * ratio))) if ratio.size else 0.0


def _check(count, h, last, options):
    if count > options["most"]:
        raise RuntimeError(hinted(
            f"odeint: {options['most']} steps did not reach the end.",
            "loosen rtol and atol, or use method='rosenbrock23', which is for stiff equations.",
        ))  # fmt: skip
    if h <= 1e-15 * max(abs(last), 1e-300):
        raise RuntimeError(hinted(
            "odeint: the step became too small; the solution may have a pole, or NaN.",
            "look at func near the end of the interval that was reached.",
        ))  # fmt: skip


def _first_step(func, t, y, order, options):
    """Hairer, Nørsett & Wanner's guess of a first step."""
    value, slope = _plain(y), _plain(func(t, y))
    allowed = options["atol"] + options["rtol"] * np.abs(value)
    d0 = np.sqrt(np.mean((value / allowed) ** 2)) if value.size else 0.0
    d1 = np.sqrt(np.mean((slope / allowed) ** 2)) if value.size else 0.0
    return 1e-6 if d0 < 1e-5 or d1 < 1e-5 or not np.isfinite(d1) else float(0.01 * d0 / d1)
