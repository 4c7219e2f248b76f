"""Random programs compute the same compiled and eager: values, and gradients back through both."""

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from random_programs import Program

import tidu

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("TIDU_PROGRAMS", "60"))
START = int(os.environ.get("TIDU_PROGRAM_SEED", time.time_ns() // 1000 % 10**8))


def outcome(run, inputs):
    inputs = [i.clone().requires_grad_() for i in inputs]
    outs = run(*inputs)
    weights = [tidu.linspace(0.5, 1.5, o.numel(), dtype=o.dtype).reshape(o.shape) for o in outs]
    total = sum([(o * w).sum() for o, w in zip(outs, weights, strict=True)])
    grads = tidu.autograd.grad(total, inputs, allow_unused=True)
    return [o.detach().numpy() for o in outs], [None if g is None else g.numpy() for g in grads]


def compare(got, expected, seed):
    for kind, a, b in zip(("value", "gradient"), got, expected, strict=True):
        for x, y in zip(a, b, strict=True):
            assert (x is None) == (y is None), (seed, kind)
            if x is not None:
                scale = max(1.0, np.abs(y[np.isfinite(y)]).max(initial=0))
                np.testing.assert_allclose(
                    x, y, rtol=1e-9, atol=1e-10 * scale, err_msg=f"seed {seed}, {kind}"
                )


@pytest.mark.parametrize("part", range(4))
def test_compiled_is_eager(part):
    for seed in range(START + part * COUNT // 4, START + (part + 1) * COUNT // 4):
        program = Program(seed)
        inputs = program.inputs(tidu.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            compiled = tidu.compile(lambda *given, run=program: run(*given), fullgraph=True)
            compare(outcome(compiled, inputs), outcome(program, inputs), seed)


def test_programs_that_ask_for_values():
    for seed in range(START, START + COUNT // 4):
        program = Program(seed, branches=True)
        given = program.inputs(tidu.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = tidu.compile(lambda *given, run=program: run(*given))
            for factor in (1.0, -1.0, 0.3, 1.0):
                inputs = [factor * i for i in given]
                compare(outcome(compiled, inputs), outcome(program, inputs), seed)
