"""Plain arithmetic on the elements of a large product is computed tile by tile, as it is made."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.graphs.steps import Product
from tidu.compiler.loops import blocked, library
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(
    not (native.available() and library.available()), reason="needs llvmlite and the library"
)
F = torch.nn.functional


@pytest.fixture(params=[True, False], ids=["tiles", "library"])
def tiles(request, monkeypatch):
    """By tiles of loops of our own, or by calls of the library, followed by loops."""
    if request.param and not blocked.serves():
        pytest.skip("the library is as fast on this processor")
    monkeypatch.setattr(blocked, "serves", lambda: request.param)
    return request.param


def epilogues(made):
    """The names of the equations of each product's epilogue."""
    steps = [s for p in made for s in p.plan.steps if isinstance(s, Product)]
    return [{e.prim.name for e in s.equations} for s in steps]


def same(function, *given, tolerance):
    """Two calls of a compiled function against eager ones, what is written included."""
    compiled = torch.compile(function, fullgraph=True)
    for _ in range(2):
        mine, theirs = [[t.clone() for t in given] for _ in range(2)]
        found, exact = compiled(*mine), function(*theirs)
        for a, b in zip([*_listed(found), *mine], [*_listed(exact), *theirs], strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance * 30)


def _listed(result):
    return result if isinstance(result, (list, tuple)) else [result]


TYPES = [(torch.float32, 2e-5), (torch.float64, 1e-13)]
# One tile with a rest, panels that end within a vector, what the loops leave to the library.
SIZES = [(37, 256, 45), (130, 300, 77), (1100, 512, 200), (64, 270, 513)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
def test_operands_of_every_kind(sizes, dtype, tolerance, tiles, made):
    height, depth, width = sizes
    torch.manual_seed(1)
    x, w = torch.randn(height, depth, dtype=dtype), torch.randn(depth, width, dtype=dtype)
    row, column = torch.randn(width, dtype=dtype), torch.randn(height, 1, dtype=dtype)
    whole, turned = torch.randn(height, width, dtype=dtype), torch.randn(width, height, dtype=dtype)
    mask, number = torch.rand(height, width) > 0.5, torch.tensor(1.5, dtype=dtype)

    def function(x, w, row, column, whole, turned, mask, number):
        z = x @ w
        h = ((z + row) * column).relu() + turned.T
        y = torch.where(mask, h * number, z - whole)
        return y, h > 0, h.double(), (y + row).square().sum()

    same(function, x, w, row, column, whole, turned, mask, number, tolerance=tolerance)
    (names,) = epilogues(made)
    wanted = {"add", "mul", "relu", "where", "sub", "gt"} if tiles else set()
    assert names - {"to_copy"} == wanted


@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
def test_a_network_and_its_gradients(dtype, tolerance, tiles, made):
    """Bias and activation after the product, and its mask after that of the way back; updates of
    weights, and functions with what leads to them, are loops of their own."""

    def steps(compiled):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(270, 290), torch.nn.ReLU(),
                                    torch.nn.Linear(290, 256), torch.nn.GELU(),
                                    torch.nn.Linear(256, 257)).to(dtype)  # fmt: skip
        x, optimizer = torch.randn(67, 270, dtype=dtype), torch.optim.Adam(model.parameters())

        def step():
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        run = torch.compile(step) if compiled else step
        losses = [run().item() for _ in range(4)]
        return losses, [p.detach().numpy() for p in model.parameters()]

    (got, mine), (wanted, exact) = steps(True), steps(False)
    np.testing.assert_allclose(got, wanted, rtol=tolerance)
    for a, b in zip(mine, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=tolerance * 10)
    found = epilogues(made)
    assert any({"add", "relu"} <= names for names in found) is tiles
    assert any("where" in names for names in found) is tiles
    assert not {"sqrt", "gelu", "erf"} & {name for names in found for name in names}


def test_what_is_written_and_read_again(tiles):
    torch.manual_seed(2)
    x, w, state = torch.randn(80, 60), torch.randn(60, 70), torch.randn(80, 70)

    def function(x, w, state):
        z = x @ w
        state.mul_(0.5).add_(z)
        x.add_(1)
        y = (z * state).relu()
        state[1:, ::2].zero_()
        return y, z @ w.T, x @ w + state

    same(function, x, w, state, tolerance=2e-5)


def test_the_product_of_a_view_that_is_copied(tiles):
    """The copy is kept until the product is made."""
    torch.manual_seed(3)
    x, w = torch.randn(128, 256), torch.randn(128, 256)

    def function(x, w):
        return (x[:, ::2] @ w[:, ::2]).relu() + 1, (x[::2, 1::2] @ w[:, 1::2]) - 1

    same(function, x, w, tolerance=2e-5)


def test_a_product_of_two_products(tiles, made):
    torch.manual_seed(4)
    x, w, v = torch.randn(90, 300), torch.randn(300, 80), torch.randn(300, 80)
    same(lambda x, w, v: ((x @ w).relu() * (x @ v), x @ w), x, w, v, tolerance=2e-5)
    found = {name for names in epilogues(made) for name in names}
    assert found == ({"relu", "mul"} if tiles else set())


def test_shallow_products_and_what_is_only_summed_have_none(made):
    torch.manual_seed(5)
    x, w, v = torch.randn(90, 300), torch.randn(300, 80), torch.randn(80, 90)
    same(
        lambda x, w, v: (((x @ w) + 1).square().sum(), (x @ w @ v).relu()), x, w, v, tolerance=2e-5
    )
    assert epilogues(made) == [set(), set()]
