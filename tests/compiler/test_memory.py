"""What compiled programs need to run: checkpoints are computed again, versions share their room."""

import warnings

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls import optimized
from tidu.compiler.execution import arenas
from tidu.utils.checkpoint import checkpoint, checkpoint_sequential

pytestmark = pytest.mark.slow


def programs_of(step, calls=3):
    """The versions made by calls of a compiled function, and what it gave."""
    found = []
    optimized.WATCHERS.append(lambda name, captured, compiled: found.append(compiled.forward))
    try:
        compiled = torch.compile(step)
        results = [compiled().item() for _ in range(calls)]
    finally:
        optimized.WATCHERS.pop()
    return found, results


def deep(width=64, layers=36):
    torch.manual_seed(0)
    pairs = [[torch.nn.Linear(width, width), torch.nn.Tanh()] for _ in range(layers)]
    return torch.nn.Sequential(*[module for pair in pairs for module in pair]).double()


def training(model, x, run):
    def step():
        model.zero_grad()
        loss = run(model, x).sum()
        loss.backward()
        return loss

    return step


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_is_computed_again(reentrant):
    x = torch.randn(512, 64, dtype=torch.float64)
    again = x.clone().requires_grad_(reentrant)
    plain, checked, eager = deep(), deep(), deep()
    programs, expected = programs_of(training(plain, x, lambda m, x: m(x)))

    def parts(m, x):
        return checkpoint_sequential(m, 6, x, use_reentrant=reentrant)

    fewer, got = programs_of(training(checked, again, parts))
    assert fewer[-1].arena_bytes <= programs[-1].arena_bytes / 2
    step = training(eager, x, lambda m, x: m(x))
    assert got == pytest.approx(expected) and got == pytest.approx([step().item()] * 3)
    for a, b, c in zip(plain.parameters(), checked.parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(a.grad, c.grad)
        torch.testing.assert_close(b.grad, c.grad)


def test_a_checkpoint_that_draws():
    """What it drew is not drawn again."""
    results = []
    for run in (lambda f: f, torch.compile):
        torch.manual_seed(3)
        model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(0.4))
        x = torch.randn(5, 8)
        step = run(training(model, x, lambda m, x: checkpoint(m, x, use_reentrant=False).tanh()))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            losses = [step().item() for _ in range(3)]
        results.append((losses, [p.grad.clone() for p in model.parameters()]))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(a, b)


def test_large_arenas_are_shared(monkeypatch):
    monkeypatch.setattr(arenas, "LARGE", 1 << 12)
    model, x = deep(), torch.randn(256, 64, dtype=torch.float64)
    step = training(model, x, lambda m, x: m(x))
    programs, _ = programs_of(step)
    assert len(programs) > 1
    held = {id(m.arena) for p in programs for m in p.free}
    assert len(held) == 1
    inner = torch.compile(lambda: (model(x) * 2).sum())

    def outer():
        return torch.cond(x.sum() > -1e9, lambda: (model(x) * 2).sum(), lambda: x.sum())

    assert torch.compile(outer)().item() == pytest.approx(inner().item())


def test_gradients_are_written_where_the_last_ones_were_unless_somebody_holds_them():
    model = torch.nn.Sequential(torch.nn.Linear(600, 600), torch.nn.Dropout(0.1),
                                torch.nn.Linear(600, 600))  # fmt: skip
    x, weight = torch.randn(600, 600), model[0].weight
    step = torch.compile(training(model, x, lambda model, x: model(x)))
    for _ in range(3):
        step()
    at = weight.grad.data_ptr()
    step()
    assert weight.grad.data_ptr() == at
    takes = (lambda g: g, lambda g: g.numpy(), lambda g: g[0], lambda g: g.detach(), lambda g: g.T)
    for take in takes:
        held = take(weight.grad)
        before = held.copy() if isinstance(held, np.ndarray) else held.clone()
        step()
        assert bool((held == before).all())
