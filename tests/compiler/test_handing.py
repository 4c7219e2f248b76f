"""What forward and backward programs have between them: the least bytes that cost no time, and the
same numbers to the last bit."""

import itertools
import math

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.execution import compiled
from tidu.compiler.graphs import handing
from tidu.compiler.graphs.flow import ENDLESS, Network
from tidu.compiler.machine import native
from tidu.program.ir import Variable

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
F = torch.nn.functional
N = 48


@pytest.fixture
def parted(monkeypatch):
    """The versions that have a backward program of their own."""
    found, init = [], compiled.Compiled.__init__

    def kept(self, *args, **kwargs):
        init(self, *args, **kwargs)
        found.append(self)

    monkeypatch.setattr(compiled.Compiled, "__init__", kept)
    return found


def everything(early, late, given, results, gradients):
    """All that is read is saved."""
    read = {i for e in late for i in e.ins if isinstance(i, Variable)} | set(gradients)
    return [v for v in (*given, *[v for e in early for v in e.outs]) if v in read], late


def saved_bytes(made):
    given = set(made.forward.recorded.inputs)
    return sum(math.prod(v.shape) * v.element_type.itemsize for v in made.saved if v not in given)


def run(function, given):
    leaves = [t.clone().requires_grad_() for t in given]
    torch.manual_seed(1)
    out = torch.compile(function, fullgraph=True)(*leaves)
    out.square().sum().backward()
    return [out.detach(), *[t.grad for t in leaves]]


def of_rows(x, w):
    return F.layer_norm(x, (N,), w[0], w[1])


CHAINS = [
    lambda x, w: F.gelu(of_rows(x, w)) * w[0],
    lambda x, w: F.dropout(F.gelu(of_rows(x, w)), 0.25).tanh() * w[0],
    lambda x, w: F.silu(x @ w) * (w @ x.mT).mT,
    lambda x, w: (torch.relu(x @ w) @ w).relu(),
    lambda x, w: ((x * w[0]).relu() + 1).reshape(-1, 8).mT.square() * 3.0,
]


@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("large", [False, True])
def test_fewer_bytes_and_the_same_bits(chain, dtype, large, parted, monkeypatch):
    torch.manual_seed(0)
    given = [torch.randn(64, N, dtype=dtype), torch.randn(N, N, dtype=dtype) / 4]
    if large:  # as where memory matters, whatever it costs
        monkeypatch.setattr(handing, "LARGE", 0)
        monkeypatch.setattr(handing, "BUDGET", 1e9)
    found = run(chain, given)
    monkeypatch.setattr(compiled, "handed_on", everything)
    for a, b in zip(found, run(chain, given), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    less, all_ = parted
    assert saved_bytes(less) < saved_bytes(all_)
    assert any(e.prim.name == "barrier" for e in less.reverse.recorded.equations)
    assert not any("random" in e.prim.name for e in less.reverse.recorded.equations)


def test_chains_of_elements_need_two_thirds(parted, monkeypatch):
    torch.manual_seed(0)
    given = [torch.randn(64, N), torch.randn(N, N)]

    def chain(x, w):
        return F.dropout(F.gelu(of_rows(x * w[2], w)), 0.25).tanh() * w[0]

    run(chain, given)
    monkeypatch.setattr(compiled, "handed_on", everything)
    run(chain, given)
    assert saved_bytes(parted[0]) <= saved_bytes(parted[1]) * 2 / 3


def test_a_value_that_a_product_reads_is_computed_again_for_memory_alone(parted, monkeypatch):
    """It would be written once more."""
    torch.manual_seed(0)
    given = [torch.randn(64, N), torch.randn(N, N)]

    def layer(x, w):
        return F.gelu(x @ w) @ w

    run(layer, given)
    monkeypatch.setattr(handing, "LARGE", 0)
    monkeypatch.setattr(handing, "BUDGET", 1e9)
    run(layer, given)
    names = [[e.prim.name for e in made.reverse.recorded.equations] for made in parted]
    assert "gelu" not in names[0] and "gelu" in names[1]
    assert saved_bytes(parted[1]) < saved_bytes(parted[0])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("which", ["argument", "result", "view of a result", "parameter"])
def test_what_users_write_meanwhile_is_not_read(which, large, monkeypatch):
    """As in eager: gradients of what was, or the error that says what was written."""
    if large:
        monkeypatch.setattr(handing, "LARGE", 0)
        monkeypatch.setattr(handing, "BUDGET", 1e9)

    def function(x, w):
        h = x * 2.0
        return h, torch.tanh(h + 1) * w + torch.relu(x - 0.1) * w

    def outcome(f):
        torch.manual_seed(3)
        x, w = torch.randn(30, 20), torch.randn(20).requires_grad_()
        h, out = f(x, w)
        with torch.no_grad():
            {"argument": x, "result": h, "view of a result": h[2:], "parameter": w}[which].mul_(-3)
        try:
            out.sum().backward()
        except RuntimeError as error:
            return str(error)[:60]
        return w.grad.numpy()

    eager, found = outcome(function), outcome(torch.compile(function, fullgraph=True))
    if isinstance(eager, str):
        assert found == eager
    else:
        np.testing.assert_allclose(found, eager, rtol=1e-5, atol=1e-6)


def test_what_the_function_writes_itself(parted):
    """Running statistics, and an argument that is written after it was read."""

    def function(x, w, state):
        h = torch.exp(state * 0.1) * x
        out = F.gelu(h) * w + h.sin()
        state.mul_(0.5)
        return out

    results = []
    for f in (function, torch.compile(function, fullgraph=True)):
        torch.manual_seed(4)
        x, w, state = torch.randn(9, N), torch.randn(N), torch.randn(9, N)
        x.requires_grad_()
        w.requires_grad_()
        for _ in range(2):
            f(x, w, state).square().sum().backward()
        results.append([x.grad, w.grad, state])
    assert parted
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-4)


def test_code_for_all_sizes_chooses_nothing_by_size(parted):
    f = torch.compile(CHAINS[0], dynamic=True, fullgraph=True)
    for rows in (16, 17, 18):
        x = torch.randn(rows, N, requires_grad=True)
        f(x, torch.randn(N, N)).sum().backward()
    names = [e.prim.name for made in parted for e in made.reverse.recorded.equations]
    assert names and "barrier" not in names


@pytest.mark.parametrize("seed", range(20))
def test_the_least_cut(seed):
    """Against all divisions of small networks."""
    rng = np.random.default_rng(seed)
    edges = [(a, b, int(rng.integers(0, 9))) for a in range(7) for b in range(7)
             if a != b and rng.random() < 0.45]  # fmt: skip
    edges.append((0, int(rng.integers(1, 7)), ENDLESS))
    net = Network(0, 6)
    for edge in edges:
        net.add(*edge)

    def price(near):
        return sum(c for a, b, c in edges if a in near and b not in near)

    near = net.within()
    assert 0 in near and 6 not in near or price(near) >= ENDLESS
    inner = range(1, 6)
    best = min(price({0, *part}) for k in range(6) for part in itertools.combinations(inner, k))
    assert price(near) == best
