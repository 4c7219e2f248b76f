"""Products of a matrix and few columns, both along the sum: sizes that fit no vector, and which
products are such ones."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls import optimized
from tidu.compiler.graphs.steps import Fused
from tidu.compiler.loops import dots

SIZES = ((32, 1, 20), (64, 1, 64), (5, 1, 9), (2, 2, 40), (13, 3, 33), (1, 1, 17), (33, 2, 16),
         (17, 1, 100), (7, 3, 12), (100, 1, 8), (3, 1, 700))  # fmt: skip


def steps_of(f, *given):
    """What a compiled function gives, and its products that are loops here."""
    found = []
    optimized.WATCHERS.append(lambda name, captured, compiled: found.append(compiled))
    try:
        result = torch.compile(f)(*given)
    finally:
        optimized.WATCHERS.pop()
    steps = found[0].forward.plan.steps
    return result, [s for s in steps if isinstance(s, Fused) and s.operands]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_sums_of_rows(size, dtype):
    height, width, depth = size
    random = np.random.RandomState(0)
    x = torch.tensor(random.standard_normal((height, depth + 3)), dtype=dtype)[:, 1:-2]
    y = torch.tensor(random.standard_normal((width, depth)), dtype=dtype)
    for given in ((x, y), (x.contiguous(), y)):
        got, _ = steps_of(lambda x, y: x @ y.T, *given)
        torch.testing.assert_close(got, x @ y.T)
    x = x.clone()
    x[0, -1], x[-1, 0] = float("inf"), float("nan")
    got, _ = steps_of(lambda x, y: x @ y.T + 1, x, y)
    torch.testing.assert_close(got, x @ y.T + 1, equal_nan=True)


def test_which_products():
    x, y, v = torch.ones(64, 64), torch.ones(1, 64), torch.ones(64)
    served = lambda f, *given: [dots.serves(s) for s in steps_of(f, *given)[1]]
    assert served(lambda x, y: x @ y.T, x, y) == served(lambda x, v: x @ v, x, v) == [True]
    assert served(lambda x, v: x.T @ v, x, v) == [False]  # it lies along the rows
    assert served(lambda x, y: x @ y.T, x, torch.ones(8, 64)) == [False]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("program", [
    lambda a, v, w: a @ v, lambda a, v, w: w @ a, lambda a, v, w: a.T @ w, lambda a, v, w: v @ a.T,
    lambda a, v, w: a @ v[:, None] + 1, lambda a, v, w: a[::2] @ v,
    lambda a, v, w: a[:, ::2] @ v[::2],
    lambda a, v, w: a @ v.flip(0), lambda a, v, w: torch.dot(a.flatten(), a.flatten()),
    lambda a, v, w: a.expand(3, -1, -1) @ v, lambda a, v, w: w[None, None] @ a.expand(3, -1, -1),
    lambda a, v, w: (a @ v[:, None]).expand(-1, 2) * a[:, :2],
])  # fmt: skip
def test_products_with_a_vector_of_any_order(program, dtype):
    torch.manual_seed(0)
    a, v, w = [torch.randn(*shape, dtype=dtype) for shape in ((700, 410), (410,), (700,))]
    results = []
    for run in (program, torch.compile(program, fullgraph=True)):
        given = [t.clone().requires_grad_() for t in (a, v, w)]
        out = run(*given)
        out.square().mean().backward()
        results.append([out, *[t.grad for t in given if t.grad is not None]])
    bound = 1e-12 if dtype is torch.float64 else 2e-5
    for eager, compiled in zip(*results, strict=True):
        scale = eager.abs().max()
        assert (eager - compiled).abs().max() <= bound * scale
