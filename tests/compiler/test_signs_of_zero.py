"""The sign of a zero is the same eager, compiled, in small tensors and in large ones."""

import pytest

import tidu as torch

F = torch.nn.functional
VALUES = 0.0, -0.0, 0.25, -0.25, 0.5, -0.5, 1.0, -1.0, -1e-30, float("nan")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", [
    F.softshrink, F.hardshrink, lambda x: F.softshrink(x, 0.0), F.relu, F.hardtanh,
])  # fmt: skip
def test_activations(function, dtype):
    x = torch.tensor(VALUES, dtype=dtype)
    expected = [str(v) for v in function(x).tolist()]
    assert [str(v) for v in torch.compile(function)(x).tolist()] == expected
    large = function(x.repeat(20_000))
    assert [str(v) for v in large[-len(VALUES) :].tolist()] == expected


def test_zeros_of_softshrink_have_the_sign_of_the_element():
    """As in PyTorch's scalar code; its vectors have none, so there it hangs on the place."""
    x = torch.tensor(VALUES, dtype=torch.float64)[:6]
    assert F.softshrink(x).signbit().tolist() == x.signbit().tolist()


@pytest.mark.parametrize("compiled", [False, True])
def test_no_gradient_passes_where_softshrink_is_zero(compiled):
    x = torch.tensor([-0.1, 2.0, -0.0, 0.0], requires_grad=True)
    y = (torch.compile(F.softshrink) if compiled else F.softshrink)(x)
    nan, inf = float("nan"), float("inf")
    (g,) = torch.autograd.grad(y, x, torch.tensor([nan, 1.0, inf, nan]))
    assert g.tolist() == [0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_product_of_a_column_and_a_row_is_a_sum(dtype):
    """Which begins at 0."""
    column = torch.tensor([[0.0], [-0.0], [1.0]], dtype=dtype)
    row = torch.tensor([[-2.0, -0.0, 3.0]], dtype=dtype)
    for function in (torch.matmul, lambda a, b: torch.tensordot(a, b, 1), torch.mm):
        for f in (function, torch.compile(function)):
            assert not (f(column, row).signbit() & (f(column, row) == 0)).any()
