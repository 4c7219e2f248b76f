"""Random functions with blocks, exits and numbers read in between: compiled as eager."""

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import pytest
from random_sources import written

import tidu as torch

COUNT = int(os.environ.get("TIDU_PROGRAMS", "60"))
START = int(os.environ.get("TIDU_PROGRAM_SEED", time.time_ns() // 1000 % 10**8))


def outcome(seed, compiles):
    f, net, log, outer, _ = written(seed)
    run, found = torch.compile(f) if compiles else f, []
    random = np.random.RandomState(seed + 1)
    for call in range(5):
        a, b = [torch.tensor(random.standard_normal((3, 4)), requires_grad=True) for _ in range(2)]
        out = run(a, b, call % 2 + 2)
        tensors = [t for t in out if isinstance(t, torch.Tensor) and t.requires_grad]
        grads = ()
        if tensors:
            total = sum(t.sum() * (i + 1) for i, t in enumerate(tensors))
            grads = torch.autograd.grad(total, [a, b, outer], allow_unused=True)
        # What no result depends on gets zeros where one node stands for several operations.
        grads = [torch.zeros(1) if g is None or g.abs().max() < 1e-11 else g for g in grads]
        found.append([*out, *grads])
    return found, log, net.calls


def plain(thing):
    if isinstance(thing, (list, tuple)):
        return [plain(t) for t in thing]
    return thing.detach().numpy() if isinstance(thing, torch.Tensor) else thing


def same(a, b):
    if isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, (float, np.ndarray)) and b is not None:
        assert type(a) is type(b)
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    else:
        assert a is b is None or (a is not None and b is not None and a == b), (a, b)


def examine_source(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, got = outcome(seed, False), outcome(seed, True)
    try:
        same(plain(list(expected)), plain(list(got)))
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}\n{written(seed)[-1]}") from None


@pytest.mark.slow
def test_random_sources():
    for seed in range(START, START + COUNT // 2):
        examine_source(seed)
        torch.compiler.reset()
