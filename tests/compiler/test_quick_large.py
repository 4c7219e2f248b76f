"""The fast path of calls to large programs, which let other Python threads run meanwhile."""

import threading

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls import objects
from tidu.compiler.calls.optimized import Optimized
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(
    not native.available() or objects.layout() is None, reason="needs llvmlite and CPython"
)


@pytest.fixture
def general(monkeypatch):
    """Counts the calls that took the general way."""
    calls, was = [], Optimized._call

    def counted(self, args, kwargs):
        calls.append(self)
        return was(self, args, kwargs)

    monkeypatch.setattr(Optimized, "_call", counted)
    return calls


def large(optimizer=torch.optim.Adam):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(200, 300), torch.nn.Tanh(), torch.nn.Linear(300, 1))
    x, updates = torch.randn(64, 200), optimizer(model.parameters(), lr=1e-3)

    def step(x=x):
        updates.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        updates.step()
        return loss

    return model, x, step


def test_large_programs_take_the_short_way(general):
    model, _, step = large(torch.optim.SGD)
    same, _, eager = large(torch.optim.SGD)
    compiled = torch.compile(step)
    for _ in range(3):
        compiled(), eager()
    count = len(general)
    grads = [p.grad for p in model.parameters()]
    for _ in range(3):
        loss, exact = compiled(), eager()
    assert len(general) == count
    np.testing.assert_allclose(loss.item(), exact.item(), rtol=1e-5)
    for p, q, was in zip(model.parameters(), same.parameters(), grads, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-3, atol=1e-7)
        assert was is not p.grad  # somebody held it


def test_large_programs_in_several_threads():
    """One call at a time takes the fast path; the others go on beside it."""
    torch.manual_seed(0)
    w = torch.randn(300, 300)

    @torch.compile
    def function(x):
        return ((x @ w).tanh() @ w).sum(1)

    given = [torch.full((200, 300), 0.1 * i) for i in range(6)]
    wanted = [((x @ w).tanh() @ w).sum(1) for x in given]
    function(given[0]), function(given[0])
    wrong = []

    def run(i):
        for _ in range(30):
            found = function(given[i])
            if not np.allclose(found.numpy(), wanted[i].numpy(), rtol=1e-4, atol=1e-3):
                wrong.append(i)

    threads = [threading.Thread(daemon=True, target=run, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_what_a_large_program_reads_is_kept_alive_while_it_runs():
    """Other threads may run meanwhile, and let go what it was given."""
    model, x, step = large(torch.optim.SGD)
    compiled = torch.compile(step)
    for _ in range(3):
        compiled(x)
    stop = []

    def let_go():
        while not stop:
            for p in model.parameters():
                p.grad = None
            x.data = x.detach().clone()
            np.full(1 << 16, np.nan, np.float32)

    other = threading.Thread(daemon=True, target=let_go)
    other.start()
    try:
        losses = [compiled(x).item() for _ in range(200)]
    finally:
        stop.append(True)
        other.join()
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_the_memory_of_large_programs_is_lent(general):
    """Between calls the arena may serve others; a call that finds it taken goes the general way."""
    _, x, step = large()
    compiled = torch.compile(step)
    for _ in range(3):
        compiled(x)
    arena, count = compiled.quick[0].memory.arena, len(general)
    assert arena.acquire()
    compiled(x)
    arena.release()
    assert len(general) == count
    assert arena.acquire()
    arena.release()
