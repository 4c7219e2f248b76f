"""What is computed step by step along an axis, or was a called step: no such step is left."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lowered import of, steps_called

import tidu as torch

pytestmark = pytest.mark.slow

FUNCTIONS = {
    "prod": lambda x: x.prod(),
    "prod over an axis": lambda x: x.prod(1, keepdim=True),
    "cumsum": lambda x: x.cumsum(0),
    "cumprod": lambda x: x.detach().cumprod(-1),
    "cummax": lambda x: x.detach().cummax(1).indices,
    "cummin": lambda x: x.detach().cummin(0).indices,
    "argmax": lambda x: x.argmax(1),
    "argmin": lambda x: x.argmin(),
    "any": lambda x: (x > 1).any(0),
    "all": lambda x: x.isfinite().all(),
    "amax of truths": lambda x: (x > 0).amax(0),
    "flip": lambda x: x.flip(0, 1) * 2,
    "roll": lambda x: x.roll((1, -2), (0, 1)),
    "diagonal": lambda x: x.diagonal(1) + torch.diag_embed(x[:, 0], 1).sum(0)[1:6],
    "unfold": lambda x: x.detach().unfold(1, 3, 2).sum(-1),
    "fmod": lambda x: x.fmod(0.3) + x.remainder(-0.7) + torch.floor_divide(x, 0.2),
    "fmax": lambda x: torch.fmax(x, x * x) + torch.fmin(x, x.sin()),
    "logaddexp": lambda x: torch.logaddexp(x, x * 2) + torch.logaddexp2(x, x.cos()),
    "xlogy": lambda x: torch.xlogy(x, x * x + 1) + torch.special.logit(x.sigmoid()),
    "signbit": lambda x: x.signbit(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_left_to_numpy(name):
    function = FUNCTIONS[name]
    for shape in ((5, 7), (1, 9), (6, 1)) if "diagonal" not in name else ((5, 7), (5, 6)):
        if name == "unfold" and shape[1] < 3:
            continue
        x = of(*shape)
        assert steps_called(function, x) == []
        torch.testing.assert_close(torch.compile(function)(x), function(x))


@pytest.mark.parametrize("special", [0, 1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_derivatives_of_products(special, dtype):
    """Zeros among the factors are nothing special, in any order of derivative."""
    x = of(3, 17, dtype=dtype)
    x[1, :special] = 0
    v = of(3, 17, dtype=dtype).cos()
    function = lambda x: (torch.sin(x).prod(1) * x.prod(1)).sum() + x.T.prod(0).sin().sum()
    gradient = torch.func.grad(function)
    along = lambda x, v: torch.func.jvp(gradient, (x,), (v,))[1]
    for f, arguments in ((gradient, (x,)), (along, (x, v)), (torch.func.hessian(function), (x,)),
                         (lambda x, v: torch.func.jvp(lambda x: along(x, v), (x,), (v,))[1],
                          (x, v))):  # fmt: skip
        assert steps_called(f, *arguments) == []
        torch.testing.assert_close(torch.compile(f)(*arguments), f(*arguments))


def test_not_a_number_and_infinities():
    x = torch.tensor([[1.0, float("nan"), 3.0, 2.0], [float("inf"), 1.0, -float("inf"), 0.0],
                      [-0.0, 0.0, 2.0, 2.0]])  # fmt: skip
    y = torch.tensor([[0.0, 2.0, float("nan"), -3.0], [float("inf"), 0.0, -float("inf"), 5.0],
                      [1.0, -1.0, float("inf"), 0.5]])  # fmt: skip
    functions = (
        torch.fmod, torch.remainder, torch.floor_divide, torch.fmax, torch.fmin, torch.logaddexp,
        torch.logaddexp2, torch.xlogy, lambda x, y: x.argmax(1), lambda x, y: x.argmin(0),
        lambda x, y: x.cummax(1).indices, lambda x, y: x.cummin(0).values, lambda x, y: x.prod(1),
        lambda x, y: x.isnan().any(1), lambda x, y: x.bool().all(0), lambda x, y: x.any(1),
        lambda x, y: x.cumsum(0), lambda x, y: x.amax(0), lambda x, y: x.signbit(),
    )  # fmt: skip
    for function in functions:
        for a, b in ((x, y), (y, x)):
            got, expected = torch.compile(function)(a, b), function(a, b)
            torch.testing.assert_close(got, expected, equal_nan=True)
            signs = [t.nan_to_num(1.0).signbit().numpy() for t in (got, expected)]
            np.testing.assert_array_equal(*signs)


def test_a_written_input_that_was_reversed():
    def f(x):
        old = x.flip(0), x.diagonal(), x.roll(1, 0)
        x.mul_(2)
        return old

    x, y = torch.arange(9.0).reshape(3, 3), torch.arange(9.0).reshape(3, 3)
    for got, expected in zip(torch.compile(f)(x), f(y), strict=True):
        assert got.tolist() == expected.tolist()
    assert x.tolist() == y.tolist()
    x.add_(1)


def test_whole_numbers_and_empty_ones():
    for function in (
        lambda x: x.prod(0),
        lambda x: x.cumsum(0),
        lambda x: x.amax(1),
        lambda x: x.argmax(0),
        lambda x: x.cumprod(1),
        lambda x: x // 3 + x % 4,
    ):
        for dtype in (torch.int64, torch.int32, torch.int16):
            x = torch.tensor([[3, -5, 2], [7, 0, 2]], dtype=dtype)
            got, expected = torch.compile(function)(x), function(x)
            assert got.dtype == expected.dtype and got.tolist() == expected.tolist()
    x = torch.zeros(0, 3)
    for function in (
        lambda x: x.prod(0),
        lambda x: x.cumsum(0),
        lambda x: (x > 0).any(0),
        lambda x: (x > 0).all(0),
        lambda x: x.flip(1).sum(0),
    ):
        assert torch.compile(function)(x).tolist() == function(x).tolist()
