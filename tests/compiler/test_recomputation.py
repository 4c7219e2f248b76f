"""Large programs compute again what is cheap and would be held long: less memory, the same bits."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.graphs import recomputation
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
F = torch.nn.functional


def always(monkeypatch, far=4):
    """As in a large program, whatever it costs."""
    for name, value in (("LARGE", 0), ("LEAST", 0), ("BUDGET", 1e9), ("FAR", far)):
        monkeypatch.setattr(recomputation, name, value)


def again(made):
    return sum(e.prim.name == "barrier" for p in made for e in p.graph.equations)


def network(layer, dtype, layers=6):
    torch.manual_seed(0)
    x = torch.randn(24, 40, dtype=dtype)
    weights = [torch.randn(40, 40, dtype=dtype).mul_(0.2) for _ in range(layers)]

    def step(x, *weights):
        leaves = [w.clone().requires_grad_() for w in weights]
        h = x
        for w in leaves:
            h = layer(h @ w)
        h.square().sum().backward()
        for w in leaves:
            w.data.sub_(w.grad, alpha=0.1)
        return [h.detach(), *[w.grad for w in leaves], *[w.detach() for w in leaves]]

    return step, (x, *weights)


LAYERS = [
    F.gelu, F.silu, F.relu, torch.tanh, F.softplus, lambda h: F.layer_norm(h, (40,)) + h,
    lambda h: F.dropout(F.gelu(h), 0.25),
    lambda h: F.gelu(h).mT.contiguous().mT[:, ::2].repeat(1, 2),
    lambda h: F.gelu(h.view(4, 6, 40)).reshape(24, 40),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_bits(layer, dtype, monkeypatch, made):
    step, given = network(layer, dtype)
    torch.manual_seed(1)
    once = torch.compile(step, fullgraph=True)(*given)
    assert not again(made)
    always(monkeypatch)
    torch.manual_seed(1)
    twice = torch.compile(step, fullgraph=True)(*given)
    for a, b in zip(twice, once, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("layer", [F.gelu, F.silu])
def test_memory_is_less_and_the_budget_is_kept(layer, monkeypatch, made):
    step, given = network(layer, torch.float32, layers=12)
    torch.compile(step)(*given)
    always(monkeypatch)
    torch.compile(step)(*given)
    all_, some = made
    assert again([some]) > 6 and some.arena_bytes < 0.8 * all_.arena_bytes
    monkeypatch.setattr(recomputation, "BUDGET", 0.0)
    torch.compile(step)(*given)
    none = made[-1]
    assert not again([none]) and none.arena_bytes == all_.arena_bytes


def test_code_for_all_sizes_chooses_nothing_by_size(monkeypatch, made):
    always(monkeypatch)
    step, given = network(F.gelu, torch.float64)
    compiled = torch.compile(step, dynamic=True, fullgraph=True)
    for rows in (24, 25, 30):
        x = torch.randn(rows, 40, dtype=torch.float64)
        for a, b in zip(compiled(x, *given[1:]), step(x, *given[1:]), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-10)
    assert made and not again(made)


def test_what_was_written_meanwhile_is_not_read(monkeypatch):
    """A value comes from what its source held, though that is written to before it is needed."""
    always(monkeypatch, far=2)
    torch.manual_seed(2)
    state, w = torch.randn(20, 20), torch.randn(20, 20)

    def step(state, w):
        leaf = w.clone().requires_grad_()
        h = torch.exp(state * 0.5) + 1
        out = F.gelu(F.gelu(F.gelu(h @ leaf) @ leaf) @ leaf)
        state.mul_(-3.0)
        (out.sum() + (h * leaf).sum()).backward()
        return out.detach(), leaf.grad, h @ h

    eager, compiled = [[t.clone() for t in (state, w)] for _ in range(2)]
    expected, found = step(*eager), torch.compile(step, fullgraph=True)(*compiled)
    for a, b in zip([*found, *compiled], [*expected, *eager], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-4, atol=1e-4)


def test_a_deep_network(made):
    """Above the threshold as it is."""
    torch.manual_seed(3)
    layers = [torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.GELU()) for _ in range(40)]
    model, x = torch.nn.Sequential(*layers), torch.randn(4096, 64)

    @torch.compile
    def step():
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    eager = model(x).square().mean()
    np.testing.assert_allclose(step().item(), eager.item(), rtol=1e-4)
    assert again(made) > 10 and made[0].arena_bytes < 70 << 20  # 80 without
