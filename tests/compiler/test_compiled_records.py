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


def close(got, expected, kind=None):
    assert got.is_conj() == expected.is_conj()
    got, expected = [np.asarray(t.detach().numpy(force=True)) for t in (got, expected)]
    assert got.dtype == expected.dtype and got.shape == expected.shape
    loose = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 2e-5, "complex64": 2e-5}
    tolerance = loose.get(kind or got.dtype.name, 1e-11)
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


FLOATS = ("float16", "bfloat16", "float32", "complex64")


def type_outcome(call, record, sample, dtype, run):
    """What a sample gives in another type: results, then gradients where there are some."""
    args, kwargs, leaves = prepared(tidu, sample, getattr(tidu, dtype))
    kept = [args[k] for k in record.fixed if k < len(args)]
    leaves = [t for t in leaves if not any(t is k for k in kept)]
    if record.differentiable and dtype in FLOATS:
        for t in leaves:
            t.requires_grad_()
    tidu.manual_seed(0)
    outs = flat(tidu, run(*args, **kwargs))
    tracked = [o for o in outs if o.requires_grad and o.numel()]
    grads = []
    if tracked:
        tidu.autograd.backward(tracked, [tidu.ones_like(o) for o in tracked])
        grads = [t.grad for t in leaves]
    return [o.detach() for o in outs], grads


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("record", [pytest.param(r, id=r.id) for r in RECORDS])
def test_other_types(record):
    call = record.function(tidu)
    for dtype in record.dtypes:
        if dtype == "float64" or not record.samples:
            continue
        sample = record.samples[0]
        try:
            expected = type_outcome(call, record, sample, dtype, call)
        except Exception as error:
            with pytest.raises(type(error)):
                type_outcome(call, record, sample, dtype, compiled(call))
            continue
        got = type_outcome(call, record, sample, dtype, compiled(call))
        for new, old in zip(got, expected, strict=True):
            for a, b in zip(new, old, strict=True):
                assert (a is None) == (b is None) and (a is None or a.dtype == b.dtype)
                if a is not None:
                    wide = tidu.float32 if a.dtype is tidu.bfloat16 else a.dtype
                    close(a.to(wide), b.to(wide), dtype if dtype in FLOATS else None)
