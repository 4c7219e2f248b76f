"""What goes on with a linear layer of several axes is computed in the shape of its product."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.graphs.steps import Fused
from tidu.compiler.loops import library
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(
    not (native.available() and library.available()), reason="needs llvmlite and the library"
)
F = torch.nn.functional


def loop_of(name, made):
    """(its space, its operations) of the first loop with this operation."""
    steps = [s for p in made for s in p.plan.steps if isinstance(s, Fused)]
    names = [(s.shape, {e.prim.name for e in s.equations}) for s in steps]
    return next(found for found in names if name in found[1])


def same(function, *given, tolerance=2e-5):
    compiled = torch.compile(function, fullgraph=True)
    for _ in range(2):
        mine, theirs = [[t.clone() for t in given] for _ in range(2)]
        found, exact = compiled(*mine), function(*theirs)
        for a, b in zip([*found, *mine], [*exact, *theirs], strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride()
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance * 30)


TYPES = [(torch.float32, 2e-5), (torch.float64, 1e-13)]


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
@pytest.mark.parametrize("lead", [(3, 40), (2, 3, 20), (1, 130)], ids=str)
def test_operands_of_every_kind(lead, dtype, tolerance, made):
    torch.manual_seed(0)
    x, w = torch.randn(*lead, 50, dtype=dtype), torch.randn(45, 50, dtype=dtype)
    rows = x.numel() // 50
    bias, whole = torch.randn(45, dtype=dtype), torch.randn(*lead, 45, dtype=dtype)
    row, one = torch.randn(*lead, 1, dtype=dtype), torch.randn(1, dtype=dtype)
    mask = torch.rand(*lead, 45) > 0.5

    def function(x, w, bias, whole, row, one, mask):
        h = F.gelu(F.linear(x, w, bias)) * row
        y = torch.where(mask, h + whole, h * one)
        return y, y > 0, h.double()

    same(function, x, w, bias, whole, row, one, mask, tolerance=tolerance)
    space, found = loop_of("gelu", made)
    assert space == (rows, 45) and {"add", "gelu", "mul", "where", "gt"} <= found


def test_what_cannot_be_a_matrix_stays(made):
    """Operands that lie otherwise, broadcast within the axes, or come later."""
    torch.manual_seed(1)
    x, w = torch.randn(4, 30, 50), torch.randn(45, 50)
    turned, places = torch.randn(45, 30, 4), torch.randn(30, 45)

    def function(x, w, turned, places):
        z = F.linear(x, w)
        a = z * turned.permute(2, 1, 0)
        b = z + places
        c = z - z.amax(-1, keepdim=True)
        return a.sin(), b.relu(), c.exp(), (z * 2).sum(1)

    same(function, x, w, turned, places)


def test_views_of_what_was_moved():
    """The result in its own shape, turned, in parts, and written to."""
    torch.manual_seed(2)
    x, w = torch.randn(4, 30, 50), torch.randn(48, 50)

    def function(x, w):
        z = F.linear(x, w).tanh()
        q, k, v = z.split(16, dim=2)
        heads = q.view(4, 30, 2, 8).transpose(1, 2)
        y = z + 1
        y[:, 1:, ::2] = 0
        return heads.clone(), (k * v).reshape(120, 16), y, z.mT.contiguous(), z.flatten()

    same(function, x, w)


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
def test_a_block_and_its_gradients(dtype, tolerance, made):
    """Residual, normalisation, two layers with GELU; back through both."""
    torch.manual_seed(3)
    x = torch.randn(6, 20, 64, dtype=dtype)
    weights = [torch.randn(256, 64, dtype=dtype) * 0.1, torch.randn(64, 256, dtype=dtype) * 0.1,
               torch.randn(256, dtype=dtype), torch.randn(64, dtype=dtype)]  # fmt: skip

    def function(x, up, down, b, c):
        leaves = [t.clone().requires_grad_() for t in (x, up, down, b, c)]
        x, up, down, b, c = leaves
        h = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (64,)), up, b)), down, c)
        h.square().mean().backward()
        return [h.detach(), *[t.grad for t in leaves]]

    same(function, x, *weights, tolerance=tolerance * 10)
    assert loop_of("gelu", made) == ((120, 256), {"add", "gelu"})
    space, names = loop_of("erf", made)
    assert space == (120, 256) and "mul" in names


def test_what_is_only_summed_stays(made):
    torch.manual_seed(4)
    x, w, y = torch.randn(4, 30, 50), torch.randn(45, 50), torch.randn(4, 30, 45)
    same(lambda x, w, y: [(F.linear(x, w) - y).square().sum()], x, w, y, tolerance=1e-5)
    assert loop_of("sub", made)[0] == (4, 30, 45)
