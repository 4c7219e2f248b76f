"""`per_sample` on the layers of torch.nn and on expressions of the program's own, one by one."""

import pytest

import tidu as torch
from tidu import nn
from tidu.func import per_sample

F = nn.functional
D = torch.float64
B = 4


def data(*shape):
    return torch.randn(B, *shape, dtype=D)


class Written(nn.Module):
    """A module whose forward is the function given, called with its parameters as attributes."""

    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.run = forward

    def forward(self, *inputs):
        return self.run(self, *inputs)


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape))


def joined(m, x):
    a = m.layer(x)
    b = torch.stack([a, a * 2], 1)
    c = torch.cat([b, b.flip(1)], 2)
    return torch.cumsum(c, 1).transpose(1, 2).reshape(x.shape[0], -1)


def into_zeros(m, x):
    h = torch.zeros(x.shape[0], 6, dtype=D)
    h[:, :3] = m.layer(x)
    h[:, 3:] = m.layer(x) * 2
    return h


def masked(m, x):
    a = m.layer(x).masked_fill(x > 0, 0.5)
    return a.softmax(1).log().gather(1, torch.zeros(x.shape[0], 1, dtype=torch.int64))


def resized(m, x):
    h = m.back(F.pad(m.there(x), (1, 1, 1, 1)))
    return F.interpolate(h, scale_factor=2.0, mode="bilinear")


def pieces(m, x):
    h = torch.where(x > 0, m.a * x, x + m.b).clamp(min=-1)
    return h * torch.sigmoid(m.b)[None]


def time_first(m, x):
    return m.layer(x.transpose(0, 1)).mean(0)


def attention(m, x):
    return m.layer(x, x, x)[0]


def square(m, *inputs):
    out = m(*inputs)
    out = out[0] if isinstance(out, tuple) else out
    return (out**2).mean()


CASES = {
    "bilinear": (lambda: nn.Bilinear(3, 4, 5), lambda: (data(3), data(4))),
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(3, 4, 3, stride=2, dilation=2, padding=1),
                                     nn.PReLU(4), nn.AdaptiveAvgPool1d(2)), lambda: (data(3, 11),)),
    "conv3d": (lambda: nn.Conv3d(1, 2, 2), lambda: (data(1, 4, 4, 4),)),
    "adaptive max pool": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(),
                                                nn.AdaptiveMaxPool2d(2), nn.Flatten(),
                                                nn.Linear(16, 2)), lambda: (data(1, 8, 8),)),
    "prelu": (lambda: nn.PReLU(), lambda: (data(3, 5),)),
    "rms norm": (lambda: nn.RMSNorm(6), lambda: (data(5, 6),)),
    "attention with weights": (
        lambda: Written(attention, layer=nn.MultiheadAttention(8, 2, batch_first=True)),
        lambda: (data(5, 8),)),
    "decoder": (lambda: nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
                lambda: (data(3, 8), data(5, 8))),
    "padding": (lambda: nn.Embedding(7, 3, padding_idx=0), lambda: (torch.randint(0, 7, (B, 5)),)),
    "rnn of two directions": (lambda: nn.RNN(3, 4, 2, batch_first=True, bidirectional=True),
                              lambda: (data(5, 3),)),
    "lstm with projection": (lambda: nn.LSTM(3, 4, proj_size=2, batch_first=True),
                             lambda: (data(5, 3),)),
    "einsum": (lambda: Written(lambda m, x: torch.einsum("bi,ijk,bj->bk", x[:, :3], m.w, x[:, 3:]),
                               w=parameter(3, 4, 5)), lambda: (data(7),)),
    "pieces": (lambda: Written(pieces, a=parameter(), b=parameter(6)), lambda: (data(6),)),
    "resized": (lambda: Written(resized, there=nn.Conv2d(1, 2, 3),
                                back=nn.ConvTranspose2d(2, 1, 2, stride=2)),
                lambda: (data(1, 6, 6),)),
    "joined": (lambda: Written(joined, layer=nn.Linear(3, 3)), lambda: (data(3),)),
    "masked": (lambda: Written(masked, layer=nn.Linear(3, 3)), lambda: (data(3),)),
    "into zeros": (lambda: Written(into_zeros, layer=nn.Linear(3, 3)), lambda: (data(3),)),
    "time first": (lambda: Written(time_first, layer=nn.Linear(3, 3)), lambda: (data(5, 3),)),
}  # fmt: skip
LOSSES = {
    "bce": lambda m, x, y: F.binary_cross_entropy_with_logits(m(x), y.sigmoid()),
    "smooth l1": lambda m, x, y: F.smooth_l1_loss(m(x), y),
    "picked": lambda m, x, y: -m(x).log_softmax(1)[torch.arange(len(y)), y.argmax(1)].mean(),
    "l2": lambda m, x, y: ((m(x) - y) ** 2).sum(1).sqrt().mean(),
}


def check(model, inputs, loss_of):
    with per_sample():
        loss_of(model, *inputs).backward()
    for name, p in model.named_parameters():
        if p.grad is None:
            continue
        alone = [torch.autograd.grad(loss_of(model, *[x[i : i + 1] for x in inputs]), p)[0]
                 for i in range(B)]  # fmt: skip
        torch.testing.assert_close(p.grad_sample, torch.stack(alone), rtol=1e-9, atol=1e-11,
                                   msg=lambda m, n=name: f"{n}: {m}")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_layers(name):
    torch.manual_seed(0)
    build, inputs = CASES[name]
    check(build().double(), inputs(), square)


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    torch.manual_seed(0)
    check(nn.Linear(3, 2).double(), (data(3), data(2)), LOSSES[name])


def test_dropout_draws_once():
    """The operations are done again in backward, the random draw is not."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2)).double()
    with per_sample():
        square(model, data(3)).backward()
    for p in model.parameters():
        torch.testing.assert_close(p.grad_sample.mean(0), p.grad)
