"""Hooks fire in PyTorch's order, recorded from PyTorch 2.13."""

import pytest

import tidu as torch
from tidu import nn

IH, HH = ["bias_ih", "weight_ih"], ["bias_hh", "weight_hh"]


def order(module, run):
    """The parameters of a module in the order in which `run` brings their gradients."""
    seen = []
    for name, parameter in module.named_parameters():
        parameter.register_hook(lambda g, name=name: seen.append(name))
    run().sum().backward()
    return seen


def cell_step(name):
    cell, x, h = getattr(nn, name)(3, 4), torch.randn(2, 3), torch.randn(2, 4)
    return cell, lambda: sum(cell(x, (h, h))) if name == "LSTMCell" else cell(x, h)


@pytest.mark.parametrize("name, expected", [
    ("LSTMCell", IH + HH), ("RNNCell", IH + HH), ("GRUCell", HH + IH),
])  # fmt: skip
def test_cells(name, expected):
    cell, run = cell_step(name)
    assert order(cell, run) == expected


@pytest.mark.parametrize("layers", [1, 2])
def test_gru(layers):
    m, x = nn.GRU(3, 4, layers), torch.randn(5, 2, 3)
    expected = [f"{w}_l{i}" for i in reversed(range(layers)) for w in HH + IH]
    assert order(m, lambda: m(x)[0]) == expected


def test_attention_to_a_memory():
    m, q, memory = nn.MultiheadAttention(4, 2), torch.randn(3, 2, 4), torch.randn(5, 2, 4)
    assert order(m, lambda: m(q, memory, memory)[0]) == [
        "out_proj.bias", "out_proj.weight", "in_proj_bias", "in_proj_weight",
    ]  # fmt: skip


def test_rms_norm():
    seen, x, w = [], torch.randn(2, 3, requires_grad=True), torch.ones(3, requires_grad=True)
    x.register_hook(lambda g: seen.append("x"))
    w.register_hook(lambda g: seen.append("w"))
    nn.functional.rms_norm(x, (3,), w).sum().backward()
    assert seen == ["w", "x"]


def test_a_node_that_was_looked_at_keeps_the_order():
    m = nn.Linear(2, 2)
    y = m(torch.ones(1, 2))
    y.grad_fn.register_hook(lambda *grads: None)
    assert y.grad_fn.next_functions
    assert order(m, lambda: y) == ["bias", "weight"]
