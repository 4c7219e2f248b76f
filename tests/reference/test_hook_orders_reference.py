"""When hooks are called in a backward pass, one beside the other: as in PyTorch."""

import pytest

import tidu
from tests.programs.hook_orders import NETWORKS, order

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("kinds", ["p", "h", "hpm"])
@pytest.mark.parametrize("name", NETWORKS)
def test_order(name, kinds):
    theirs = order(torch, name, kinds)
    assert theirs
    assert order(tidu, name, kinds) == theirs


@pytest.mark.parametrize("name", ["perceptron", "convolutions", "residual", "nine"])
def test_compiled(name):
    assert order(tidu, name, "hp", tidu.compile) == order(torch, name, "hp")
