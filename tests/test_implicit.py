"""Implicit derivatives: against finite differences, every mode and order, any solver."""

import numpy as np
import pytest
from scipy import optimize
from scipy.sparse.linalg import LinearOperator, gmres

import tidu as torch
from tidu.func import (
    custom_linear_solve,
    custom_root,
    fixed_point,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    taylor,
    vmap,
)

D = torch.float64


def data(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


def slopes(function, x, step=1e-6):
    """The Jacobian of function at x by central differences."""
    flat, columns = x.numpy().reshape(-1), []
    for i in range(flat.size):
        up, down = flat.copy(), flat.copy()
        up[i], down[i] = flat[i] + step, flat[i] - step
        pair = [function(torch.tensor(v.reshape(tuple(x.shape)))).numpy() for v in (up, down)]
        columns.append((pair[0] - pair[1]) / (2 * step))
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


def residual(x, a):
    return x**3 + 2 * x + torch.tanh(a["w"] @ x) - a["b"]


ARGS = {"w": data(3, 3), "b": data(3, seed=1)}
X0 = torch.zeros(3, dtype=D) + 0.5


def by_scipy(x0, a):
    found = optimize.root(lambda x: residual(torch.tensor(x), a).detach().numpy(), x0.numpy(),
                          tol=1e-14)  # fmt: skip
    return torch.tensor(found.x)


@pytest.mark.parametrize("solve", [None, by_scipy])
def test_root_in_both_modes(solve):
    root = custom_root(residual, solve)
    for key in ARGS:

        def of(value, key=key):
            return root(X0, {**ARGS, key: value})

        exact = slopes(of, ARGS[key])
        np.testing.assert_allclose(jacrev(of)(ARGS[key]).numpy(), exact, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(jacfwd(of)(ARGS[key]).numpy(), exact, rtol=1e-6, atol=1e-8)
    assert np.abs(residual(root(X0, ARGS), ARGS).numpy()).max() < 1e-12


def test_root_to_higher_order():
    root = custom_root(lambda x, a: x**2 - a)
    a = torch.tensor(4.0, dtype=D)

    def square_root(a):
        return root(torch.tensor(1.0, dtype=D), a)

    exact = [2, 1 / 4, -1 / 32, 3 / 256]
    function = square_root
    for value in exact:
        assert function(a).item() == pytest.approx(value, rel=1e-12)
        function = grad(function)
    assert [v.item() for v in taylor(square_root, a, 3)] == pytest.approx(exact)
    second = jvp(grad(square_root), (a,), (torch.ones_like(a),))[1]
    assert second.item() == pytest.approx(exact[2])
    many = torch.tensor([1.0, 4.0, 9.0], dtype=D)
    assert vmap(grad(square_root))(many).tolist() == pytest.approx([1 / 2, 1 / 4, 1 / 6])
    total = grad(lambda v: vmap(square_root)(v).sum())(many)
    assert total.tolist() == pytest.approx([1 / 2, 1 / 4, 1 / 6])


def test_root_on_the_tape():
    root = custom_root(residual)
    w = ARGS["w"].clone().requires_grad_()
    loss = (root(X0, {"w": w, "b": ARGS["b"]}) ** 2).sum()
    (first,) = torch.autograd.grad(loss, w, create_graph=True)
    (first**2).sum().backward()

    def norm(w):
        def loss(w):
            return (root(X0, {"w": w, "b": ARGS["b"]}) ** 2).sum()

        return (grad(loss)(w) ** 2).sum()

    np.testing.assert_allclose(w.grad.numpy(), slopes(norm, ARGS["w"]), rtol=1e-5, atol=1e-7)


def test_the_solver_is_not_unrolled():
    steps = []

    def solve(x0, a):
        x = x0
        for _ in range(200):
            steps.append(x.requires_grad)
            x = x - 0.2 * (x**2 - a)
        return x

    a = torch.tensor(2.0, dtype=D, requires_grad=True)
    x = custom_root(lambda x, a: x**2 - a, solve)(torch.tensor(1.0, dtype=D), a)
    x.backward()
    assert len(steps) == 200 and not any(steps)
    assert a.grad.item() == pytest.approx(0.5 / np.sqrt(2))


def test_root_refusals():
    a = torch.tensor(2.0, dtype=D, requires_grad=True)
    with pytest.raises(RuntimeError, match="not one of its arguments"):
        custom_root(lambda x: x**2 - a)(torch.tensor(1.0, dtype=D))
    with pytest.raises(RuntimeError, match="did not converge"):
        custom_root(lambda x: x**2 + 1)(torch.tensor(1.0, dtype=D))
    with pytest.raises(RuntimeError, match="as many equations"):
        custom_root(lambda x: x.sum())(torch.ones(2, dtype=D))
    with pytest.raises(TypeError, match="x0 must be a tensor"):
        custom_root(lambda x: x)(1.0)


# --- fixed points ---------------------------------------------------------------------------------


def test_fixed_point():
    w, b = data(4, 4) * 0.2, data(4, seed=1)

    def solution(w, b):
        return fixed_point(lambda x, w, b: torch.tanh(w @ x + b), torch.zeros(4, dtype=D), w, b)

    np.testing.assert_allclose(jacrev(solution)(w, b).numpy(), slopes(lambda w: solution(w, b), w),
                               rtol=1e-6, atol=1e-8)  # fmt: skip

    def loss(b):
        return (solution(w, b) ** 2).sum()

    np.testing.assert_allclose(hessian(loss)(b).numpy(), slopes(grad(loss), b), rtol=1e-5,
                               atol=1e-7)  # fmt: skip
    with pytest.raises(RuntimeError, match="no convergence in 50 steps"):
        fixed_point(lambda x: 2 * x + 1, torch.ones(1, dtype=D), most=50)


# --- linear systems -------------------------------------------------------------------------------


def krylov(matvec, b):
    n = b.numel()
    operator = LinearOperator((n, n), lambda v: matvec(torch.tensor(v)).numpy(), dtype=float)
    return torch.tensor(gmres(operator, b.numpy(), rtol=1e-13, restart=n)[0])


@pytest.mark.parametrize("solve", [None, krylov])
def test_linear_solve(solve):
    a, b = data(4, 4) + 4 * torch.eye(4, dtype=D), data(4, seed=1)

    def solution(a, b):
        return custom_linear_solve(lambda x, a: a @ x, b, solve, args=(a,))

    np.testing.assert_allclose(solution(a, b).numpy(), np.linalg.solve(a.numpy(), b.numpy()))
    for i, (x, other) in enumerate(((a, b), (b, a))):

        def of(x, i=i, other=other):
            return solution(x, other) if i == 0 else solution(other, x)

        for mode in (jacrev, jacfwd):
            if solve is None or mode is jacrev:
                exact = slopes(of, x)
                if solve is None:
                    np.testing.assert_allclose(mode(of)(x).numpy(), exact, rtol=1e-6, atol=1e-8)

    def loss(a):
        return (solution(a, b) ** 2).sum()

    np.testing.assert_allclose(grad(loss)(a).numpy(), slopes(loss, a), rtol=1e-6, atol=1e-8)
    second = jvp(grad(loss), (a,), (torch.ones_like(a),))[1]
    exact = (slopes(grad(loss), a)).sum((2, 3))
    np.testing.assert_allclose(second.numpy(), exact, rtol=1e-5, atol=1e-7)


def test_linear_solve_symmetric_and_batched():
    d, b = data(3) ** 2 + 1, data(5, 3, seed=1)

    def solution(b, d):
        return custom_linear_solve(lambda x, d: d * x, b, args=(d,), symmetric=True)

    np.testing.assert_allclose(vmap(solution, in_dims=(0, None))(b, d).numpy(), (b / d).numpy())
    found = vmap(grad(lambda b, d: solution(b, d).sum(), argnums=1), in_dims=(0, None))(b, d)
    np.testing.assert_allclose(found.numpy(), (-b / d**2).numpy())
    tracked = d.clone().requires_grad_()
    with pytest.raises(RuntimeError, match="matvec uses a tensor that requires a gradient"):
        custom_linear_solve(lambda x: tracked * x, b[0])


def test_iterations_that_grow_and_systems_that_do_not_fit():
    with pytest.raises(RuntimeError, match=r"no convergence in \d+ steps; the last one changed"):
        torch.func.fixed_point(lambda x: 2 * x + 1, torch.tensor(1.0))
    with pytest.raises(RuntimeError, match=r"matvec gave \[3\] for b of shape \[2\]"):
        torch.func.custom_linear_solve(lambda x: torch.ones(3) * x.sum(), torch.ones(2))
