"""Sizes that vary: one program of machine code, and the same numbers at every size."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls.optimized import counts
from tidu.compiler.machine import native, shared_code

pytestmark = pytest.mark.slow

SIZES = (8, 3, 17, 1, 8, 40, 3)


@pytest.fixture
def loads(monkeypatch):
    """The texts that are made into machine code."""
    found, load = [], native.load
    monkeypatch.setattr(native, "load", lambda text, *rest: found.append(text) or load(text, *rest))
    return found


def trained(compiles, optimizer_of, sizes=SIZES):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(5, 12, bias=False), torch.nn.BatchNorm1d(12), torch.nn.ReLU(),
        torch.nn.Dropout(0.2), torch.nn.Linear(12, 3),
    )  # fmt: skip
    optimizer = optimizer_of(model.parameters())
    total, losses = torch.zeros(()), []

    def step(x, y):
        optimizer.zero_grad()
        out = model(x)
        loss = torch.nn.functional.cross_entropy(out, y) + 0.01 * x.shape[0] * out.mean()
        loss.backward()
        optimizer.step()
        total.add_(loss.detach() * len(x))
        losses.append(loss.item())
        return loss, out.argmax(1), x[: len(x) // 2 + 1].sum()

    run = torch.compile(step, dynamic=True) if compiles else step
    torch.manual_seed(1)
    found = []
    for n in (8, 8, *[max(2, n) for n in sizes]):
        found.append(run(torch.randn(n, 5), torch.randint(3, (n,))))
    return found, list(model.state_dict().values()), total, losses, torch.rand(2)


def same(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=3e-4, atol=2e-5)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_training_with_batches_of_all_sizes(kind):
    (xs, ps, total, losses, end), (ys, qs, other, more, place) = [
        trained(c, lambda parameters: kind(parameters, lr=0.01)) for c in (False, True)
    ]
    for a, b in zip(xs, ys, strict=True):
        for x, y in zip(a, b, strict=True):
            same(x, y)
    for p, q in zip(ps, qs, strict=True):
        same(p, q)
    same(total, other)
    assert losses == pytest.approx(more, rel=3e-4) and end.tolist() == place.tolist()


def test_few_texts_for_all_sizes():
    def f(x, w):
        return ((x @ w).softmax(-1) * x).sum(0) / x.shape[0]

    for dynamic, most in ((True, 1), (None, 3)):
        compiled, w = torch.compile(f, dynamic=dynamic, fullgraph=True), torch.randn(4, 4)
        before = shared_code.COUNTS["compiled"]
        for n in (8, *range(2, 60)):
            for _ in range(2):
                x = torch.randn(n, 4, requires_grad=True)
                y = x.detach().requires_grad_()
                compiled(x, w).sum().backward()
                f(y, w).sum().backward()
                same(x.grad, y.grad)
        assert len(compiled.versions) == 58
        # Forward and backward; the first size has a text of its own where none is said to vary.
        assert shared_code.COUNTS["compiled"] - before <= 2 * most
        torch.compiler.reset()


def test_a_whole_step_is_compiled_once_for_all_batches():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 33), torch.nn.GELU(), torch.nn.Linear(33, 7))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    norm = torch.nn.LayerNorm(24)

    def mixed(z):
        z = norm(z)
        return ((z @ z.mT).softmax(-1) @ z).mean() * len(z)

    @torch.compile(dynamic=True)
    def step(x, y, z):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y) + mixed(z)
        loss.backward()
        optimizer.step()
        return loss

    before = None
    # On both sides of what decides for exact sizes: vectors, blocks, threads, kinds of products.
    for n in (8, 8, 2, 31, 64, 300, 5000):
        x, y, z = torch.randn(n, 6), torch.randint(7, (n,)), torch.randn(n, 5, 24)
        with torch.no_grad():
            expected = torch.nn.functional.cross_entropy(model(x), y) + mixed(z)
        same(step(x, y, z), expected)
        if before is None:
            before = shared_code.COUNTS["compiled"]
            continue
        assert shared_code.COUNTS["compiled"] - before <= 1  # the step, with the optimizer's state
    assert not [text for text in step.telling.reasons if "again" not in text]


def test_one_text_where_sizes_are_said_to_vary(loads):
    compiled = torch.compile(lambda x: (x.exp() / x.shape[0]).sum(0).tanh(), dynamic=True)
    for n in (9, 4, 10, 33, 2):
        x = torch.randn(n, 3)
        same(compiled(x), (x.exp() / n).sum(0).tanh())
        if n == 9:
            count = len(loads)
    assert len(loads) == count


def test_the_last_smaller_batch_is_compiled():
    before, compiled = counts()["captured"], torch.compile(lambda x: x.sin().sum(0))
    for _ in range(3):
        for n in (16, 16, 5):
            x = torch.randn(n, 3)
            same(compiled(x), x.sin().sum(0))
    assert counts()["captured"] == before + 2
    assert "it was float32[16, 3]" in compiled.explain()


def test_of_many_sizes_those_are_compiled_that_come_again():
    compiled = torch.compile(lambda x: x.sin().sum(0))
    for n in range(1, 40):
        compiled(torch.ones(n))
    assert sum(map(bool, compiled.versions.values())) == 8
    for n in range(1, 40):
        same(compiled(torch.ones(n)), torch.ones(n).sin().sum(0))
    assert sum(map(bool, compiled.versions.values())) == 39


def test_python_that_looks_at_sizes():
    def f(x):
        if len(x) > 5:
            return x.sum() * len(x)
        return x.reshape(-1)[: x.shape[0] * 2].mean() / x.shape[0] ** 0.5

    compiled = torch.compile(f, dynamic=True)
    for n in (*SIZES, 5, 6, 7):
        x = torch.randn(n, 3)
        same(compiled(x), f(x))


def test_memory_of_results_and_arguments():
    state = torch.zeros(3)

    def f(x):
        old = state.clone()
        part = x[1:]
        x.add_(state)
        state.add_(x.sum(0))
        return old, part, x, x.detach(), state * 1, old

    for run in (f, torch.compile(f, dynamic=True)):
        state.zero_()
        found = []
        for n in (4, 4, 6, 3, 6):
            x = torch.ones(n, 3)
            old, part, same_x, detached, now, again = run(x)
            assert same_x is x and again is old
            found.append([t.tolist() for t in (old, part, x, now, state)])
            part.zero_()  # the memory of x, as in the eager function
            assert x[1:].sum() == 0 and detached[1:].sum() == 0
            old.fill_(9), now.fill_(9)
        if run is f:
            expected = found
    assert found == expected


def test_marks(loads):
    x = torch.ones(4, 2)
    torch._dynamo.mark_dynamic(x, 0)
    compiled = torch.compile(lambda x: (x.exp() + 0.25).sum(0))
    compiled(x)
    count = len(loads)
    for n in (5, 6):
        y = torch.ones(n, 2)
        torch._dynamo.mark_dynamic(y, [0])
        same(compiled(y), (y.exp() + 0.25).sum(0))
    assert len(loads) == count
    torch._dynamo.mark_static(y)
    assert not hasattr(y, "_dynamo_dynamic_indices")
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch._dynamo.mark_dynamic(x, 2)
