"""Results lie in memory as PyTorch's do; see layouts.py."""

import pytest
from layouts import STRIDES, stride
from orders import LINES, strides

import tidu as torch


@pytest.mark.parametrize("expression", STRIDES)
def test_strides(expression):
    assert stride(torch, expression) == STRIDES[expression]


@pytest.mark.parametrize("expression", LINES)
def test_orders(expression):
    assert strides(torch, expression) == LINES[expression]


# Compiled programs give no memory with gaps, as that of a solution in the place of the right side.
@pytest.mark.slow
@pytest.mark.parametrize("expression", [e for e in LINES if not e.startswith("la.lstsq(T")])
def test_orders_of_compiled_results(expression):
    def compiled(text, names):
        operands = {n: x for n, x in names.items() if isinstance(x, torch.Tensor)}
        rest = {n: x for n, x in names.items() if n not in operands}
        run = torch.compile(lambda given: eval(text, {**rest, **given}))
        run(operands)
        return run(operands)

    assert strides(torch, expression, compiled) == LINES[expression]


def test_a_saved_result_in_another_order_is_still_watched():
    """A result that was given its input's order is what the node saved, so changes are noticed."""
    images = torch.ones(1, 2, 3, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = torch.nn.functional.conv2d(images, torch.ones(2, 2, 2, 2)).sigmoid()
    out.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_picked_columns_can_be_viewed():
    x = torch.arange(24.0).reshape(2, 3, 4)
    assert (
        x[:, [0, 2]].view(2, 8).tolist()
        == x.index_select(1, torch.tensor([0, 2])).view(2, 8).tolist()
    )
