"""Derivatives of solutions: roots, fixed points and linear systems, without unrolling the solver.

Where F(x, θ) = 0 holds, ∂F/∂x · dx = -∂F/∂θ · dθ: one linear solve gives the derivative, whatever
the solver did. Read `custom_root`.
"""

import functools

import numpy as np

from .. import ops
from ..base import tree
from ..base.errors import LinAlgError, hinted
from ..core.handle import TensorBase, bottom, shape_of
from ..ops.matrix_functions import solve as solve_matrix
from .derivatives import jacrev, jvp, vjp
from .rules import check_closure, with_rules

__all__ = ["custom_linear_solve", "custom_root", "fixed_point"]


# --- linear systems -------------------------------------------------------------------------------


def custom_linear_solve(matvec, b, solve=None, *, args=(), transpose_solve=None, symmetric=False):
    """x with matvec(x, *args) = b; its derivatives are solves with the same (transposed) system.

    Args:
        matvec: (x, *args) -> A·x, linear in x, of b's shape.
        b: tensor, the right-hand side.
        solve: (matvec, b) -> x, any code, where matvec takes x alone; by default the matrix is
            formed and factored.
        args: tensors the matrix depends on; what matvec uses otherwise counts as constant.
        transpose_solve: (matvec of the transposed matrix, b) -> x for reverse mode; `solve` serves
            where none is given.
        symmetric: the matrix is its own transpose, so reverse mode uses `matvec` itself.

    Raises:
        RuntimeError: where matvec uses a tracked tensor that is not in args.

    >>> import tidu as torch
    >>> b = torch.tensor([2.0, 9.0], requires_grad=True)
    >>> d = torch.tensor([1.0, 3.0], requires_grad=True)
    >>> x = torch.func.custom_linear_solve(lambda x, d: d * x, b, args=(d,))
    >>> x.sum().backward()
    >>> b.grad, d.grad
    (tensor([1.0000, 0.3333]), tensor([-2., -1.]))
    """
    check_closure("custom_linear_solve: matvec", matvec, (b, *args))
    return _linear_solve(matvec, b, solve or _dense, transpose_solve or solve or _dense, args,
                         symmetric)  # fmt: skip


def _linear_solve(matvec, b, solve, transpose_solve, args, symmetric):
    def value(b, *args):
        return solve(lambda x: matvec(x, *args), b)

    def transposed(u, *args):
        if symmetric:
            return matvec(u, *args)
        return vjp(lambda x: matvec(x, *args), ops.zeros_like(u))[1](u)[0]

    def forward(tangents, tensors, x):
        db, *changes = tangents
        args, right = tensors[1:], db
        moved = _change(lambda *a: matvec(x, *a), args, changes)
        if moved is not None:
            right = -moved if right is None else right - moved
        return _linear_solve(matvec, right, solve, transpose_solve, args, symmetric)

    def backward(g, tensors, x, needs):
        args = tensors[1:]
        u = _linear_solve(transposed, g, transpose_solve, solve, args, symmetric)
        found = [None] * len(args)
        if any(needs[1:]):
            found = [-c for c in vjp(lambda *a: matvec(x, *a), *args)[1](u)]
        return [u if needs[0] else None, *_needed(found, needs[1:])]

    return with_rules("linear_solve", value, forward, backward, (b, *args))


def _dense(matvec, b):
    """The matrix formed column by column, and factored."""
    n = int(np.prod(tuple(shape_of(b)), dtype=np.int64))
    columns, shape = jacrev(matvec)(ops.zeros_like(b)), tuple(shape_of(b))
    if tuple(shape_of(columns)) != shape * 2:
        gave = list(shape_of(columns))[: columns.dim() - len(shape)]
        raise RuntimeError(f"custom_linear_solve: matvec gave {gave} for b of shape {list(shape)}; "
                           "as many equations as unknowns are needed")  # fmt: skip
    rest = bottom(matvec(ops.zeros_like(b)))
    if isinstance(rest, (np.ndarray, np.generic)) and np.any(rest):
        raise ValueError(
            hinted(
                "custom_linear_solve: matvec is not linear, it gives something else than 0 for 0",
                "move what does not depend on x into b; for equations that are not linear take "
                "custom_root.",
            )
        )
    matrix = ops.reshape(columns, (n, n))
    return ops.reshape(solve_matrix(matrix, ops.reshape(b, (n,))), tuple(shape_of(b)))


def _change(function, args, tangents):
    """The derivative of function(*args) along the tangents (None: zero); None if all are."""
    moving = [i for i, t in enumerate(tangents) if t is not None]
    if not moving:
        return None

    def of_moving(*parts):
        whole = list(args)
        for i, part in zip(moving, parts, strict=True):
            whole[i] = part
        return function(*whole)

    return jvp(of_moving, tuple([args[i] for i in moving]),
               tuple([tangents[i] for i in moving]))[1]  # fmt: skip


def _needed(found, needs):
    return [c if needed else None for c, needed in zip(found, needs, strict=True)]


# --- roots ----------------------------------------------------------------------------------------


def custom_root(residual, solve=None, linear_solve=None):
    """(x0, *args) -> x with residual(x, *args) = 0, differentiable by args to any order.

    Args:
        residual: (x, *args) -> tensor of x's shape that is zero at the solution.
        solve: (x0, *args) -> x, any code on untracked tensors (SciPy on arrays, say); by default
            Newton's method with halved steps.
        linear_solve: (matvec, b) -> x for the one linear system a derivative needs; by default the
            Jacobian is formed and factored. For large x give an iterative one.

    Returns:
        A function of x0 (tensor, where the solver starts; it gets no gradient) and args (tensors,
        or trees of them). Works under grad, jvp, vmap (each example is solved by itself) and
        their nests.

    Raises:
        RuntimeError: where residual uses a tracked tensor that is not in args, or Newton's method
            does not converge.

    Source: Griewank & Walther, Evaluating Derivatives (2008), chapter 15; Blondel et al., Efficient
    and Modular Implicit Differentiation (2022).

    >>> import tidu as torch
    >>> root = torch.func.custom_root(lambda x, a: x**2 - a)
    >>> torch.func.grad(lambda a: root(torch.tensor(1.0), a))(torch.tensor(4.0))
    tensor(0.2500)
    """

    @functools.wraps(residual)
    def wrapper(x0, *args):
        if not isinstance(x0, TensorBase):
            raise TypeError(f"custom_root: x0 must be a tensor, got {type(x0).__name__}")
        if not x0.is_floating_point():
            raise TypeError(
                hinted(
                    f"custom_root: x0 must be of floating-point numbers, got {x0.dtype}",
                    "convert it, as with x0.float().",
                )
            )
        leaves, spec = tree.flatten(args)
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, TensorBase)]

        def spread(tensors):
            whole = list(leaves)
            for i, t in zip(places, tensors, strict=True):
                whole[i] = t
            return tree.unflatten(spec, whole)

        def flat_residual(x, *tensors):
            return residual(x, *spread(tensors))

        def flat_solve(x0, *tensors):
            if solve is None:
                return newton(lambda x: flat_residual(x, *tensors), x0)
            return _solved(solve(x0, *spread(tensors)), x0)

        tensors = [leaves[i] for i in places]
        _check_shape(check_closure("custom_root: residual", flat_residual, (x0, *tensors)), x0)
        return _root(flat_residual, flat_solve, linear_solve or _dense, x0.detach(), tensors)

    return wrapper


def _check_shape(out, x0):
    if not isinstance(out, TensorBase) or tuple(out.shape) != tuple(x0.shape):
        got = list(out.shape) if isinstance(out, TensorBase) else type(out).__name__
        raise RuntimeError(f"custom_root: residual gave {got} for x of shape {list(x0.shape)}; "
                           "as many equations as unknowns are needed")  # fmt: skip


def _solved(found, x0):
    if not isinstance(found, TensorBase):
        found = ops.tensor(found, dtype=x0.dtype)
    return found.detach().reshape(tuple(x0.shape))


def _root(residual, solve, linear_solve, x0, tensors):
    def slope(v, x, *args):
        return jvp(lambda x: residual(x, *args), (x,), (v,))[1]

    def slope_back(u, x, *args):
        return vjp(lambda x: residual(x, *args), x)[1](u)[0]

    def forward(tangents, inputs, x):
        args = inputs[1:]
        moved = _change(lambda *a: residual(x, *a), args, tangents[1:])
        if moved is None:
            return None
        return -_linear_solve(slope, moved, linear_solve, linear_solve, (x, *args), False)

    def backward(g, inputs, x, needs):
        args = inputs[1:]
        u = _linear_solve(slope_back, g, linear_solve, linear_solve, (x, *args), False)
        found = vjp(lambda *a: residual(x, *a), *args)[1](-u)
        return [None, *_needed(found, needs[1:])]

    return with_rules("root", solve, forward, backward, (x0, *tensors))


def newton(residual, x, tolerance=None, most=100):
    """Newton's method; a step that makes the residual larger is halved."""
    eps = np.finfo(np.dtype(bottom(x).dtype)).eps
    size = _norm(residual(x))
    for _ in range(most):
        if size == 0:
            return x
        step = _newton_step(residual, x)
        if step is None:
            break
        trial, step, trial_size = _halved(residual, x, step, size)
        small = _norm(step) <= (tolerance or 4 * eps) * max(_norm(x), 1e-30)
        if trial_size >= size:
            if small or size <= np.sqrt(eps):
                return x
            break
        x, size = trial, trial_size
        if small:
            return x
    raise RuntimeError(hinted(
        f"custom_root: Newton's method did not converge; the residual's norm is {size:.3g}.",
        "start nearer the solution, or pass a solver of your own as solve=.",
    ))  # fmt: skip


def _newton_step(residual, x):
    """What is to be taken off x; None where the Jacobian is singular."""
    n = int(np.prod(tuple(x.shape), dtype=np.int64))
    matrix = ops.reshape(jacrev(residual)(x), (n, n))
    try:
        step = solve_matrix(matrix, ops.reshape(residual(x), (n,)))
    except LinAlgError:
        return None
    return step.reshape(tuple(x.shape)).detach()


def _halved(residual, x, step, size):
    """(where the step leads, the step, the residual's norm there), halved until that is smaller."""
    for _ in range(30):
        trial = (x - step).detach()
        trial_size = _norm(residual(trial))
        if trial_size < size or not np.isfinite(size):
            break
        step = step / 2
    return trial, step, trial_size


def _norm(t):
    return float(np.linalg.norm(np.asarray(bottom(t.detach()), np.float64)))


# --- fixed points ---------------------------------------------------------------------------------


def fixed_point(function, x0, *args, solve=None, linear_solve=None, tolerance=None, most=1000):
    """x with function(x, *args) = x, differentiable by args to any order.

    Args:
        function: (x, *args) -> tensor of x's shape; a contraction near the solution for the
            default solver, which applies it until x changes by less than `tolerance` (relative,
            four rounding errors where none is given), `most` times at the most.
        solve, linear_solve: as for `custom_root`.

    Raises:
        RuntimeError: where the iteration does not converge.

    >>> import tidu as torch
    >>> torch.func.fixed_point(torch.cos, torch.tensor(1.0))
    tensor(0.7391)
    """

    def iterate(x, *args):
        limit = tolerance or 4 * np.finfo(np.dtype(bottom(x).dtype)).eps
        change, steps = np.inf, 0
        while steps < most:
            steps += 1
            following = function(x, *args).detach()
            change = _norm(following - x)
            x = following
            if not np.isfinite(change):
                break
            if change <= limit * max(_norm(x), 1e-30):
                return x
        raise RuntimeError(hinted(
            f"fixed_point: no convergence in {steps} steps; the last one changed x by "
            f"{change:.3g}.",
            "the function is no contraction there; pass solve=, or use custom_root.",
        ))  # fmt: skip

    root = custom_root(lambda x, *a: function(x, *a) - x, solve or iterate, linear_solve)
    return root(x0, *args)
