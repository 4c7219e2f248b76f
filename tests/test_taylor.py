"""Taylor mode nests with the other transforms, costs O(n²), and refuses what does not fit."""

import math

import numpy as np
import pytest

import tidu as torch
from tidu.core.modes import listen, unlisten
from tidu.func import grad, hessian, jacfwd, jet, jvp, taylor, vmap

D = torch.float64


def scalar(value):
    return torch.tensor(value, dtype=D)


class Counter:
    """How many primitives are applied inside."""

    def __enter__(self):
        self.count = 0
        listen(self)
        return self

    def __exit__(self, *error):
        unlisten(self)

    def applied(self, *heard):
        self.count += 1

    def pass_begins(self, *heard):
        pass

    pass_ends = visited = pass_begins


def program(x):
    return torch.sin(x) * torch.exp(-x) / (1 + x * x) + torch.tanh(x)


def nested(f, n):
    for _ in range(n):
        f = grad(f)
    return f


def count_of(work):
    with Counter() as counter:
        work()
    return counter.count


def test_derivatives_to_high_order():
    found = taylor(torch.exp, scalar(0.5), 12)
    assert [t.item() for t in found] == pytest.approx([math.exp(0.5)] * 13)
    x = scalar(0.7)
    log = [t.item() for t in taylor(torch.log, x, 10)][1:]
    exact = [(-1) ** (k + 1) * math.factorial(k - 1) / 0.7**k for k in range(1, 11)]
    assert log == pytest.approx(exact, rel=1e-12)
    ours = [t.item() for t in taylor(program, x, 5)]
    assert ours == pytest.approx([nested(program, k)(x).item() for k in range(6)], rel=1e-11)


def test_cost_is_quadratic_where_nested_grad_is_exponential():
    x = scalar(0.7)
    orders = (1, 2, 4, 8, 16, 32)
    counts = {n: count_of(lambda n=n: taylor(program, x, n)) for n in orders}
    for n in (4, 8, 16):
        assert counts[2 * n] < 4.2 * counts[n], "twice the order costs at most four times as much"
    towers = {n: count_of(lambda n=n: nested(program, n)(x)) for n in (1, 2, 3, 4)}
    assert towers[4] > 1.8 * towers[3] > 3 * towers[2]
    assert counts[4] < towers[4] / 3


def test_powers_at_zero():
    """x³ has derivatives at 0, where x·y' = a·y·x' divides by it."""
    assert [t.item() for t in taylor(lambda x: x**3, scalar(0.0), 4)] == [0, 0, 0, 6, 0]
    assert [t.item() for t in taylor(lambda x: x**0, scalar(0.0), 2)] == [1, 0, 0]


def test_pieces():
    x = torch.tensor([-1.0, 2.0], dtype=D)
    for f in (torch.relu, torch.abs, lambda t: torch.where(t > 0, t, 2 * t), lambda t: t.amax()):
        first, second = taylor(f, x, 2)[1:]
        assert first.tolist() == jvp(f, (x,), (torch.ones_like(x),))[1].tolist()
        assert not second.any()


# --- with the other transforms --------------------------------------------------------------------


def test_grad_of_jet_and_jet_of_grad():
    x, v = scalar(0.4), scalar(1.0)

    def second(y):
        return jet(program, (y,), ([v, torch.zeros_like(v)],))[1][1]

    assert grad(second)(x).item() == pytest.approx(nested(program, 3)(x).item(), rel=1e-12)
    third = jet(grad(program), (x,), ([v, torch.zeros_like(v)],))[1][1]
    assert third.item() == pytest.approx(nested(program, 3)(x).item(), rel=1e-12)


def test_jet_in_jet():
    x, zero, one = scalar(0.4), scalar(0.0), scalar(1.0)

    def second(y):
        return jet(program, (y,), ([one, zero],))[1][1]

    found = jet(second, (x,), ([one, zero],))[1][1]
    assert found.item() == pytest.approx(nested(program, 4)(x).item(), rel=1e-11)


def test_vmap_of_jet_and_jet_of_vmap():
    xs = torch.linspace(0.1, 0.9, 5, dtype=D)
    expected = [nested(program, 3)(x).item() for x in xs.unbind()]
    inside = vmap(lambda x: taylor(program, x, 3)[3])(xs)
    outside = taylor(vmap(program), xs, 3)[3]
    np.testing.assert_allclose(inside.numpy(), expected, rtol=1e-11)
    np.testing.assert_allclose(outside.numpy(), expected, rtol=1e-11)


def test_second_derivative_along_a_direction_is_the_hessian():
    generator = np.random.default_rng(1)
    w = torch.tensor(generator.normal(size=(4, 3)))
    x, v = [torch.tensor(generator.normal(size=3)) for _ in range(2)]

    def f(x):
        return (torch.tanh(w @ x) ** 2).sum() + torch.softmax(x, 0)[1] * x.norm()

    assert taylor(f, x, 2, v)[2].item() == pytest.approx((v @ hessian(f)(x) @ v).item(), rel=1e-10)
    along = jvp(lambda x: jvp(f, (x,), (v,))[1], (x,), (v,))[1]
    assert taylor(f, x, 2, v)[2].item() == pytest.approx(along.item(), rel=1e-10)


def test_parameters_outside_are_tracked():
    x, a = scalar(0.4), torch.tensor(1.3, dtype=D, requires_grad=True)
    taylor(lambda x: torch.sin(a * x), x, 2)[2].backward()
    # d/da of -a² sin(a·x)
    exact = -2 * 1.3 * math.sin(1.3 * 0.4) - 1.3**2 * 0.4 * math.cos(1.3 * 0.4)
    assert a.grad.item() == pytest.approx(exact, rel=1e-12)


def test_jacobian_of_derivatives():
    x = torch.tensor([0.3, 0.6], dtype=D)
    found = jacfwd(lambda x: taylor(torch.sin, x, 2)[2])(x)
    np.testing.assert_allclose(found.numpy(), np.diag(-np.cos([0.3, 0.6])), rtol=1e-12)


def test_trees_constants_and_networks():
    x, one, zero = scalar(0.4), scalar(1.0), scalar(0.0)
    out, found = jet(lambda x: {"a": x * 2, "b": torch.ones(2)}, (x,), ([one, zero],))
    assert out["b"].tolist() == [1, 1] and found[0]["b"].tolist() == [0, 0]
    assert found[0]["a"].item() == 2 and found[1]["a"].item() == 0
    model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.LayerNorm(8), torch.nn.GELU(),
                                torch.nn.Linear(8, 1)).double()  # fmt: skip
    third = taylor(lambda t: model(t.reshape(1, 1)).sum(), x, 3)[3]
    exact = nested(lambda t: model(t.reshape(1, 1)).sum(), 3)(x)
    assert third.item() == pytest.approx(exact.item(), rel=1e-8)


def test_what_does_not_fit_is_refused():
    x = scalar(1.0)
    with pytest.raises(ValueError, match="1 primals and 2 series"):
        jet(torch.sin, (x,), ([x], [x]))
    with pytest.raises(ValueError, match="same length"):
        jet(torch.mul, (x, x), ([x], [x, x]))
    with pytest.raises(ValueError, match="shape"):
        jet(torch.sin, (x,), ([torch.ones(2)],))
    with pytest.raises(ValueError, match="Expected tensors"):
        jet(torch.sin, (1.0,), ([x],))


def test_what_has_no_series():
    with pytest.raises(TypeError, match="x must be a tensor, got float"):
        taylor(lambda x: x * x, 2.0, 2)
    for order in (-1, 2.5):
        with pytest.raises(ValueError, match="order must be a whole number"):
            taylor(lambda x: x * x, torch.tensor(2.0), order)
    with pytest.raises(ValueError, match=r"torch.int64, which has no derivatives"):
        taylor(lambda x: x * x, torch.tensor(2), 2)
    with pytest.raises(ValueError, match="primals must be a tuple, got Tensor"):
        jet(lambda x: x, torch.tensor(0.0), torch.tensor(1.0))
