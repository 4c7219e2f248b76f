"""Small products in registers: all layouts of both matrices, stacks, sizes that fit no vector."""

import itertools

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls import optimized
from tidu.compiler.graphs.schedule import Fused
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
