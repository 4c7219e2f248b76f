"""Sums of rows: several vectors of columns at a time give each column what one alone gives."""

import pytest

import tidu as torch
from tidu.compiler.loops import nests
from tidu.compiler.machine import native

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not native.available(), reason="needs llvmlite")]

SHAPES = ((70, 64), (300, 128), (5, 96), (3, 40, 64), (4200, 32), (7, 33), (2, 64), (1, 128))


def functions(x, y):
    """Sums alone, of products that are written too, extrema, two at once, over leading axes."""
    axes = tuple(range(x.dim() - 1))
    z = x * y
    return x.sum(axes), z, z.sum(axes), x.amax(axes), (x - y).amin(axes), (x * x).sum(0), x.prod(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_columns(shape, dtype, monkeypatch):
    torch.manual_seed(0)
    x, y = [torch.randn(shape, dtype=dtype) for _ in range(2)]
    x[0, 1] = -torch.inf
    expected, found = functions(x, y), []
    for many in (4, 2, 1):
        monkeypatch.setattr(nests, "ABREAST", many)
        found.append(torch.compile(functions)(x, y))
    room = (
        {"rtol": 1e-5, "atol": 1e-4} if dtype is torch.float32 else {"rtol": 1e-12, "atol": 1e-12}
    )
    for got, wanted in zip(found[0], expected, strict=True):
        torch.testing.assert_close(got, wanted, **room)
    for other in found[1:]:
        assert all(a.equal(b) for a, b in zip(found[0], other, strict=True))


def test_nan_is_found_in_its_column():
    x = torch.ones(100, 64)
    x[37, 41] = torch.nan
    total, top = torch.compile(lambda x: (x.sum(0), x.amax(0)))(x)
    for result in (total, top):
        assert result.isnan().nonzero().tolist() == [[41]]
