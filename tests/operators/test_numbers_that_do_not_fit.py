"""Numbers beside tensors of whole numbers that are none of their type, and values at the rim."""

import math

import pytest

import tidu as torch
from tidu.nn import functional as F

OVERFLOW = "value cannot be converted to type {} without overflow"


def both(function):
    return pytest.mark.parametrize("wrap", [lambda f: f, torch.compile], ids=["eager", "compiled"])(
        function
    )


@both
def test_exponents(wrap):
    x = torch.tensor([5, 200, 0], dtype=torch.uint8)
    with pytest.raises(RuntimeError, match=OVERFLOW.format("uint8_t")):
        wrap(lambda x: x**300)(x)
    with pytest.raises(RuntimeError, match=OVERFLOW.format("int8_t")):
        wrap(lambda x: torch.pow(x, 200))(x.to(torch.int8))
    with pytest.raises(RuntimeError, match=OVERFLOW.format("uint8_t")):
        x.clone().pow_(300)
    assert wrap(lambda x: x**255)(x).dtype is torch.uint8
    assert wrap(lambda x: x**2.5)(x).dtype is torch.float32
    assert torch.pow(x, torch.tensor(300)).dtype is torch.uint8


@both
def test_padding(wrap):
    """`pad` takes floats, `constant_pad_nd` whole numbers too, which may count from the end."""
    x = torch.tensor([5, 200], dtype=torch.uint8)
    for value in (-5, 300, -2.7, math.nan):
        with pytest.raises(RuntimeError, match=OVERFLOW.format("uint8_t")):
            wrap(lambda x, v=value: F.pad(x, (1, 1), value=v))(x)
        assert F.pad(x, (-1, 0), value=value).tolist() == [200]
    with pytest.raises(RuntimeError, match=OVERFLOW.format("uint8_t")):
        wrap(lambda x: torch.constant_pad_nd(x, (1, 1), 300))(x)
    assert wrap(lambda x: torch.constant_pad_nd(x, (1, 1), -5))(x).tolist() == [251, 5, 200, 251]
    assert wrap(lambda x: F.pad(x, (1, 0), value=2.7))(x).tolist() == [2, 5, 200]
    assert wrap(lambda x: F.pad(x, (1, 0), value=-2.7))(x.to(torch.int8)).tolist() == [-2, 5, -56]


@both
def test_hardtanh_of_unsigned_numbers(wrap):
    x = torch.tensor([5, 200], dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="on an unsigned type with negative limits"):
        wrap(F.hardtanh)(x)
    assert wrap(lambda x: F.hardtanh(x, 0, 7))(x).tolist() == [5, 7]
    assert F.relu6(x).tolist() == [5, 6]


@pytest.mark.parametrize("how", ["linear", "lower", "higher", "nearest", "midpoint"])
def test_quantiles_of_nan_have_its_gradient(how):
    x = torch.tensor([[4.0, math.nan, 1.0, math.nan], [4.0, 3.0, 2.0, 1.0]], requires_grad=True)
    out = torch.quantile(x, 0.4, 1, interpolation=how)
    assert out[0].isnan() and not out[1].isnan()
    out.sum().backward()
    assert x.grad[0].tolist() == [0.0, 0.0, 0.0, 1.0] and x.grad[1].sum() == 1


@both
@pytest.mark.parametrize(("dtype", "slope"), [
    (torch.float64, 1000000003995.8029), (torch.float32, 999999995904.0),
    (torch.bfloat16, 996432412672.0)])  # fmt: skip
def test_slope_of_a_certain_wrong_probability(wrap, dtype, slope):
    x = torch.tensor([0.0, 1.0, 0.0], dtype=dtype, requires_grad=True)
    y = torch.tensor([1.0, 0.0, 0.0], dtype=dtype)
    wrap(lambda x, y: F.binary_cross_entropy(x, y, reduction="sum"))(x, y).backward()
    assert x.grad.tolist() == [-slope, slope, 0.0]
