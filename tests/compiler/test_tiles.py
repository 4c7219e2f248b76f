"""Small products in registers: all layouts of both matrices, stacks, sizes that fit no vector."""

import itertools

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls import optimized
from tidu.compiler.graphs.steps import Fused
from tidu.compiler.loops import tiles

pytestmark = pytest.mark.slow

SIZES = ((32, 20, 10), (1, 20, 5), (7, 8, 3), (13, 17, 11), (20, 10, 32), (3, 5, 2), (6, 33, 9),
         (5, 4, 40), (2, 3, 2), (64, 64, 32), (19, 27, 21))  # fmt: skip


def turned(shape, dtype, transposed, seed):
    data = np.random.RandomState(seed).standard_normal(shape)
    x = torch.tensor(data, dtype=dtype)
    return x.mT.contiguous() if transposed else x


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("size", SIZES)
def test_products(size, lead, dtype):
    height, width, depth = size
    for left, right in itertools.product((False, True), repeat=2):
        x = turned((*lead, height, depth), dtype, left, 0)
        y = turned((*lead[1:], depth, width), dtype, right, 1)

        def f(x, y, left=left, right=right):
            return (x.mT if left else x) @ (y.mT if right else y)

        got, expected = torch.compile(f)(x, y), f(x, y)
        torch.testing.assert_close(got, expected)


def test_it_is_used():
    found = []
    optimized.WATCHERS.append(lambda name, captured, compiled: found.append(compiled))
    try:
        torch.compile(lambda x, y: x @ y.T)(torch.ones(32, 10), torch.ones(20, 10))
    finally:
        optimized.WATCHERS.pop()
    steps = [s for s in found[0].forward.plan.steps if isinstance(s, Fused) and s.operands]
    assert len(steps) == 1 and tiles.serves(steps[0])


def product_steps(f, *given):
    """The steps of a compiled function that are products in registers, and what it gives."""
    found = []
    optimized.WATCHERS.append(lambda name, captured, compiled: found.append(compiled))
    try:
        result = torch.compile(f)(*given)
    finally:
        optimized.WATCHERS.pop()
    steps = found[0].forward.plan.steps
    return [s for s in steps if isinstance(s, Fused) and s.operands], result


EPILOGUES = {
    "bias and relu": lambda p, row, column, other: torch.relu(p + row),
    "the product, too": lambda p, row, column, other: (p, torch.tanh(p * column)),
    "another layout": lambda p, row, column, other: (p - other).tanh() * other.cos() + row,
    "truths": lambda p, row, column, other: ((p > row) & (other < 0), p.clamp(-0.5, 0.5)),
    "another type": lambda p, row, column, other: ((p.double() * 3 - column).to(p), (p > 1).int()),
    "summed afterwards": lambda p, row, column, other: (torch.sigmoid(p) * other).sum(0),
    "twice": lambda p, row, column, other: torch.relu(p + row) @ other.mT + (p @ other.mT),
}


@pytest.mark.parametrize("name", EPILOGUES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_what_goes_on_with_a_product(size, dtype, name):
    height, width, depth = size
    x, y = turned((height, depth), dtype, False, 0), turned((depth, width), dtype, True, 1)
    row, column = turned((width,), dtype, False, 2), turned((height, 1), dtype, False, 3)
    other = turned((width, height), dtype, False, 4).mT
    x[0, 0] = float("nan")
    go_on = EPILOGUES[name]

    def f(x, y, row, column, other):
        return go_on(x @ y.mT, row, column, other)

    steps, got = product_steps(f, x, y, row, column, other)
    expected = f(x, y, row, column, other)
    if name != "twice" or dtype is torch.float64:
        torch.testing.assert_close(got, expected, equal_nan=True)
    else:  # sums of products of sums: as far from the exact ones as BLAS's on any processor
        exact = f(*[t.double() for t in (x, y, row, column, other)])
        assert got.isnan().equal(exact.isnan()) and expected.isnan().equal(exact.isnan())
        off = [(found.double() - exact).abs().nan_to_num().max() for found in (got, expected)]
        assert off[0] <= 2 * off[1] + 1.2e-7 * exact.abs().nan_to_num().max()
    if (height, width) == (32, 20):
        assert steps[0].equations


def test_writes_after_a_product():
    """A parameter's update reads what it writes; rows that stand in for others do nothing twice."""
    for height in (13, 20, 32):
        w, x = torch.ones(height, 20), turned((height, 9), torch.float32, False, 0)
        y, other = turned((9, 20), torch.float32, False, 1), torch.ones(height, 20)

        def f(x, y, w=w):
            p = x @ y
            w.sub_(p * 0.5)
            return torch.relu(p)

        compiled = torch.compile(f)
        for k in range(1, 4):
            assert torch.allclose(compiled(x, y), torch.relu(x @ y), atol=1e-6)
            assert torch.allclose(w, other - (x @ y) * 0.5 * k, atol=1e-5)
