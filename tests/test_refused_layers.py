"""What layers and optimizers refuse, in PyTorch's words."""

import re

import pytest

import tidu as torch
from tidu import nn, optim

F = nn.functional
ones = torch.ones
p, q = nn.Parameter(ones(2, 2)), nn.Parameter(ones(2, 2))
half, nine = torch.tensor(0.5), torch.tensor(0.9)


def complex_step(kind):
    weight = nn.Parameter(ones(2, 2, dtype=torch.complex64))
    weight.grad = ones(2, 2, dtype=torch.complex64)
    getattr(optim, kind)([weight]).step()


REFUSED = {
    "TypeError: bias should be of type bool, got: int": lambda: nn.GRU(2, 3, bias=1),
    "TypeError: batch_first should be of type bool, got: str":
        lambda: nn.RNN(2, 3, batch_first="x"),
    "TypeError: input_size should be of type int, got: float": lambda: nn.LSTM(2.0, 3),
    "ValueError: input_size must be greater than zero": lambda: nn.LSTM(0, 3),
    "ValueError: GRUCell: Expected hidden to be 1D or 2D, got 4D instead":
        lambda: nn.GRUCell(2, 3)(ones(1, 2), ones(1, 1, 1, 3)),
    "ValueError: batch_norm eps must be positive during training, but got 0.0":
        lambda: F.batch_norm(ones(2, 3), None, None, training=True, eps=0.0),
    "ValueError: batch_norm eps must be non-negative, but got -1.0":
        lambda: F.batch_norm(ones(2, 3), ones(3), ones(3), eps=-1.0),
    "TypeError: layer_norm(): argument 'eps' (position 5) must be float, not NoneType":
        lambda: F.layer_norm(ones(2, 3), (3,), eps=None),
    "TypeError: group_norm(): argument 'eps' (position 5) must be float, not str":
        lambda: F.group_norm(ones(2, 4, 4), 2, eps="a"),
    "TypeError: huber_loss(): argument 'delta' (position 4) must be float, not complex":
        lambda: F.huber_loss(p, q, delta=1j),
    "TypeError: delta must be a float or int, got: <class 'complex'>":
        lambda: nn.HuberLoss(delta=1j),
    "TypeError: smooth_l1_loss(): argument 'beta' (position 4) must be float, not str":
        lambda: F.smooth_l1_loss(p, q, beta="a"),
    "RuntimeError: expected weight shape to be (5,), got (3,)":
        lambda: nn.LinearCrossEntropyLoss(4, 5, weight=ones(3)),
    "RuntimeError: expected label_smoothing to be in range [0, 1], got 2.0":
        lambda: nn.LinearCrossEntropyLoss(4, 5, label_smoothing=2.0),
    "ValueError: all optimizer params should be with/without names. Some param names are missing":
        lambda: optim.SGD([("p", p), q]),
    "ValueError: all optimizer param groups should be with/without names. cannot add param group "
    "without names to the optimizer": lambda: optim.SGD([{"params": [("p", p)]}, {"params": [q]}]),
    "ValueError: all optimizer param groups should be with/without names. cannot add param group "
    "with names to the optimizer": lambda: optim.SGD([{"params": [p]}, {"params": [("q", q)]}]),
    "ValueError: betas must be either both floats or both Tensors":
        lambda: optim.AdamW([p], betas=(0.9, half)),
    "ValueError: betas[0] as a Tensor is not supported for capturable=False and foreach=True":
        lambda: optim.Adam([p], betas=(half, nine), foreach=True),
    "ValueError: Tensor lr must be 1-element": lambda: optim.Muon([p], lr=ones(2)),
    "RuntimeError: Muon does not support complex parameters": lambda: complex_step("Muon"),
    "RuntimeError: Adafactor does not support complex parameters":
        lambda: complex_step("Adafactor"),
}  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSED)
def test_refusals(refusal):
    kind, _, message = refusal.partition(": ")
    with pytest.raises(Exception, match=re.escape(message)) as caught:
        REFUSED[refusal]()
    assert caught.type.__name__ == kind
