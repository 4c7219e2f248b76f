"""odeint: against SciPy's solvers and finite differences, by both gradients, in every mode."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import tidu as torch
from tidu.func import grad, hessian, jvp, odeint, vmap

pytestmark = pytest.mark.slow

D = torch.float64
Y0 = torch.tensor([2.0, 1.0], dtype=D)
T = torch.tensor([0.0, 0.4, 1.0], dtype=D)
P = torch.tensor([1.5, 1.0, 3.0, 1.0], dtype=D)
W = torch.tensor(np.random.default_rng(0).normal(size=(3, 2)))


def field(t, y, p):
    a, b, c, d = p.unbind()
    return torch.stack([a * y[0] - b * y[0] * y[1], d * y[0] * y[1] - c * y[1]]) + 0.3 * torch.sin(
        t
    )


def by_scipy(function, y0, t, *args, **kwargs):
    def plain(s, y):
        return function(torch.tensor(s, dtype=D), torch.tensor(y), *args).numpy()

    span = (t[0].item(), t[-1].item())
    found = solve_ivp(plain, span, y0.numpy(), t_eval=t.numpy(), rtol=1e-11, atol=1e-12, **kwargs)
    return found.y.T


METHODS = {"dopri5": ({}, 1e-6), "rk4": ({"step": 0.01}, 1e-7),
           "rosenbrock23": ({"rtol": 1e-6, "atol": 1e-8}, 1e-4)}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backwards", [False, True])
def test_values(method, backwards):
    options, tolerance = METHODS[method]
    t = T.flip(0) if backwards else T
    found = odeint(field, Y0, t, args=(P,), method=method, **options)
    np.testing.assert_allclose(found.numpy(), by_scipy(field, Y0, t, P), rtol=tolerance,
                               atol=tolerance)  # fmt: skip


def loss(y0, t, p, **options):
    return (odeint(field, y0, t, args=(p,), **options) * W).sum()


def slope(place, step=1e-5):
    """The gradient of the loss by one of (y0, t, p), by central differences."""
    found = []
    for i in range((Y0, T, P)[place].numel()):
        pair = []
        for sign in (1, -1):
            moved = [x.clone() for x in (Y0, T, P)]
            moved[place][i] += sign * step
            pair.append(loss(*moved, rtol=1e-11, atol=1e-12).item())
        found.append((pair[0] - pair[1]) / (2 * step))
    return np.array(found)


@pytest.fixture(scope="module")
def exact():
    return [slope(i) for i in range(3)]


@pytest.mark.parametrize("gradient", ["adjoint", "direct"])
@pytest.mark.parametrize("method", METHODS)
def test_gradients_by_state_times_and_parameters(gradient, method, exact):
    options, tolerance = METHODS[method]
    if method == "rk4":
        options = {"step": 0.02}

    def of(y0, t, p):
        return loss(y0, t, p, gradient=gradient, method=method, **options)

    for found, slopes in zip(grad(of, argnums=(0, 1, 2))(Y0, T, P), exact, strict=True):
        np.testing.assert_allclose(found.numpy(), slopes, rtol=20 * tolerance, atol=2 * tolerance)


@pytest.mark.parametrize("gradient", ["adjoint", "direct"])
def test_forward_mode(gradient, exact):
    directions = [torch.tensor(np.random.default_rng(1).normal(size=x.shape)) for x in (Y0, T, P)]
    found = jvp(lambda *xs: loss(*xs, gradient=gradient), (Y0, T, P), tuple(directions))[1].item()
    along = sum([(d.numpy() * e).sum() for d, e in zip(directions, exact, strict=True)])
    assert found == pytest.approx(along, rel=1e-5)


def test_on_the_tape_and_second_order(exact):
    p = P.clone().requires_grad_()
    loss(Y0, T, p).backward()
    np.testing.assert_allclose(p.grad.numpy(), exact[2], rtol=1e-5)

    def of(p):
        return (odeint(field, Y0, T[:2], args=(p,))[1] ** 2).sum()

    second = hessian(of)(P).numpy()
    step = 1e-4
    for i in range(2):
        up, down = P.clone(), P.clone()
        up[i] += step
        down[i] -= step
        row = (grad(of)(up) - grad(of)(down)).numpy() / (2 * step)
        np.testing.assert_allclose(second[i], row, rtol=1e-4, atol=1e-5)


def test_batches():
    states = torch.tensor([[2.0, 1.0], [1.0, 2.0], [0.5, 0.1]], dtype=D)
    rates = torch.stack([P, P * 1.1, P * 0.9])

    def end(y0, p):
        return odeint(field, y0, T, args=(p,))[-1].sum()

    found = vmap(end)(states, rates)
    each = [end(y, p).item() for y, p in zip(states.unbind(), rates.unbind(), strict=True)]
    assert found.tolist() == pytest.approx(each, rel=1e-6)
    gradients = vmap(grad(end, argnums=1), in_dims=(0, None))(states, P)
    for row, y in zip(gradients.unbind(), states.unbind(), strict=True):
        np.testing.assert_allclose(row.numpy(), grad(end, argnums=1)(y, P).numpy(), rtol=1e-5)
    times = torch.stack([T, T * 1.1])
    ends = vmap(lambda t: odeint(field, Y0, t, args=(P,))[-1])(times)
    np.testing.assert_allclose(ends[1].numpy(), by_scipy(field, Y0, T * 1.1, P)[-1], rtol=1e-6)


def test_stiff_equations_need_the_implicit_method():
    def stiff(t, y):
        return -1000.0 * (y - torch.cos(t)) - torch.sin(t)

    t = torch.tensor([0.0, 2.0], dtype=D)
    y0 = torch.tensor([0.0], dtype=D)
    found = odeint(stiff, y0, t, method="rosenbrock23", rtol=1e-5, atol=1e-7, max_steps=400)
    exact = by_scipy(stiff, y0, t, method="Radau")
    np.testing.assert_allclose(found.numpy()[1], exact[1], rtol=1e-4)
    with pytest.raises(RuntimeError, match="rosenbrock23"):
        odeint(stiff, y0, t, method="dopri5", rtol=1e-5, max_steps=400)


def test_a_network_as_the_field():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
    ).double()
    odeint(lambda t, y: model(y), Y0, T, gradient="direct")[-1].sum().backward()
    direct = [p.grad.clone() for p in model.parameters()]
    names = [n for n, _ in model.named_parameters()]
    weights = [p.detach().clone().requires_grad_() for p in model.parameters()]

    def of_weights(t, y, *weights):
        return torch.func.functional_call(model, dict(zip(names, weights, strict=True)), (y,))

    odeint(of_weights, Y0, T, args=tuple(weights))[-1].sum().backward()
    for w, d in zip(weights, direct, strict=True):
        np.testing.assert_allclose(w.grad.numpy(), d.numpy(), rtol=1e-5, atol=1e-8)


def test_refusals():
    with pytest.raises(ValueError, match="did you mean 'dopri5'"):
        odeint(field, Y0, T, args=(P,), method="dopri")
    with pytest.raises(ValueError, match="'adjoint' or 'direct'"):
        odeint(field, Y0, T, args=(P,), gradient="both")
    with pytest.raises(ValueError, match="one axis"):
        odeint(field, Y0, T[0], args=(P,))
    with pytest.raises(ValueError, match="floating-point"):
        odeint(field, Y0, torch.arange(3), args=(P,))
    with pytest.raises(ValueError, match="y0's shape"):
        odeint(lambda t, y: y[:1], Y0, T)
    tracked = P.clone().requires_grad_()
    with pytest.raises(RuntimeError, match="not one of its arguments"):
        odeint(lambda t, y: field(t, y, tracked), Y0, T)
    with pytest.raises(RuntimeError, match=r"too small|steps did not"):
        odeint(lambda t, y: y**2, torch.ones(1, dtype=D), torch.tensor([0.0, 2.0], dtype=D),
               max_steps=2000)  # fmt: skip


def test_one_time_and_equal_times():
    assert odeint(field, Y0, T[:1], args=(P,)).tolist() == [Y0.tolist()]
    same = torch.tensor([0.0, 0.0], dtype=D)
    assert odeint(field, Y0, same, args=(P,)).tolist() == [Y0.tolist()] * 2


def test_arguments_that_make_no_sense():
    y0, t = torch.ones(1), torch.tensor([0.0, 1.0])
    with pytest.raises(ValueError, match="must not be negative"):
        odeint(lambda t, y: -y, y0, t, rtol=-1.0)
    with pytest.raises(ValueError, match="y0 must be one tensor, got tuple"):
        odeint(lambda t, y: y, (y0, y0), t)
    with pytest.raises(ValueError, match="args must be a tuple of tensors, got float"):
        odeint(lambda t, y, k: -k * y, y0, t, args=2.0)
