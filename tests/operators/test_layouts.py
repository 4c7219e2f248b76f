"""Results lie in memory as PyTorch's do; see layouts.py."""

import pytest
from layouts import STRIDES, stride

import tidu as torch


@pytest.mark.parametrize("expression", STRIDES)
def test_strides(expression):
    assert stride(torch, expression) == STRIDES[expression]


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
