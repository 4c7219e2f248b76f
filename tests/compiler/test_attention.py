"""Attention in one step: the loops give what the parts give, forward and back, and second order."""

import itertools
import math

import pytest

import tidu as torch
from tidu.compiler.machine import native
from tidu.core.modes import UNHURRIED, listen, unlisten
from tidu.ops import network

attend = torch.nn.functional.scaled_dot_product_attention
needs_loops = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
# Heads, lengths of query and keys, features: whole blocks, rests, more keys than fit a block.
SHAPES = [(2, 3, 64, 64, 32), (2, 1, 33, 70, 16), (1, 5, 130, 33, 9), (3, 2, 5, 700, 40)]
CASES = list(itertools.product(SHAPES, (False, True), (torch.float32, torch.float64), (0, 1)))


def by_parts(function):
    """What a function gives while somebody listens: attention is then composed."""
    listen(UNHURRIED)
    try:
        return function()
    finally:
        unlisten(UNHURRIED)


def operands(shape, dtype, turned=False):
    batch, heads, rows, keys, depth = shape
    torch.manual_seed(0)
    given = [torch.randn(batch, heads, n, depth, dtype=dtype) for n in (rows, keys, keys, rows)]
    if turned:  # places outside heads, as projections leave them
        given = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in given]
    return [x.requires_grad_() for x in given[:3]], given[3]


def results(inputs, g, causal, scale=None):
    y = attend(*inputs, is_causal=causal, scale=scale)
    return y, *torch.autograd.grad(y, inputs, g)


@needs_loops
@pytest.mark.parametrize(("shape", "causal", "dtype", "turned"), CASES, ids=str)
def test_one_step_gives_what_the_parts_give(shape, causal, dtype, turned):
    inputs, g = operands(shape, dtype, turned)
    found = results(inputs, g, causal)
    assert found[0].grad_fn.name() == "ScaledDotProductFlashAttentionForCpuBackward0"
    expected = by_parts(lambda: results(inputs, g, causal))
    bound = 3e-6 if dtype is torch.float32 else 1e-13
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).abs().max() < bound * theirs.abs().max()


@needs_loops
def test_one_node_serves_large_calls():
    """The parts would leave four nodes and their scores."""
    inputs, _ = operands(SHAPES[0], torch.float32)
    found = attend(*inputs).grad_fn
    assert all(type(edge).__name__ == "AccumulateGrad" for edge, _ in found.next_functions)


@needs_loops
def test_infinite_and_missing_scores():
    inputs, g = operands(SHAPES[0], torch.float32)
    with torch.no_grad():
        inputs[0][0, 0, 5] = math.nan
        inputs[1][0, 1, 40] = math.inf
        inputs[1][1, 0] *= 1e-30
        inputs[0][1, 2] *= 20
    for causal in (False, True):
        found = results(inputs, g, causal, scale=0.3)
        expected = by_parts(lambda causal=causal: results(inputs, g, causal, scale=0.3))
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours[~theirs.isnan()], theirs[~theirs.isnan()], rtol=1e-3,
                                       atol=1e-4)  # fmt: skip
        # The parts multiply what is hidden by zero, which makes a NaN of an infinite key.
        same = [torch.equal(a.isnan(), b.isnan()) for a, b in zip(found, expected, strict=True)]
        assert same[0] and (causal or all(same))


@needs_loops
def test_layout_is_that_of_the_query():
    inputs, _ = operands(SHAPES[0], torch.float32, turned=True)
    assert attend(*inputs).stride() == inputs[0].stride()


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_derivatives_of_both_orders(monkeypatch, loops, causal):
    monkeypatch.setattr(network, "ATTENTION", 0)
    if not loops:
        monkeypatch.setattr("tidu.primitives.network.NATIVE", None)
    inputs, _ = operands((1, 2, 4, 5, 3), torch.float64)
    call = lambda *given: attend(*given, is_causal=causal)
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


@needs_loops
def test_the_result_may_be_written_to():
    inputs, g = operands(SHAPES[0], torch.float64)
    expected = results(inputs, g, True)[1:]
    y = attend(*inputs, is_causal=True)
    y.detach().zero_()
    for ours, theirs in zip(torch.autograd.grad(y, inputs, g), expected, strict=True):
        assert torch.equal(ours, theirs)
