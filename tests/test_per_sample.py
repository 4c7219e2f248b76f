"""Gradients of single samples from one backward: equal to vmap(grad(functional_call))."""

import pytest

import tidu as torch
from tidu import nn
from tidu.func import functional_call, grad, per_sample, vmap

F = nn.functional
D = torch.float64
B = 5


class Words(nn.Module):
    """Token embedding, a body, a mean over time, scores."""

    def __init__(self, body):
        super().__init__()
        self.embedding, self.body, self.scores = nn.Embedding(7, 4), body, nn.Linear(4, 3)

    def forward(self, tokens):
        h = self.body(self.embedding(tokens))
        return self.scores((h[0] if isinstance(h, tuple) else h).mean(1))


class ClassToken(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.places = (
            nn.Parameter(torch.randn(1, 1, 4)),
            nn.Parameter(torch.randn(7, 4)),
        )
        self.embedding, self.scores = nn.Embedding(7, 4), nn.Linear(4, 3)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, tokens):
        first = self.token.expand(tokens.shape[0], -1, -1)
        h = torch.cat([first, self.embedding(tokens)], 1) + self.places
        return self.scores((h * self.scale).tanh()[:, 0])


class Tied(nn.Module):
    """The same weight at both ends."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)

    def forward(self, tokens):
        return F.linear(self.embedding(tokens), self.embedding.weight * 2)


class WeightNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.g = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.rand(3, 1))

    def forward(self, x):
        return x @ (self.g * self.w / self.w.norm(dim=1, keepdim=True)).T


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        h = self.first(x)
        h = F.relu(h, inplace=True)
        h = h * (torch.arange(6, dtype=D) > 1)
        return self.second(h + 0.1)


def conv_net():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, groups=2, bias=False), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


def transposed():
    return nn.Sequential(nn.ConvTranspose2d(2, 3, 2, stride=2), nn.InstanceNorm2d(3, affine=True),
                         nn.Flatten(), nn.Linear(768, 3))  # fmt: skip


def rows():
    return torch.randn(B, 4, dtype=D)


def images():
    return torch.randn(B, 2, 8, 8, dtype=D)


def tokens():
    return torch.randint(0, 7, (B, 6))


def classes():
    return torch.randint(0, 3, (B,))


def summed(out, y):
    return F.cross_entropy(out, y, reduction="sum")


def language(out, y):
    return F.cross_entropy(out.reshape(-1, 7), y.reshape(-1))


def by_hand(out, y):
    return -(F.log_softmax(out, 1) * F.one_hot(y, 3)).sum(1).mean()


def encoder():
    return nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), rows),
    "layer norm": (lambda: nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GELU(),
                                         nn.Linear(6, 3)), rows),
    "conv": (conv_net, images),
    "transposed conv": (transposed, images),
    "embedding": (lambda: Words(nn.Identity()), tokens),
    "lstm": (lambda: Words(nn.LSTM(4, 4, batch_first=True)), tokens),
    "gru": (lambda: Words(nn.GRU(4, 4, batch_first=True)), tokens),
    "attention": (lambda: Words(encoder()), tokens),
    "class token": (ClassToken, tokens),
    "weight norm": (WeightNorm, rows),
    "in place": (InPlace, rows),
    "batch norm in eval": (lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6),
                                                 nn.Linear(6, 3)).eval(), rows),
}  # fmt: skip


def compare(model, x, y, loss_of, kind="mean", **options):
    with per_sample(**options):
        loss_of(model(x), y).backward()

    def one(parameters, x, y):
        return loss_of(functional_call(model, parameters, (x[None],)), y[None])

    weights = {n: p.detach() for n, p in model.named_parameters()}
    expected = vmap(grad(one), in_dims=(None, 0, 0))(weights, x, y)
    for name, p in model.named_parameters():
        found = p.grad_sample
        assert found.shape == (B, *p.shape) and found.dtype == p.dtype
        torch.testing.assert_close(found, expected[name], rtol=1e-9, atol=1e-11)
        total = found.mean(0) if kind == "mean" else found.sum(0)
        torch.testing.assert_close(total, p.grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["mean", "sum", "by hand"])
def test_models(name, kind):
    torch.manual_seed(0)
    build, inputs = MODELS[name]
    loss_of = {"mean": F.cross_entropy, "sum": summed, "by hand": by_hand}[kind]
    compare(build().double(), inputs(), classes(), loss_of, "sum" if kind == "sum" else "mean")


def test_tied_weights_and_tokens_as_samples_of_a_sample():
    torch.manual_seed(0)
    x = tokens()
    compare(Tied().double(), x, x, language)


def test_regression_and_single_precision():
    torch.manual_seed(0)
    compare(nn.Linear(4, 3).double(), rows(), torch.randn(B, 3, dtype=D), F.mse_loss)
    model = nn.Linear(4, 3)
    with per_sample():
        F.mse_loss(model(torch.randn(B, 4)), torch.randn(B, 3)).backward()
    assert model.weight.grad_sample.dtype == torch.float32


def test_penalty_on_the_weights_counts_for_each_sample():
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()

    def loss_of(out, y):
        return F.cross_entropy(out, y) + 0.1 * (model.weight**2).sum()

    x, y = rows(), classes()
    with per_sample():
        loss_of(model(x), y).backward()
    alone = [torch.autograd.grad(loss_of(model(x[i : i + 1]), y[i : i + 1]), model.weight)[0]
             for i in range(B)]  # fmt: skip
    torch.testing.assert_close(model.weight.grad_sample, torch.stack(alone))
    torch.testing.assert_close(model.weight.grad_sample.mean(0), model.weight.grad)


def test_frozen_and_unused_parameters_and_repeated_steps():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    model[0].weight.requires_grad_(False)
    unused = nn.Parameter(torch.ones(2))
    with per_sample():
        for _ in range(3):
            model.zero_grad()
            F.cross_entropy(model(rows()), classes()).backward()
            assert model[2].weight.grad_sample.shape == (B, 3, 6)
            torch.testing.assert_close(model[0].bias.grad_sample.mean(0), model[0].bias.grad)
    assert not hasattr(model[0].weight, "grad_sample") and not hasattr(unused, "grad_sample")


def test_private_training_step():
    """Clipped per-sample gradients: the use this is made for."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with per_sample():
        F.cross_entropy(model(torch.randn(B, 4)), classes()).backward()
    norms = torch.stack([p.grad_sample.flatten(1).norm(dim=1) for p in model.parameters()])
    scale = (0.5 / norms.norm(dim=0)).clamp(max=1.0)
    for p in model.parameters():
        p.grad = torch.einsum("b,b...->...", scale, p.grad_sample) / B
    optimizer.step()
    assert all(p.grad.norm() <= 0.5 for p in model.parameters())


# --- what has no gradient for each sample ---------------------------------------------------------


def test_batch_norm_in_training_is_refused():
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6)).double()
    with pytest.raises(RuntimeError) as caught, per_sample():
        model(rows()).sum().backward()
    text = str(caught.value)
    assert "samples mix in batch normalisation" in text and "test_per_sample.py" in text
    assert "GroupNorm or LayerNorm" in text


def centred(h):
    return h - h.mean(0)


def contrastive(h):
    return h @ h.T


def first(h):
    return h[0]


def ordered(h):
    return h.flip(0) * h


@pytest.mark.parametrize("function", [centred, contrastive, first, ordered])
def test_samples_that_meet_are_refused(function):
    layer = nn.Linear(4, 3).double()
    with pytest.raises(RuntimeError, match="samples mix in"), per_sample():
        function(layer(rows())).sum().backward()


def test_a_loss_reduced_in_two_ways_must_say_how():
    layer, x = nn.Linear(4, 3).double(), rows()
    with pytest.raises(RuntimeError, match="summed over the samples in one place"), per_sample():
        (layer(x).sum() + layer(x).mean()).backward()
    with per_sample(reduction="sum"):
        (layer(x).sum() + layer(x).mean()).backward()
    assert layer.weight.grad_sample.shape == (B, 3, 4)


def test_what_the_loss_does_not_use_may_mix():
    torch.manual_seed(0)
    model, x, y = nn.Linear(4, 3).double(), rows(), classes()
    with per_sample():
        out = model(x)
        spread = (out - out.mean(0)).pow(2).mean()  # a number to print
        with torch.no_grad():
            centred(out).std()
        F.cross_entropy(out, y).backward()
    assert spread.item() > 0
    torch.testing.assert_close(model.weight.grad_sample.mean(0), model.weight.grad)


def test_batches_of_several_sizes_and_losses_before_their_backward():
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    with per_sample():
        for size in (5, 5, 2):  # the last batch of an epoch is smaller
            F.cross_entropy(model(torch.randn(size, 4, dtype=D)), classes()[:size]).backward()
            assert model.weight.grad_sample.shape == (size, 3, 4)
        first = F.cross_entropy(model(rows()), classes())
        second = model(rows()).sum()
        second.backward()
        model.zero_grad()
        first.backward(retain_graph=True)
        torch.testing.assert_close(model.weight.grad_sample.mean(0), model.weight.grad)
        kept = model.weight.grad_sample
        first.backward()
        torch.testing.assert_close(model.weight.grad_sample, kept)


def test_sequences_with_time_first():
    torch.manual_seed(0)
    embedding, lstm, scores = nn.Embedding(7, 4), nn.LSTM(4, 4), nn.Linear(4, 3)
    model = nn.ModuleList([embedding, lstm, scores]).double()

    def run(words):
        return scores(lstm(embedding(words))[0].mean(0))

    words, y = torch.randint(0, 7, (6, B)), classes()
    with per_sample(batch_size=B, dim=1):
        F.cross_entropy(run(words), y).backward()
    for name, p in model.named_parameters():
        alone = [torch.autograd.grad(F.cross_entropy(run(words[:, i : i + 1]), y[i : i + 1]), p)[0]
                 for i in range(B)]  # fmt: skip
        torch.testing.assert_close(p.grad_sample, torch.stack(alone), msg=lambda m, n=name: n + m)


def test_options():
    with pytest.raises(ValueError, match="'mean', 'sum' or 'auto'"):
        per_sample(reduction="median")
    layer, x = nn.Linear(4, 3).double(), torch.randn(B * 2, 4, dtype=D)
    with per_sample(batch_size=B):
        layer(x).reshape(B, 2, 3).mean().backward()
    assert layer.weight.grad_sample.shape == (B, 3, 4)
    torch.testing.assert_close(layer.weight.grad_sample.mean(0), layer.weight.grad)


def test_nothing_is_left_behind():
    from tidu.core.modes import STATE

    layer = nn.Linear(4, 3)
    with pytest.raises(KeyError), per_sample():
        layer(torch.randn(B, 4))
        raise KeyError
    assert not STATE.listeners
    layer(torch.randn(B, 4)).sum().backward()
    assert not hasattr(layer.weight, "grad_sample")
