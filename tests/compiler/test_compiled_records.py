"""Every operator compiled is the operator: values and gradients, generated from its record."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from calls import flat, function_of, prepared
from records import RECORDS

import tidu

pytestmark = pytest.mark.slow

# Random numbers are drawn, or values decide the result's shape: these run eagerly.
ASIDE = ("draws random numbers", "the value of a tensor decides")


def compiled(function):
    """The function compiled, and a test whether it really was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tidu.compile(function)


def close(got, expected):
    got, expected = [np.asarray(t.detach().numpy()) for t in (got, expected)]
    assert got.dtype == expected.dtype and got.shape == expected.shape
    loose = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 2e-5, "complex64": 2e-5}
    tolerance = loose.get(got.dtype.name, 1e-11)
    if got.dtype.kind in "fc":
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("record", [pytest.param(r, id=r.id) for r in RECORDS])
def test_values(record):
    for sample in record.samples:
        args, kwargs, _ = prepared(tidu, sample)
        call = record.function(tidu)
        tidu.manual_seed(0)
        expected = flat(tidu, call(*args, **kwargs))
        args, kwargs, _ = prepared(tidu, sample)
        tidu.manual_seed(0)
        got = flat(tidu, compiled(call)(*args, **kwargs))
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            if b.dtype is not tidu.bfloat16:
                close(a, b)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("record", [pytest.param(r, id=r.id) for r in RECORDS if r.differentiable])
def test_gradients(record):
    for sample in record.samples:
        function, leaves = function_of(tidu, record, sample)
        if not leaves:
            continue
        results = []
        for run in (function, compiled(function)):
            inputs = [leaf.detach().clone().requires_grad_() for leaf in leaves]
            outs = [o for o in run(*inputs) if o.requires_grad]
            if not outs:
                continue
            seeds = [tidu.ones_like(o) for o in outs]
            results.append(tidu.autograd.grad(outs, inputs, seeds, allow_unused=True))
        if len(results) == 2:
            for got, expected in zip(results[1], results[0], strict=True):
                assert (got is None) == (expected is None)
                if got is not None:
                    close(got, expected)
