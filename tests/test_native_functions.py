"""torch.batch_norm, torch.lstm ...: what takes its arguments as PyTorch's C++ does gives what the
functions and layers of torch.nn give (`reference/test_by_position_reference.py` asks PyTorch)."""

import pytest

import tidu as torch
from tidu import nn
from tidu.nn import functional as F


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_normalisation():
    x, v, w = torch.randn(4, 6, 5), torch.randn(6), torch.randn(6)
    mean, var = torch.zeros(6), torch.ones(6)
    wanted = F.batch_norm(x, mean.clone(), var.clone(), v, w, True)
    found, means, scales = torch.native_batch_norm(x, v, w, mean, var, True, 0.1, 1e-5)
    close(found, wanted)
    close(means, x.mean((0, 2)))
    close(scales, (x.var((0, 2), correction=0) + 1e-5).rsqrt())
    close(mean, 0.1 * x.mean((0, 2)))
    close(torch.batch_norm(x, v, w, mean, var, False, 0.1, 1e-5, False),
          F.batch_norm(x, mean, var, v, w))  # fmt: skip
    close(torch.native_group_norm(x, v, w, 4, 6, 5, 3, 1e-5)[0], F.group_norm(x, 3, v, w))
    close(torch.native_layer_norm(x, [5], None, None, 1e-5)[0], F.layer_norm(x, [5]))


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_reductions_are_numbers():
    x, p = torch.randn(3, 4), torch.rand(3, 4)
    for number, word in enumerate(("none", "mean", "sum")):
        close(torch.kl_div(x, p, number), F.kl_div(x, p, reduction=word))
        found = torch.binary_cross_entropy_with_logits(x, p, None, None, number)
        close(found, F.binary_cross_entropy_with_logits(x, p, reduction=word))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent(kind):
    layer = getattr(nn, kind)(5, 3, num_layers=2, bidirectional=True)
    x, h = torch.randn(4, 6, 5), torch.randn(4, 6, 3)
    hx = (h, h * 2) if kind == "LSTM" else h
    function = getattr(torch, {"RNN": "rnn_tanh"}.get(kind, kind.lower()))
    found = function(x, hx, list(layer.parameters()), True, 2, 0.0, False, True, False)
    output, last = layer(x, hx)
    last = last if kind == "LSTM" else (last,)
    for mine, wanted in zip(found, (output, *last), strict=True):
        close(mine, wanted)


def test_bags_know_their_members():
    table, numbers = torch.randn(5, 3), torch.tensor([3, 1, 4, 3])
    found = torch.embedding_bag(table, numbers, torch.tensor([0, 2, 2]), False, 2)
    assert found[1].tolist() == [0, 0, 2, 2] and found[2].tolist() == [2, 0, 2]
    picked = table.gather(0, found[3])
    close(picked[0], found[0][0])
    close(picked[2], found[0][2])


def test_lobpcg():
    a = torch.diag(torch.arange(9.0))
    values, vectors = torch.lobpcg(a, 2)
    assert values.tolist() == [8, 7]
    close(a @ vectors, vectors * values)
    assert torch.lobpcg(a, 2, largest=False)[0].tolist() == [0, 1]


def test_hash_is_the_exclusive_or():
    assert torch.hash_tensor(torch.tensor([1, 2, 7])).item() == 4
    assert torch.hash_tensor(torch.tensor([[1.0, 1.0]]), 1).tolist() == [0]
