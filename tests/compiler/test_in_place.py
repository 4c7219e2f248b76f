"""What a loop writes lies where it has read, for the last time, the element of the same index."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.execution.planning import Planning
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
F = torch.nn.functional
N = 96


def shared(program):
    """Pairs of buffers of one place of which one takes the other's."""
    return Planning(program.source).heirs


def own(x, w):
    """Elements of a product, one by one."""
    h = x @ w
    return (torch.exp(-h * h) @ w).sin() @ w


def turned(x, w):
    h = x @ w
    return (h.sin() + h.mT) @ w


def other(x, w):
    """An array that goes on being read."""
    h = x @ w
    return (h.sin() @ w) + h.mT @ w


def wider(x, w):
    h = x @ w
    return h.double().sin() @ w.double()


def twice(x, w):
    """Two arrays are written where one is read."""
    h = x @ w
    return h.sin() @ w + h.cos() @ w


def row(x, w):
    """One row is read for all."""
    h = (x @ w)[:1] @ w
    return (h + x).sin() @ w


def summed(x, w):
    """Elements that are added up in the loop that writes them: of rows, columns, all."""
    h = x @ w
    h = h - h.mean(1, keepdim=True)
    h = h.sin() @ w + h.sum(0)
    return h / (h * h).sum() @ w


CASES = [(own, 2), (turned, 0), (other, 0), (wider, 0), (twice, 1), (row, 0), (summed, 4)]


@pytest.mark.parametrize(("function", "count"), CASES)
def test_only_what_is_read_at_the_same_index_for_the_last_time(function, count, made):
    torch.manual_seed(0)
    x, w = torch.randn(N, N), torch.randn(N, N) / 10
    found = torch.compile(function, fullgraph=True)(x, w)
    (program,) = made
    assert len(shared(program)) == count
    np.testing.assert_allclose(found.numpy(), function(x, w).numpy(), rtol=2e-4, atol=2e-4)


def test_one_array_after_the_other_in_one_place(made):
    """A chain of products and elements needs the room of a product and its operand."""
    torch.manual_seed(1)
    x, w = torch.randn(512, N), torch.randn(N, N) / 10

    def chain(x, w):
        for _ in range(6):
            x = (x @ w).tanh()
        return x @ w

    found = torch.compile(chain, fullgraph=True)(x, w)
    (program,) = made
    assert shared(program) and program.arena_bytes <= 2 * 4 * 512 * N
    np.testing.assert_allclose(found.numpy(), chain(x, w).numpy(), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layer", [
    lambda h: F.gelu(h) + h, F.silu, lambda h: F.dropout(F.softplus(h), 0.25),
    lambda h: F.layer_norm(h, (N,)), lambda h: torch.softmax(h.mT, 1), lambda h: h.cumsum(0).tanh(),
])  # fmt: skip
def test_training_gives_the_same_numbers(layer, dtype, made):
    def step(x, *weights):
        leaves = [w.clone().requires_grad_() for w in weights]
        h = x
        for w in leaves:
            h = layer(h @ w)
        h.square().sum().backward()
        return [h.detach(), *[w.grad for w in leaves]]

    torch.manual_seed(2)
    given = [torch.randn(N, N, dtype=dtype) / 10 for _ in range(4)]
    torch.manual_seed(3)
    found = torch.compile(step, fullgraph=True)(*given)
    assert shared(made[0])
    torch.manual_seed(3)
    for a, b in zip(found, step(*given), strict=True):
        expected = b.numpy()
        np.testing.assert_allclose(
            a.numpy(), expected, rtol=2e-3, atol=1e-4 * max(abs(expected).max(), 1)
        )


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_results_of_convolutions_and_pools(kind, made):
    """They lie in the memory of the program, where what is computed of them takes their place: of a
    layer with its norm, a program needs two arrays on the way back, and nothing beside them."""
    torch.manual_seed(4)
    nn, shape = torch.nn, (8, 16, 24, 24)
    model = nn.Sequential(nn.Conv2d(4, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
                          nn.MaxPool2d(2)).to(kind)  # fmt: skip
    x = torch.randn(8, 4, 24, 24, dtype=kind)

    def step(x):
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    results = [[step(x).item(), *[p.grad.clone() for p in model.parameters()]]]
    compiled = torch.compile(step)
    for _ in range(3):
        model[1].reset_running_stats()
        results.append([compiled(x).item(), *[p.grad.clone() for p in model.parameters()]])
    for found in results[1:]:
        for a, b in zip(found, results[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)
    large = np.prod(shape) * kind.itemsize
    plan = Planning(made[-1].source)
    called = [plan.plan.buffers[s] for s in made[-1].call_made]
    assert all(np.prod(v.shape) < np.prod(shape) for v, _, _ in called)
    assert made[-1].arena_bytes <= 2.6 * large
