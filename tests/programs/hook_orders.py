"""Networks whose hooks write down when they are called: `order(torch, name, kinds)`.

`kinds`: "h" hooks of parameters, "p" hooks after accumulation, "m" hooks of modules.
"""

import warnings


def order(torch, name, kinds, wrap=None):
    """The calls of all hooks in one backward pass; `wrap` is what to do with the step first."""
    torch.manual_seed(0)
    said = []
    module, forward = NETWORKS[name](torch)
    _watch_parameters(module, kinds, said)
    if "m" in kinds:
        _watch_modules(module, said)

    def step():
        result = forward()
        if result.grad_fn is not None:
            result.register_hook(lambda g: said.append("result"))
        result.sum().backward()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (step if wrap is None else wrap(step))()
    return said


def _watch_parameters(module, kinds, said):
    for name, p in module.named_parameters():
        if "h" in kinds:
            p.register_hook(lambda g, name=name: said.append(f"hook of {name}"))
        if "p" in kinds:
            after = p.register_post_accumulate_grad_hook
            after(lambda t, name=name: said.append(f"after {name}"))


def _watch_modules(module, said):
    for name, part in module.named_modules():
        part.register_full_backward_pre_hook(
            lambda m, go, name=name: said.append(f"before module {name}")
        )
        part.register_full_backward_hook(lambda m, gi, go, name=name: said.append(f"module {name}"))


def _layers(make, *sizes, call=lambda module, *inputs: module(*inputs)):
    """A network of layers on inputs of these sizes, which are leaves."""

    def network(torch):
        module = make(torch.nn)
        inputs = [torch.randn(size, requires_grad=True) for size in sizes]
        return module, lambda: call(module, *inputs)

    return network


def _function(sizes, function):
    """A module whose parameters are the arguments of a function."""

    def network(torch):
        class Function(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.p = torch.nn.ParameterList([torch.randn(size) for size in sizes])

            def forward(self, unused):
                return function(torch, *self.p)

        module = Function()
        return module, lambda: module(torch.ones(1))

    return network


def _residual(torch):
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 2)
            self.scale, self.shift = nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4))

        def forward(self, x):
            u, v = self.a(x), torch.relu(self.b(x))
            return self.c(torch.cat([(x + u * v) * self.scale + self.shift, u], 1))

    module = Residual()
    return module, lambda: module(torch.randn(3, 4)).pow(2).mean()


def _tied(torch):
    nn = torch.nn

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.middle, self.out = nn.Embedding(7, 4), nn.Linear(4, 4), nn.Linear(4, 7)
            self.out.weight = self.embed.weight

        def forward(self, x):
            return self.out(self.middle(self.embed(x)))

    module = Tied()
    return module, lambda: module(torch.tensor([1, 2, 3]))


NETWORKS = {
    "perceptron": _layers(
        lambda nn: nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.Linear(5, 2)),
        (3, 4),
    ),
    "linear on a vector": _layers(lambda nn: nn.Linear(4, 5), (4,)),
    "linear on sequences": _layers(lambda nn: nn.Linear(4, 5), (2, 3, 4)),
    "linear without bias": _layers(lambda nn: nn.Linear(4, 5, bias=False), (2, 4)),
    "convolutions": _layers(
        lambda nn: nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
                                 nn.Flatten(), nn.Linear(27, 4)),
        (2, 1, 8, 8),
    ),
    "normalizations": _layers(
        lambda nn: nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.GroupNorm(2, 4), nn.PReLU()),
        (3, 4),
    ),
    "recurrent": _layers(lambda nn: nn.LSTM(3, 4), (5, 2, 3), call=lambda m, x: m(x)[0]),
    "two layers both ways": _layers(
        lambda nn: nn.LSTM(3, 4, num_layers=2, bidirectional=True), (5, 2, 3),
        call=lambda m, x: m(x)[0],
    ),
    "cell": _layers(lambda nn: nn.GRUCell(3, 4), (2, 3)),
    "attention": _layers(
        lambda nn: nn.MultiheadAttention(4, 2, batch_first=True), (2, 3, 4),
        call=lambda m, x: m(x, x, x)[0],
    ),
    "transformer": _layers(
        lambda nn: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), (2, 3, 4)
    ),
    "bilinear": _layers(lambda nn: nn.Bilinear(3, 4, 2), (2, 3), (2, 4)),
    "residual": _residual,
    "tied": _tied,
    "product": _function([(2, 3), (3,)], lambda torch, a, b: a * b),
    "five at once": _function([(2,)] * 5, lambda torch, *p: torch.stack(p)),
    "seven at once": _function([(2,)] * 7, lambda torch, *p: torch.cat(p)),
    "beside steps": _function(
        [(2,)] * 6,
        lambda torch, a, b, c, d, e, f: torch.cat([a, b.exp(), c, d, (e * f).sin(), f]),
    ),
    "nine": _function(
        [(2,)] * 9,
        lambda torch, a, b, c, d, e, f, g, h, i: torch.cat(
            [a * b, c + d, e * f.exp(), torch.cat([g, h, i])]
        ) * torch.cat([i, h, g, a, b, c]),
    ),
    "used again": _function(
        [(2,)] * 4, lambda torch, a, b, c, d: ((a * b + c) * d + a).exp() * b
    ),
    "compositions": _function(
        [(2,)] * 3, lambda torch, a, b, c: torch.lerp(a, b, c) @ torch.addcmul(a, b, c)
    ),
    "norm": _function(
        [(3, 2), (2,), (2,)],
        lambda torch, a, b, c: torch.nn.functional.batch_norm(a, None, None, b, c, True),
    ),
    "transposed": _function([(2, 3), (4, 3)], lambda torch, a, b: a @ b.t()),
}  # fmt: skip
