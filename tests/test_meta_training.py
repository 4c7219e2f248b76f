"""Recurrent layers and optimizers on tensors without numbers: shapes, types and states."""

import pytest

import tidu as torch
from tidu import nn

META = {"device": "meta"}


@pytest.mark.parametrize(("kind", "options", "out", "states"), [
    (nn.LSTM, {}, (7, 2, 5), [(1, 2, 5), (1, 2, 5)]),
    (nn.LSTM, {"proj_size": 3}, (7, 2, 3), [(1, 2, 3), (1, 2, 5)]),
    (nn.LSTM, {"batch_first": True}, (7, 2, 5), [(1, 7, 5), (1, 7, 5)]),
    (nn.GRU, {"num_layers": 2, "bidirectional": True}, (7, 2, 10), [(4, 2, 5)]),
    (nn.RNN, {"bias": False}, (7, 2, 5), [(1, 2, 5)])])  # fmt: skip
def test_recurrent_layers(kind, options, out, states):
    layer = kind(4, 5, **META, **options)
    result, last = layer(torch.randn(7, 2, 4, **META))
    last = last if isinstance(last, tuple) else (last,)
    assert result.shape == out and [s.shape for s in last] == states
    assert all(t.is_meta and t.requires_grad and t.dtype is torch.float32 for t in (result, *last))
    result.sum().backward()
    assert all(p.grad.is_meta and p.grad.shape == p.shape for p in layer.parameters())


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_cells(kind):
    result = kind(4, 5, **META)(torch.randn(2, 4, **META))
    assert all(t.is_meta and t.shape == (2, 5) for t in torch.utils._pytree.tree_leaves(result))


@pytest.mark.parametrize(("name", "options", "writes"), [
    ("SGD", {}, 2), ("SGD", {"momentum": 0.9}, 2), ("Adam", {"amsgrad": True}, 2), ("AdamW", {}, 4),
    ("RMSprop", {"momentum": 0.9, "centered": True}, 2), ("Adagrad", {}, 2), ("Adadelta", {}, 2),
    ("Adamax", {}, 2), ("NAdam", {}, 4), ("RAdam", {}, 2), ("Rprop", {}, 2)])  # fmt: skip
def test_optimizers(name, options, writes):
    w = nn.Parameter(torch.randn(3, 4, **META))
    updates = getattr(torch.optim, name)([w], lr=0.1, **options)
    (w * torch.randn(3, 4, **META)).sum().backward()
    for _ in range(2):
        updates.step()
    assert w.is_leaf and w.requires_grad and w.grad.is_meta and w._version == writes
    state = updates.state[w]
    assert float(state.get("step", 2)) == 2
    rest = {key: t for key, t in state.items() if key not in ("step", "mu_product")}
    assert all(t.is_meta and t.shape == (3, 4) for t in rest.values()) and (rest or name == "SGD")
    updates.zero_grad()
    assert w.grad is None
