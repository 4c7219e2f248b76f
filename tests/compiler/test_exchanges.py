"""A maximum of what relu gives is taken first: the same numbers, from fewer elements."""

import copy

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
F = torch.nn.functional


def relus(made):
    """The shapes of which a program computes relu."""
    return [e.outs[0].shape for p in made for e in p.graph.equations if e.prim.name == "relu"]


def gradient_of(function, x):
    x = x.clone().requires_grad_()
    out = function(x)
    out.square().sum().backward()
    return out.detach(), x.grad


def both(function, x, tolerance=0.0):
    eager = gradient_of(function, x)
    compiled = torch.compile(lambda x: gradient_of(function, x), fullgraph=True)(x)
    for a, b in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=0)


POOLS = [
    (lambda x: F.max_pool2d(x, 2), (2, 3, 9, 8)),
    (lambda x: F.max_pool2d(x, 3, stride=1, padding=1), (2, 3, 7, 6)),
    (lambda x: F.max_pool2d(x, (2, 3), stride=(1, 2), dilation=2), (1, 4, 11, 12)),
    (lambda x: F.max_pool2d(x, 3, stride=2, ceil_mode=True), (3, 2, 8, 9)),
    (lambda x: F.max_pool1d(x, 2), (4, 3, 11)),
    (lambda x: F.max_pool3d(x, 2), (1, 2, 5, 4, 6)),
]


@pytest.mark.parametrize(("pool", "shape"), POOLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients(pool, shape, dtype, made):
    torch.manual_seed(0)
    x = torch.randn(*shape, dtype=dtype)
    x[x.abs() < 0.4] = 0.0  # ties, and windows without anything above zero
    x[:1, :1] = -x[:1, :1].abs()
    both(lambda x: pool(x.mul(2).relu()), x)
    assert relus(made) == [tuple(pool(x).shape)]


@pytest.mark.parametrize(("pool", "shape"), POOLS)
def test_a_backward_pass_of_its_own(pool, shape, made):
    """Both directions are looked at together, so the mask that is kept between them is small."""
    x = torch.randn(*shape)
    x[x.abs() < 0.4] = 0.0
    function = torch.compile(lambda x: pool(x.mul(2).relu()), fullgraph=True)
    for a, b in zip(gradient_of(function, x), gradient_of(lambda x: pool(x.mul(2).relu()), x),
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert relus(made) == [tuple(pool(x).shape)]
    masks = [e.outs[0].shape for p in made for e in p.graph.equations if e.prim.name == "ne"]
    assert masks == [tuple(pool(x).shape)]


def test_nan_and_infinities(made):
    x = torch.tensor([[[[1.0, float("nan"), -1.0, -float("inf")], [float("nan"), 2, -3, -4],
                        [float("inf"), 1, -0.0, 0.0], [5, 5, 0.0, -0.0]]]])  # fmt: skip

    def infinite(x):
        return F.max_pool2d((x * 1).relu(), 2) * float("inf")

    both(lambda x: F.max_pool2d((x * 1).relu(), 2), x)
    both(infinite, x)
    assert all(shape == (1, 1, 2, 2) for shape in relus(made))


def test_what_is_needed_elsewhere_stays(made):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 8)

    def kept(x):
        h = (x * 3).relu()
        return F.max_pool2d(h, 2).sum() + h.exp().mean()

    both(kept, x, 1e-6)
    assert (2, 3, 8, 8) in relus(made)
    h = torch.compile(lambda x: [h := x.relu(), F.max_pool2d(h, 2)], fullgraph=True)(x)
    assert torch.equal(h[0], x.relu()) and torch.equal(h[1], F.max_pool2d(x.relu(), 2))


def test_a_network(made):
    """Two of them one after the other, one with relu in place."""

    torch.manual_seed(0)
    nn = torch.nn
    first = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3),
                          nn.MaxPool2d(2), nn.ReLU(inplace=True), nn.Flatten(),
                          nn.Linear(150, 5)).double()  # fmt: skip
    x = torch.randn(8, 1, 26, 26).double()

    def losses(compiled):
        model = copy.deepcopy(first)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)

        def step():
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        run = torch.compile(step) if compiled else step
        return [run().item() for _ in range(5)]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-12)
    assert {shape[-2:] for shape in relus(made)} == {(12, 12), (5, 5)}


def test_several_in_one_program():
    """Each of them, forwards and back; what one exchange makes is read by the next."""
    x = torch.randn(4, 2, 7, 8, dtype=torch.float64).requires_grad_()

    def f(x):
        x.grad, total = None, 0.0
        for k in range(3):
            y = F.max_pool2d(F.relu(x[k:]), 2, 1)
            y = F.max_pool2d(F.relu(y - 0.1), 2, 1)
            y = (y * y).mean()
            y.backward()
            total = total + y.detach()
        return total

    expected, gradient = f(x), x.grad.clone()
    compiled = torch.compile(f)
    for _ in range(3):
        assert torch.allclose(compiled(x), expected)
        assert torch.allclose(x.grad, gradient)


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), [
    (2, 2, 0, 1), (3, 1, 0, 1), (3, 2, 1, 2), (2, 3, 0, 1),
])  # fmt: skip
def test_sums_of_what_is_spread_are_taken_first(kernel, stride, padding, dilation, made):
    """Over all pooled axes, not over some; ties, NaN and infinities too."""
    x = torch.randint(-3, 3, (3, 4, 11, 14)).double()
    x[0, 1, 2:6], x[1, 2, 3, 4], x[2, 0, 0, 1] = 2, float("nan"), -float("inf")
    x.requires_grad_()

    def f(x, g):
        y = F.max_pool2d(x, kernel, stride, padding, dilation)
        (spread,) = torch.autograd.grad(y, x, g)
        whole = spread.sum((0, 2, 3)), spread.sum((-1, -2), keepdim=True), spread.sum()
        return *whole, spread.sum((0, 1, 2))

    g = torch.randn_like(F.max_pool2d(x, kernel, stride, padding, dilation))
    g[0, 1, 0, 0] = float("inf")
    expected = f(x, g)
    for a, b in zip(torch.compile(f, fullgraph=True)(x, g), expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a.detach(), b.detach(), rtol=1e-12, atol=1e-12)
    sums = [e.ins[0].shape for p in made for e in p.graph.equations if e.prim.name == "sum"]
    assert sums.count(g.shape) == 3 and sums.count(x.shape) == 1
