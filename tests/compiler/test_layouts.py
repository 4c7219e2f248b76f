"""Where values lie: in which order, and in whose memory."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.execution.segments import written_by
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
    (loop,) = made[-1].plan.steps
    assert len(written_by(made[-1].plan, loop)) == 2
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
