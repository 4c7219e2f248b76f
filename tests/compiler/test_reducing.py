"""What is summed over other axes than its loop's is computed where it is summed, and in one loop
with other sums over these axes."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.graphs import recomputation
from tidu.compiler.graphs.steps import Fused
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
F = torch.nn.functional


def sums(plan):
    """The loops that sum: (axes, sums in it)."""
    loops = [s for s in plan.steps if isinstance(s, Fused) and s.reductions]
    return [(s.reduced, len(s.reductions)) for s in loops]


def test_it_lies_in_no_memory(made):
    def step(g, v):
        r = g * 3
        return r.sum(0), (r * v).sum((0, 2)), r - r.sum((0, 2), keepdim=True)

    given = torch.randn(4, 5, 6), torch.randn(4, 5, 6)
    for got, exact in zip(torch.compile(step)(*given), step(*given), strict=True):
        torch.testing.assert_close(got, exact)
    (program,) = made
    assert sums(program.plan) == [((0,), 1), ((0, 2), 2)]
    products = [e.outs[0] for e in program.graph.equations if e.prim.name == "mul"]
    assert [v in program.plan.refs for v in products] == [True, False]


@pytest.mark.parametrize("also", [
    lambda r, p: p,  # returned
    lambda r, p: p.mT,  # looked into
    lambda r, p: p.exp(),  # read elsewhere
    lambda r, p: p.sum((1, 2)),  # summed over others, too
])  # fmt: skip
@pytest.mark.parametrize("kind", ["sum", "amax"])
def test_what_others_read_stays(also, kind):
    def step(g, v):
        r = g.tanh()
        p = r * v
        return r.sum(0), getattr(p, kind)((0, 2)), also(r, p), getattr(r, kind)((0, 2)), r

    given = torch.randn(4, 5, 6), torch.randn(4, 5, 6)
    for got, exact in zip(torch.compile(step)(*given), step(*given), strict=True):
        torch.testing.assert_close(got, exact)


@pytest.mark.parametrize("norm", ["batch", "layer", "group"])
def test_gradients_of_normalisations(norm):
    torch.manual_seed(0)
    x = torch.randn(6, 4, 5, 5)
    w, b = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    layers = {
        "batch": lambda x: F.batch_norm(x, None, None, w, b, training=True),
        "layer": lambda x: F.layer_norm(x.transpose(1, 3), (4,), w, b),
        "group": lambda x: F.group_norm(x, 2, w, b),
    }

    def step(x):
        w.grad = b.grad = None
        leaf = (x * 2).detach().requires_grad_()
        layers[norm](leaf).tanh().square().sum().backward()
        return leaf.grad, w.grad, b.grad

    for got, exact in zip(torch.compile(step)(x), step(x), strict=True):
        np.testing.assert_allclose(got.numpy(), exact.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_count_as_time_that_a_program_takes(transposed, made):
    """For a part of which large values are computed again."""
    conv = torch.nn.ConvTranspose2d(8, 16, 3) if transposed else torch.nn.Conv2d(8, 16, 3)
    x = torch.randn(2, 8, 10, 10, requires_grad=True)

    def step():
        x.grad = conv.weight.grad = conv.bias.grad = None
        conv(x).square().sum().backward()
        return x.grad, conv.weight.grad

    torch.compile(step)()
    named = [e for p in made for e in p.graph.equations if "convolution" in e.prim.name]
    seconds = {round(recomputation.seconds_of(e) * 1e11) for e in named}
    places = 10 * 10 if transposed else 8 * 8
    assert len(named) == 3 and seconds == {2 * 8 * 16 * 9 * places}
