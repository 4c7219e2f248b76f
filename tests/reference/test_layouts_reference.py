"""The recorded strides are PyTorch's."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from layouts import STRIDES, stride
from orders import LINES, strides


@pytest.mark.parametrize("expression", STRIDES)
def test_recorded(expression):
    assert stride(torch, expression) == STRIDES[expression]


@pytest.mark.parametrize("expression", LINES)
def test_recorded_orders(expression):
    assert strides(torch, expression) == LINES[expression]
