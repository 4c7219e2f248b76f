"""When hooks are called in a backward pass, one beside the other: as in PyTorch."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

import tidu

sys.path.insert(0, str(Path(__file__).parents[1]))
hook_orders = importlib.import_module("programs.hook_orders")
NETWORKS, order = hook_orders.NETWORKS, hook_orders.order


@pytest.mark.parametrize("kinds", ["p", "h", "hpm"])
@pytest.mark.parametrize("name", NETWORKS)
def test_order(name, kinds):
    theirs = order(torch, name, kinds)
    assert theirs
    assert order(tidu, name, kinds) == theirs


@pytest.mark.parametrize("name", ["perceptron", "convolutions", "residual", "nine"])
def test_compiled(name):
    assert order(tidu, name, "hp", tidu.compile) == order(torch, name, "hp")
