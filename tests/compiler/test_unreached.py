"""A compiled function with several results, of which a gradient reaches some.

As in an eager pass: what only the others depend on gets no gradient, not zeros, and no zero meets
an infinite derivative.
"""

from itertools import product

import pytest
from outcomes import same

import tidu as torch
from tidu import nn
from tidu.nn import functional as F


def _two_roots(a, b):
    return torch.where(a > 0, a.sqrt(), 0.0), a.abs().sqrt() * b, (a * b).log()


def _joined(a, b):
    c = torch.cat([a * 2, b.exp()])
    first, second = c.split(3)
    return first * 3, second, torch.stack([a, b.detach()]).sum(0)


def _chained(a, b):
    h = torch.tanh(a * b)
    return h, h - b, (h - a) * h, (b - h).softmax(0)


def _selected(a, b):
    c = torch.where(a > b, a, b)
    v, i = torch.sort(c * a)
    return v[:2], c.cumsum(0), a.norm() + b, torch.maximum(a, b)[i]


class _Pair(torch.autograd.Function):
    """Its rule is given zeros for a result that no gradient reaches, and gives zeros then."""

    @staticmethod
    def forward(ctx, x, y):
        return x * 2, y * 3

    @staticmethod
    def backward(ctx, g, h):
        return g * 2, h * 3


def _own_rule(a, b):
    p, q = _Pair.apply(a, b)
    return p, q.sin(), a * b


FUNCTIONS = [_two_roots, _joined, _chained, _selected, _own_rule]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__.strip("_"))
def test_some_results(function, dtype):
    compiled = torch.compile(function)
    values = torch.tensor([[1.0, 0.0, -0.5], [0.5, -0.25, 0.75]], dtype=dtype)
    count = len(function(*values))
    for used in product([False, True], repeat=count):
        found = []
        for f in (function, compiled):
            a, b = [v.clone().requires_grad_() for v in values]
            results = f(a, b)
            loss = sum([(r * (r.detach() + k)).sum() for k, r in enumerate(results) if used[k]])
            if any(used):
                loss.backward()
            found.append(([r.detach() for r in results], a.grad, b.grad))
        same(*found)


def test_unused_parameters_stand_still():
    """Weight decay moves what has a gradient of zeros, and leaves what has none."""

    def train(wrap):
        torch.manual_seed(0)
        trunk, heads = nn.Linear(3, 4), nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
        parameters = [*trunk.parameters(), *heads.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.5)
        forward = wrap(lambda x: [head(trunk(x).relu()) for head in heads])
        for i in range(6):
            optimizer.zero_grad()
            F.cross_entropy(forward(torch.randn(5, 3))[i % 2], torch.arange(5) % 2).backward()
            yield [p.grad is None for p in parameters]
            optimizer.step()
            yield [p.detach().clone() for p in parameters]

    same(list(train(torch.compile)), list(train(lambda f: f)))


def test_a_leaf_that_is_not_reached_is_told():
    a, b = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    first, _ = torch.compile(lambda a, b: (a * 2, b * 3))(a, b)
    with pytest.raises(RuntimeError, match="used in the graph"):
        torch.autograd.grad(first.sum(), [a, b], retain_graph=True)
    assert torch.autograd.grad(first.sum(), [a, b], allow_unused=True)[1] is None


def test_a_program_for_each_set_of_results():
    """One for those that were reached, made at the first pass and kept."""
    a = torch.ones(3, requires_grad=True)
    f = torch.compile(lambda a: (a.sin(), a.cos(), a.exp()))
    for _ in range(3):
        a.grad = None
        f(a)[1].sum().backward()
        a.grad = None
        first, _, third = f(a)
        (first + third).sum().backward()
    (version,) = next(iter(f.versions.values()))
    programs = version.compiled.back.programs
    assert sorted(programs) == [(False, True, False), (True, False, True)]
    names = [[e.prim.name for e in p.recorded.equations] for p, *_ in programs.values()]
    assert all(len(n) <= 4 for n in names)
