"""Every operator compiled gives what the operator gives where its operands do not lie in order, and
where they are full of zeros of both signs and of what is no finite number: generated from its
record. Results and gradients lie in memory as eager ones do."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from calls import flat, function_of, prepared
from random_values import difference
from records import RECORDS

import tidu

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# LAPACK's results of least squares have gaps between their columns; the exponential's gradient is a
# corner of a larger matrix. Compiled programs give memory without gaps.
GAPS = ("linalg.lstsq", "linalg.lstsq.grad_oriented", "matrix_exp")
# Gradients that are made of other steps, which lie in another order; and those of masks, which a
# program that stops for the seeds of its draws keeps in order.
OTHER_GRADIENTS = (
    "norm",
    "prod",
    "nn.functional.rrelu",
    *[r.id for r in RECORDS if "dropout" in r.id],
)
# A recording does not refuse what strides forbid.
STRIDES_ASKED = ("view_as_complex",)


def turned(value, last):
    """Tensors with their axes in another order in memory: the first one last, or all reversed."""
    if isinstance(value, tidu.Tensor):
        if value.layout is not tidu.strided or value.ndim < 2 or not value.numel():
            return value
        axes = [*range(1, value.ndim), 0] if last else [*range(value.ndim)][::-1]
        back = [int(a) for a in np.argsort(axes)]
        found = value.detach().permute(axes).contiguous().permute(back)
        return found.requires_grad_(value.requires_grad)
    return type(value)(turned(v, last) for v in value) if type(value) in (list, tuple) else value


def strides(tensors):
    return [
        [(n, s) for n, s in zip(t.shape, t.stride(), strict=True) if n > 1]
        if t is not None and t.layout is tidu.strided and not t.is_quantized else None
        for t in tensors
    ]  # fmt: skip


def outcome(call, args, words):
    """What a call gives, or the class of its error."""
    tidu.manual_seed(0)
    try:
        return flat(tidu, call(*args, **words))
    except Exception as error:
        return type(error)


def gradients(function):
    """A function of leaves that gives their gradients, and None for those without."""

    def found(*leaves):
        outs = [o for o in function(*leaves) if o.requires_grad]
        return tidu.autograd.grad(
            outs, leaves, [tidu.ones_like(o) for o in outs], allow_unused=True
        )

    return found


@pytest.mark.parametrize("last", [False, True], ids=["reversed", "rotated"])
@pytest.mark.parametrize("record", [pytest.param(r, id=r.id) for r in RECORDS if r.id not in GAPS])
def test_layouts(record, last):
    call = record.function(tidu)
    for sample in record.samples:
        results = []
        for run in (call, tidu.compile(call)):
            args, words, _ = prepared(tidu, sample)
            words = {name: turned(v, last) for name, v in words.items()}
            results.append(outcome(run, turned(list(args), last), words))
        eager, compiled = results
        if isinstance(eager, type):
            assert eager == compiled or record.id in STRIDES_ASKED
            continue
        assert strides(compiled) == strides(eager)
        if last or not record.differentiable or record.id in OTHER_GRADIENTS:
            continue
        function, leaves = function_of(tidu, record, sample)
        if leaves:
            leaves = [turned(leaf.detach().requires_grad_(), last) for leaf in leaves]
            step, words = gradients(function), {}
            eager, compiled = [outcome(f, leaves, words) for f in (step, tidu.compile(step))]
            if isinstance(eager, type):
                assert eager == compiled
            else:
                assert strides(compiled) == strides(eager)


# Which zero an extreme is goes by the order in which it is looked for, in PyTorch, too.
EXTREMES = ("max", "min", "amax", "amin", "aminmax", "nn.functional.max_pool1d")
# How far a NaN reaches in a factorisation goes by the order of its steps, which are others where
# gradients may be asked for.
SPREAD = ("linalg.lu_factor",)
VALUES = (
    (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e-300, 1.0, -1.0, 0.5),
    (0.0, -0.0),
    (0.0, -0.0, 1.0, -1.0, np.nan),
)


def _numbers(tensor):
    return (tensor.float() if tensor.dtype is tidu.bfloat16 else tensor).detach().numpy(force=True)


def filled(value, random, values):
    """Tensors of floats with some of their elements replaced by some of these."""
    if isinstance(value, tidu.Tensor):
        if value.layout is not tidu.strided or not value.is_floating_point() or value.is_quantized:
            return value
        array = _numbers(value)
        there = random.random_sample(array.shape) < 0.6
        array = np.where(there, random.choice(values, array.shape), array).astype(array.dtype)
        return tidu.tensor(array)
    if type(value) in (list, tuple):
        return type(value)(filled(v, random, values) for v in value)
    return value


@pytest.mark.parametrize("record", [pytest.param(r, id=r.id) for r in RECORDS])
def test_unusual_values(record):
    call = record.function(tidu)
    for at, sample in enumerate(record.samples):
        for values in VALUES[1:2] if record.id in SPREAD else VALUES:
            results = []
            for run in (call, tidu.compile(call)):
                args, words, _ = prepared(tidu, sample)
                random = np.random.RandomState(at)
                args = filled(list(args), random, values)
                words = {name: filled(v, random, values) for name, v in words.items()}
                with np.errstate(all="ignore"):
                    found = outcome(run, args, words)
                results.append(
                    found if isinstance(found, type)
                    else list(map(_numbers, found))
                )  # fmt: skip
            eager, compiled = results
            if isinstance(eager, type):
                assert eager == compiled
            else:
                signs = record.id not in EXTREMES
                assert difference(compiled, eager, 2.2e-16, signs=signs) is None
