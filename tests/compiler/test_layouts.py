"""Where values lie: in which order, and in whose memory."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.execution.segments import written_by
from tidu.compiler.graphs import layouts, passes
from tidu.compiler.graphs.steps import Fused
from tidu.compiler.loops import library, turns
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
F = torch.nn.functional


def test_what_is_written_back_is_written_once(made):
    weight, mean = torch.zeros(6, 5), torch.zeros(6, 5)

    def step(g):
        mean.mul_(0.9).add_(g)
        weight.sub_(mean)

    compiled = torch.compile(step)
    for _ in range(2):
        compiled(torch.ones(6, 5))
    plan = made[-1].plan
    (loop,) = plan.steps
    assert len(written_by(plan, loop)) == 2
    np.testing.assert_allclose(mean.numpy(), np.full((6, 5), 1.9), rtol=1e-6)
    np.testing.assert_allclose(weight.numpy(), np.full((6, 5), -2.9), rtol=1e-6)


@pytest.mark.parametrize("also", [
    lambda state: state.t() * 2, lambda state: state + 0, lambda state: state[1:].clone(),
    lambda state: state.t().reshape(-1), lambda state: torch.stack([state, state]),
    lambda state: state.sum(0) @ state.t(), lambda state: state,
])  # fmt: skip
def test_what_is_written_back_and_read_further(also):
    mine, theirs = torch.zeros(6, 5), torch.zeros(6, 5)

    def step(state, x):
        state.add_(x).mul_(1.5)
        found = also(state)
        return found, (x * 3).sum(), state.t()

    compiled = torch.compile(lambda x: step(mine, x))
    for k in range(3):
        x = torch.arange(30.0).reshape(6, 5) + k
        for a, b in zip(compiled(x), step(theirs, x), strict=True):
            assert a.stride() == b.stride()
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-6)


@pytest.fixture
def small(monkeypatch):
    """Values of any size are looked at."""
    monkeypatch.setattr(layouts, "LEAST", 0)


def compared(function, *given, tolerance=2e-5):
    """Two calls of a compiled function against eager ones: numbers, and how results lie."""
    compiled = torch.compile(function, fullgraph=True)
    for _ in range(2):
        for found, exact in zip(compiled(*given), function(*given), strict=True):
            assert found.stride() == exact.stride()
            np.testing.assert_allclose(found.numpy(), exact.numpy(), rtol=tolerance, atol=tolerance)


def copies(program):
    """The steps that only move elements."""
    loops = [s for s in program.plan.steps if isinstance(s, Fused) and s.equations]
    return [s for s in loops if all(e.prim.name == "clone" for e in s.equations)]


STACKS = [((2, 3, 5, 4), (2, 3, 4, 6)), ((2, 4, 64, 64), (2, 4, 64, 32)),
          ((40, 70, 33), (40, 33, 50)), ((2, 3, 5, 8, 4), (2, 3, 5, 4, 6)),
          ((3, 2, 2, 9), (3, 2, 9, 3))]  # fmt: skip


@pytest.mark.skipif(not library.available(), reason="needs the library")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shapes", STACKS, ids=str)
def test_products_lie_as_their_readers_want(shapes, dtype, small, made):
    """Heads beside one another, and results turned: no copy is left."""
    x, y = [torch.randn(shape, dtype=dtype) for shape in shapes]
    *lead, rows, columns = range(x.ndim)
    for axes in ((lead[0], rows, *lead[1:], columns), (*lead, columns, rows),
                 (lead[0], columns, *lead[1:], rows)):  # fmt: skip
        compared(lambda x, y, axes=axes: ((x @ y).permute(axes).reshape(-1, 2) * 2,), x, y)
        assert copies(made[-1]) == []
        if axes != tuple(range(x.ndim)):
            assert axes in made[-1].graph.orders.values()


def test_a_convolution_reads_rows_of_what_was_normalised(small, made):
    """Channels last for the norm, first for the convolutions around it, both ways."""
    norm, w = torch.nn.LayerNorm(8), torch.randn(8, 1, 3, 3, requires_grad=True)

    def step(x):
        w.grad = norm.weight.grad = None
        y = F.conv2d(x, w, padding=1, groups=8).permute(0, 2, 3, 1)
        y = norm(y).permute(0, 3, 1, 2)
        (F.conv2d(y, w, padding=1, groups=8) ** 2).sum().backward()
        return w.grad, norm.weight.grad, y.detach().sum(1)

    compared(step, torch.randn(2, 8, 9, 10), tolerance=2e-4)
    assert (0, 3, 1, 2) in made[-1].graph.orders.values()
    assert "2,9,10,8 as 0,3,1,2" in made[-1].history


def test_each_pass_tells_its_own_changes(made):
    """In the order they ran, those that concern memory included; a program of varying sizes tells
    nothing of passes that choose by sizes."""
    x, w = torch.ones(6, 5), torch.ones(6, 5)

    def step(x):
        w.add_(1)
        before = w + 0
        w.mul_(x)
        return x, before, x.t() * 1

    torch.compile(step)(x)
    told = made[0].history.split("\nafter ")
    assert [part.partition(":")[0] for part in told[1:]] == list(passes.PASSES)
    texts = {part.partition(":")[0]: part.partition(":")[2] for part in told}
    owns = [name for name, text in texts.items() if text != " the same" and "clone" in text]
    assert owns == ["own memory"]
    last = [text for text in texts.values() if text != " the same"][-1]
    assert last.strip() == str(made[0].graph).strip()
    torch.compile(step, dynamic=True)(torch.ones(6, 5))
    ran = {name for name, _, _ in [t.partition(":") for t in made[-1].history.split("\nafter ")]}
    assert made[-1].plan.varying and ran.isdisjoint(passes.BY_SIZE)


@pytest.mark.parametrize("function", [
    lambda x: (x.permute(0, 2, 1) + 1, x.permute(0, 2, 1).contiguous() * 2),
    lambda x: ((x.permute(2, 0, 1) * x.permute(2, 0, 1)).reshape(-1), x.sum(1).t()),
    lambda x: (x.permute(1, 2, 0).exp().sum(0), x.mT.softmax(-1), x.mT.softmax(1).mT),
    lambda x: (torch.cat([x.mT, x.mT * 2], 1).mT.reshape(-1), x.mT.unbind(1)[0].relu()),
    lambda x: ((x @ x.mT).transpose(0, 1).contiguous().cumsum(0), x.mT.flip(0).sin()),
    lambda x: ((x.mT * 3).transpose(0, 1)[1:].reshape(-1), (x.mT * 3).amax((0, 2))),
], ids=range(6))  # fmt: skip
@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 33, 40), (20, 1, 17)], ids=str)
def test_results_lie_as_eager(function, shape, small):
    compared(function, torch.randn(shape))


def test_orders_are_of_what_can_have_them(small, made):
    """Never of results, of views, or of what calls of kernels give; nor where sizes vary."""
    f = lambda x, w: (F.conv2d((x * 2).permute(0, 3, 1, 2), w).permute(0, 2, 3, 1).relu().sum(1),)
    x, w = torch.randn(2, 6, 7, 4), torch.randn(4, 4, 3, 3)
    compared(f, x, w, tolerance=1e-4)
    graph = made[-1].graph
    able = {e.outs[0] for e in graph.equations if layouts.anywhere(e)}
    assert graph.orders and set(graph.orders) <= able - set(graph.outputs)
    assert all(sorted(o) == list(range(len(v.shape))) for v, o in graph.orders.items())
    torch.compile(f, dynamic=True)(x, w)
    assert made[-1].plan.varying and not made[-1].graph.orders


TURNED = [((16, 64, 128), (0, 2, 1)), ((2, 17, 33), (0, 2, 1)), ((40, 50), (1, 0)),
          ((3, 37, 6, 7), (0, 2, 3, 1)), ((4, 3, 20, 40), (3, 1, 0, 2))]  # fmt: skip


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.int64, torch.int16, torch.bool]
)
@pytest.mark.parametrize(("shape", "axes"), TURNED, ids=str)
def test_blocks_are_turned(shape, axes, dtype, monkeypatch):
    """Read across, written across, and both; sizes that fill no block."""
    found, was = [], turns.across
    monkeypatch.setattr(turns, "across", lambda w: found.append(was(w)) or found[-1])
    x = torch.arange(float(np.prod(shape))).reshape(shape).to(dtype)
    y = x.permute(axes).contiguous()
    compared(lambda x, y: (x.permute(axes) + y, (x.permute(axes) * y).contiguous()), x, y)
    few = native.HOST.vector_bytes // dtype.itemsize < 4  # elements in a vector: nothing to turn
    if dtype in (torch.float32, torch.float64, torch.int64) and not few:
        assert any(t is not None for t in found)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("steps", [False, True], ids=["backward outside", "whole steps"])
def test_models_whose_channels_lie_last(kind, steps, made):
    """Parameters, their gradients and an optimizer's state are read and written where they lie."""

    def run(compiled):
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(), torch.nn.Conv2d(8, 6, 1), torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(6, 4, 3),
        ).to(memory_format=torch.channels_last)  # fmt: skip
        optimizer = kind(model.parameters(), lr=0.05)

        def step(x):
            loss = (model(x) ** 2).mean()
            if steps:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return loss

        f = torch.compile(step, fullgraph=not steps) if compiled else step
        losses = []
        for _ in range(4):
            x = torch.randn(2, 3, 10, 12).to(memory_format=torch.channels_last)
            loss = f(x)
            if not steps:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            losses.append(loss.item())
        state = [v for s in optimizer.state.values() for v in s.values() if torch.is_tensor(v)]
        return losses, [*model.parameters(), *[p.grad for p in model.parameters()], *state]

    (found, mine), (exact, theirs) = run(True), run(False)
    assert made and any(p.graph.orders for p in made)
    np.testing.assert_allclose(found, exact, rtol=1e-4)
    for a, b in zip(mine, theirs, strict=True):
        assert a.stride() == b.stride()
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-3, atol=1e-4)


def test_turned_memory_is_written_in_place(made):
    """A tensor given or reached, dense in another order; one with gaps is copied."""
    state, gaps = torch.zeros(5, 6).t(), torch.zeros(6, 10)[:, ::2]

    def step(x):
        state.mul_(0.5).add_(x)
        gaps.add_(x.exp())
        x.sub_(1)
        return state.sum(0), (x * 2).t()

    compiled = torch.compile(step, fullgraph=True)
    mine = torch.arange(30.0).reshape(5, 6).t() / 30
    theirs, kept = mine.clone(), torch.zeros(6, 5)
    for _ in range(3):
        found = compiled(mine)
        kept = kept * 0.5 + theirs
        theirs -= 1
        np.testing.assert_allclose(state.numpy(), kept.numpy(), rtol=1e-5)
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-5)
        np.testing.assert_allclose(found[0].numpy(), kept.numpy().sum(0), rtol=1e-5)
        np.testing.assert_allclose(found[1].numpy(), theirs.numpy().T * 2, rtol=1e-5)
        assert found[1].stride() == (theirs * 2).t().stride()
    assert list(made[-1].graph.orders.values()).count((1, 0)) >= 2
    assert len(made[-1].source.targets) == 2


def test_rows_are_copied_once_for_all_convolutions(small, made):
    """Of an image whose channels lie last; a kernel of one element reads it as it is."""
    w, v = [torch.randn(4, 3, size, size, requires_grad=True) for size in (3, 1)]
    names = lambda: [e.prim.name for e in made[-1].graph.equations]

    def step(x, w):
        w.grad = None
        (F.conv2d(x, w) ** 2).sum().backward()
        return w.grad, F.conv2d(x * 1, w.detach() * 2).sum((2, 3))

    x = torch.randn(2, 6, 7, 3)
    compared(lambda x: step(x.permute(0, 3, 1, 2), w), x, tolerance=1e-4)
    assert names().count("clone") == 1
    compared(lambda x: step(x.permute(0, 3, 1, 2), v), x, tolerance=1e-4)
    assert names().count("clone") == 0


@pytest.mark.parametrize("shifts", [0, 4, 1])
@pytest.mark.parametrize("dynamic", [None, True])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize(
    "view", [lambda x: x.T, lambda x: x[:, :1], lambda x: x[:1].expand(3, 4)], ids="T[e"
)
def test_a_roll_that_moves_nothing_is_a_copy_in_order(view, dim, shifts, dynamic):
    x = torch.arange(12.0).reshape(3, 4)
    run = torch.compile(lambda x: view(x).roll(shifts, dim), dynamic=dynamic)
    got, expected = run(x), view(x).roll(shifts, dim)
    assert got.equal(expected) and got.data_ptr() != x.data_ptr()
    assert got._array().strides == expected._array().strides


def test_a_look_at_an_element_whose_place_is_told_later():
    x, place = torch.arange(12.0).reshape(3, 4), torch.tensor(1)
    run = torch.compile(lambda x, i: x[i].as_strided((2,), (1,)) * 2, fullgraph=True)
    for k in (1, 0, 2):
        assert run(x, place * k).equal(x[k, :2] * 2)
