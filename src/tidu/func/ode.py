"""`odeint`: ordinary differential equations, with gradients by the adjoint equation or the steps.

The adjoint rules are written with `odeint` itself, so its derivatives have derivatives. Read
`odeint`, then `_backward`.
"""

import numpy as np

from .. import ops
from ..base.errors import hinted
from ..base.suggestions import suggest
from ..core.handle import TensorBase, shape_of
from ..primitives.base import move_batches, spread_batch
from .batching import vmap
from .derivatives import jvp, vjp
from .rules import check_closure, with_rules
from .steppers import METHODS, run

__all__ = ["odeint"]


def odeint(func, y0, t, *, args=(), method="dopri5", rtol=1e-7, atol=1e-9, gradient="adjoint",
           step=None, max_steps=100_000):  # fmt: skip
    """y at the times t of the solution of dy/dt = func(t, y, *args) with y(t[0]) = y0.

    Args:
        func: (scalar tensor, tensor like y0, *args) -> tensor like y0.
        y0: tensor, the state at t[0].
        t: tensor of shape (times,), increasing or decreasing.
        args: tensors that func depends on.
        method: "dopri5" (adaptive, order 5), "rosenbrock23" (adaptive, linearly implicit, for stiff
            equations), or "rk4" (fixed steps of at most `step`; one for each interval without).
        rtol, atol: the error a step may have: atol + rtol·|y|, root mean square.
        gradient: "adjoint" solves a second equation backwards and keeps only y at the times;
            "direct" differentiates the steps that were taken (exact for what was computed, memory
            grows with the steps, and func may use tracked tensors that are not in args).
        max_steps: refuse to take more.

    Returns:
        Tensor of shape (times, *y0.shape). Differentiable by y0, t and args, forward and reverse,
        to any order; under vmap the steps of a batch are chosen together.

    Raises:
        RuntimeError: where a step gets too small or too many are needed, or where func uses a
            tracked tensor outside args with gradient="adjoint".
        ValueError: for an unknown method, or times that turn round.

    Source: Chen et al., Neural Ordinary Differential Equations (2018); Pontryagin et al. (1962).

    >>> import tidu as torch
    >>> t = torch.tensor([0.0, 1.0], dtype=torch.float64)
    >>> y = torch.func.odeint(lambda t, y: -y, torch.ones(1, dtype=torch.float64), t)
    >>> abs(y[1].item() - 0.36787944117) < 1e-7
    True
    """
    if method not in METHODS:
        close = suggest(str(method), METHODS)
        raise ValueError(hinted(f"odeint: unknown method {method!r}", f"did you mean {close!r}?"
                                if close else f"known are {', '.join(METHODS)}"))  # fmt: skip
    if gradient not in ("adjoint", "direct"):
        raise ValueError(f"odeint: gradient must be 'adjoint' or 'direct', got {gradient!r}")
    _check_times(t)
    if not isinstance(y0, TensorBase):
        raise ValueError(f"odeint: y0 must be one tensor, got {type(y0).__name__}; join several")
    if not isinstance(args, (tuple, list)):
        raise ValueError(f"odeint: args must be a tuple of tensors, got {type(args).__name__}")
    if not (rtol >= 0 and atol >= 0):
        raise ValueError(f"odeint: rtol and atol must not be negative, got {rtol} and {atol}")
    options = {"method": method, "rtol": rtol, "atol": atol, "step": step, "most": max_steps}
    if gradient == "direct":
        return _solved(lambda t, y: func(t, y, *args), y0, t, options)
    out = check_closure("odeint: func", func, (ops.select_axis(t, 0, 0), y0, *args))
    if not isinstance(out, TensorBase) or tuple(out.shape) != tuple(y0.shape):
        raise ValueError("odeint: func must return a tensor of y0's shape "
                         f"{list(y0.shape)}, got {list(getattr(out, 'shape', ()))}")  # fmt: skip
    return _odeint(func, y0, t, list(args), options)


def _check_times(t):
    if not isinstance(t, TensorBase) or t.ndim != 1 or t.shape[0] == 0:
        raise ValueError("odeint: t must be a tensor of one axis with at least one time")
    if not t.is_floating_point():
        raise ValueError("odeint: the times t must be floating-point numbers")


def _solved(func, y0, t, options):
    times = [ops.select_axis(t, 0, k) for k in range(t.shape[0])]
    return ops.stack(run(func, y0, times, options))


def _odeint(func, y0, t, args, options):
    """The solution with adjoint rules; all that matters is among the inputs."""

    def value(y0, t, *args):
        return _solved(lambda t, y: func(t, y, *args), y0, t, options)

    def forward(tangents, tensors, out):
        return _forward(func, tensors, tangents, out, options)

    def backward(g, tensors, out, needs):
        return _backward(func, tensors, g, out, needs, options)

    def batch(prim, tensors, axes, params):
        return _batch(func, prim, tensors, axes, options)

    shape = (t.shape[0], *y0.shape)
    return with_rules("odeint", value, forward, backward, (y0, t, *args), shape=shape, batch=batch)


def _count(x):
    return int(np.prod(tuple(shape_of(x)), dtype=np.int64))


def _packed(parts):
    return ops.cat([ops.reshape(p, (-1,)) for p in parts])


def _unpacked(z, like):
    parts, start = [], 0
    for x in like:
        n = _count(x)
        parts.append(ops.reshape(z[start : start + n], tuple(shape_of(x))))
        start += n
    return parts


# --- forward: the equation of the tangent, solved with the equation -------------------------------


def _forward(func, tensors, tangents, out, options):
    y0, t, *args = tensors
    dy0, dt, *dargs = tangents
    moving = [i for i, d in enumerate(dargs) if d is not None]
    count = len(args)

    def tangent_of(t, z, *inputs):
        args, changes = inputs[:count], inputs[count:]
        y, s = _unpacked(z, (y0, y0))
        primals, directions = [y], [s]
        for i, d in zip(moving, changes, strict=True):
            primals.append(args[i])
            directions.append(d)

        def of_moving(y, *parts):
            whole = list(args)
            for i, part in zip(moving, parts, strict=True):
                whole[i] = part
            return func(t, y, *whole)

        return _packed(jvp(of_moving, tuple(primals), tuple(directions)))

    start = ops.zeros_like(y0) if dy0 is None else dy0
    if dt is not None:
        start = start - func(t[0], y0, *args) * dt[0]
    z = _odeint(tangent_of, _packed([y0, start]), t, [*args, *[dargs[i] for i in moving]], options)
    moved = ops.stack([_unpacked(z[k], (y0, y0))[1] for k in range(t.shape[0])])
    if dt is None:
        return moved
    slopes = [func(t[k], out[k], *args) * dt[k] for k in range(t.shape[0])]
    return moved + ops.stack(slopes)


# --- backward: the adjoint equation, from the last time to the first ------------------------------


def _backward(func, tensors, g, out, needs, options):
    y0, t, *args = tensors
    wanted = [i for i in range(len(args)) if needs[2 + i]]
    like = [y0, y0, *[args[i] for i in wanted]]

    def adjoint(t, z, *args):
        y, a, *_ = _unpacked(z, like)

        def of_wanted(y, *parts):
            whole = list(args)
            for i, part in zip(wanted, parts, strict=True):
                whole[i] = part
            return func(t, y, *whole)

        slope, pull = vjp(of_wanted, y, *[args[i] for i in wanted])
        back = pull(a)
        return _packed([slope, *[-b for b in back]])

    last = t.shape[0] - 1
    a, sums = g[last], [ops.zeros_like(args[i]) for i in wanted]
    times = [None] * (last + 1)
    for k in range(last, 0, -1):
        if needs[1]:
            times[k] = (g[k] * func(t[k], out[k], *args)).sum()
        span = ops.stack([t[k], t[k - 1]])
        z = _odeint(adjoint, _packed([out[k], a, *sums]), span, args, options)[1]
        _, a, *sums = _unpacked(z, like)
        if k > 1:
            a = a + g[k - 1]
    if needs[1]:
        first = -(a * func(t[0], y0, *args)).sum() if last else ops.zeros_like(t[0])
        times[0] = first
    found = [a + g[0] if last else a, ops.stack(times) if needs[1] else None]
    by_place = dict(zip(wanted, sums, strict=True))
    return [found[0] if needs[0] else None, found[1], *[by_place.get(i) for i in range(len(args))]]


# --- batches: one equation for all examples -------------------------------------------------------


def _batch(func, prim, tensors, axes, options):
    size = next(shape_of(x)[a] for x, a in zip(tensors, axes, strict=True) if a is not None)
    fronted = move_batches(tensors, axes)
    if axes[1] is not None:  # times of its own for each example
        rows = [prim(*[x if a is None else x[i] for x, a in zip(fronted, axes, strict=True)])
                for i in range(size)]  # fmt: skip
        return ops.stack(rows), 0
    y0, t, *args = fronted
    if axes[0] is None:
        y0 = spread_batch(y0, size)
    places = (0, *[None if a is None else 0 for a in axes[2:]])

    def of_all(t, y, *args):
        return vmap(lambda y, *a: func(t, y, *a), in_dims=places)(y, *args)

    return _odeint(of_all, y0, t, args, options), 1
