"""Random networks of images, signals, sequences and rows, of sizes at which products, convolutions
and pooling have code of their own; run, trained and differentiated in one of several ways.

A layer is built on what the layers before it gave, so any may follow any.
"""

import numpy as np

import tidu as torch
from tidu.utils.checkpoint import checkpoint

nn, F = torch.nn, torch.nn.functional

ACTIVATIONS = (F.relu, F.gelu, F.silu, torch.tanh, F.elu, F.softplus, torch.sigmoid, F.hardswish,
               lambda x: F.leaky_relu(x, 0.1), lambda x: F.gelu(x, approximate="tanh"), F.relu6,
               torch.square, torch.sin, lambda x: x.clamp(-0.5, 0.8),
               lambda x: x * x.sigmoid())  # fmt: skip
WAYS = ("outside", "outside", "outside", "step", "step", "step", "again", "grad", "around", "jvp",
        "samples", "checkpoint")  # fmt: skip


class Applied(nn.Module):
    """A function of one tensor as a layer, with the parameters it takes."""

    def __init__(self, function, *parameters):
        super().__init__()
        self.function, self.given = function, nn.ParameterList(parameters)

    def forward(self, x):
        return self.function(x, *self.given)


class Around(nn.Module):
    """What a layer gives, joined with what it was given."""

    def __init__(self, inner, join):
        super().__init__()
        self.inner, self.join = inner, join

    def forward(self, x):
        return self.join(x, self.inner(x))


def _convolution(random, x):
    """One of the kinds that networks are made of, most often 3x3 with padding."""
    n, channels = x.ndim - 2, x.shape[1]
    near = random.randint(2)
    kernel = 3 if near else int(random.choice([1, 2, 3, 4, 5]))
    dilation = 1 if near or random.randint(4) else 2
    padding = 1 if near else int(random.randint(kernel // 2 + 2))
    shortest = min(x.shape[2:])
    if dilation * (kernel - 1) + 1 > shortest + 2 * padding:
        kernel, dilation, padding = 1, 1, 0
    common = [k for k in (2, 3, channels) if channels % k == 0]
    groups = int(random.choice(common)) if common and random.randint(4) == 0 else 1
    out = groups * random.randint(1, 5) if groups > 1 else int(random.choice([1, 3, 4, 8, 12, 16]))
    stride = 2 if random.randint(4) == 0 else 1
    # Reflections are shorter than what they are of.
    modes = ("zeros", "zeros", "circular", "replicate") if padding < shortest else ("zeros",)
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[n - 1]
    if random.randint(6) == 0 and padding <= dilation * (kernel - 1):
        kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[n - 1]
        return kind(channels, out, kernel, stride, padding, stride - 1, groups, dilation=dilation)
    mode, biased = modes[random.randint(len(modes))], random.randint(4) > 0
    return kind(channels, out, kernel, stride, padding, dilation, groups, biased, mode)


def _pooling(random, x):
    n, shortest = x.ndim - 2, min(x.shape[2:])
    kernel = min(int(random.randint(2, 4)), shortest)
    stride, padding, ceil = int(random.randint(1, 4)), int(random.randint(2)), random.randint(2) > 0
    padding = padding if padding <= kernel // 2 else 0
    kind = random.randint(8)
    if kind < 4:
        pool = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[n - 1]
        return pool(kernel, stride, padding, ceil_mode=ceil)
    if kind < 6:
        pool = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[n - 1]
        return pool(kernel, stride, padding, ceil, bool(random.randint(2)))
    means = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
    most = (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
    return (means, most)[kind - 6][n - 1](int(random.randint(1, 4)))


def _norm(random, x):
    channels, n, kind = x.shape[1], x.ndim - 2, random.randint(4)
    if kind < 2:
        return (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[n](channels)
    if kind == 2:
        return nn.GroupNorm(2 if channels % 2 == 0 else 1, channels)
    return nn.LayerNorm(x.shape[1:])


def _moved(random, x):
    """Layers without weights over the places of images."""
    n = x.ndim - 2
    options = [
        lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
        lambda x: F.pad(x, [1] * (2 * n)), lambda x: x.flip(-1), lambda x: x.roll(1, -1),
        lambda x: F.interpolate(x, size=[4] * n, mode=("linear", "bilinear", "trilinear")[n - 1]),
        lambda x: x[..., 1:] if x.shape[-1] > 3 else x, lambda x: x - x.mean(-1, keepdim=True),
        lambda x: torch.cat([x, x.sin()], 1), lambda x: F.dropout(x, 0.2), lambda x: x.mT,
        lambda x: x.contiguous(memory_format=torch.channels_last) * 2 if n == 2 else x * 2,
        lambda x: F.softmax(x, 1), lambda x: F.normalize(x, dim=1), lambda x: x[:, ::2],
    ]  # fmt: skip
    return Applied(options[random.randint(len(options))])


def _rows(random, x):
    """Layers over the last axis."""
    width, kind = x.shape[-1], random.randint(9)
    wide = int(random.choice([1, 5, 16, 33, 48, 64]))
    if kind < 4:
        return nn.Linear(width, wide, bias=bool(random.randint(4)))
    if kind == 4:
        return nn.LayerNorm(width) if random.randint(2) else nn.RMSNorm(width, eps=1e-5)
    if kind == 5:
        up, down = nn.Linear(width, 2 * wide), nn.Linear(wide, width)
        return nn.Sequential(up, nn.GLU(), down)
    if kind == 6:
        return nn.PReLU(1)
    if kind == 7:
        return nn.Sequential(nn.Linear(width, wide), nn.Dropout(0.2), nn.GELU())
    weight = nn.Parameter(nn.Linear(width, wide).weight.detach())
    return Applied(lambda x, w: F.linear(torch.tanh(F.linear(x, w)), w.mT), weight)  # one, twice


class Attention(nn.Module):
    def __init__(self, width, heads, causal, drop):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.causal, self.drop = heads, causal, drop

    def forward(self, x):
        q, k, v = self.inner(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        drop = self.drop if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal, dropout_p=drop)
        return self.outer(y.transpose(1, 2).flatten(2))


class Recurrent(nn.Module):
    def __init__(self, kind, width, wide, **options):
        super().__init__()
        self.inner = kind(width, wide, batch_first=True, **options)

    def forward(self, x):
        return self.inner(x)[0]


def _sequence(random, x):
    width, kind = x.shape[-1], random.randint(8)
    if kind < 3:
        heads = next(h for h in (4, 3, 2, 1) if width % h == 0)
        inner = Attention(width, heads, random.randint(2) > 0, 0.1 * random.randint(2))
        return Around(inner, torch.add)
    if kind == 3:
        cell = (nn.LSTM, nn.GRU, nn.RNN)[random.randint(3)]
        more = {"bidirectional": True} if random.randint(3) == 0 else {}
        return Recurrent(cell, width, int(random.choice([3, 8, 16])), **more)
    if kind == 4 and width % 2 == 0:
        drop, first = 0.1 * random.randint(2), random.randint(2) > 0
        return nn.TransformerEncoderLayer(
            width, 2, 2 * width, drop, batch_first=True, norm_first=first
        )
    if kind == 5:
        return Applied(
            lambda x: x.cumsum(1) / (1 + torch.arange(x.shape[1], dtype=x.dtype))[:, None]
        )
    return _rows(random, x)


class Network:
    """``Network(seed).results(compiled)``: what calls give, gradients, parameters and buffers."""

    kind = "networks"

    def __init__(self, seed):
        self.seed = seed
        random = np.random.RandomState(seed)
        self.double = random.randint(2) > 0
        self.unit = 2.2e-16 * 50 if self.double else 1.2e-7 * 5
        self.dtype = torch.float64 if self.double else torch.float32
        self.way = WAYS[random.randint(len(WAYS))]
        self.form = ("images", "images", "images", "signals", "volumes", "sequences", "sequences",
                     "rows", "words")[random.randint(9)]  # fmt: skip
        self.batch = int(random.randint(1, 6))
        self.shape = self._shape(random)
        self.depth = int(random.randint(1, 7))
        self.dynamic = (None, None, True)[random.randint(3)]
        self.train, self.lies = random.randint(5) > 0, random.randint(4)

    def _shape(self, random):
        def of(low, high):
            return int(random.randint(low, high))

        channels = int(random.choice([1, 2, 3, 4, 8, 16]))
        return {
            "images": (channels, of(4, 17), of(4, 17)), "signals": (channels, of(6, 40)),
            "volumes": (min(channels, 3), of(3, 7), of(3, 7), of(3, 7)), "rows": (of(2, 70),),
            "sequences": (of(2, 20), int(random.choice([4, 6, 16, 24]))), "words": (of(2, 20),),
        }[self.form]  # fmt: skip

    def given(self, n, random, nudge):
        if self.form == "words":
            return torch.tensor(random.randint(0, 11, (n, *self.shape)))
        array = random.standard_normal((n, *self.shape)) * (1 + nudge)
        x = torch.tensor(array, dtype=self.dtype)
        if self.lies == 0 and x.ndim == 4:
            return x.contiguous(memory_format=torch.channels_last)
        return x.mT.contiguous().mT if self.lies == 1 and x.ndim > 2 else x

    def module(self):
        """The network, built on what the layers give for an example in eager mode."""
        random = np.random.RandomState(self.seed + 1)
        torch.manual_seed(self.seed % 1000)
        layers, x = [], self.given(3, random, 0.0)
        if self.form == "words":
            layers.append(nn.Embedding(11, int(random.choice([4, 8, 16])), dtype=self.dtype))
            x = layers[-1](x)
        self.spatial = self.form in ("images", "signals", "volumes")
        while len(layers) < self.depth:
            layer = self._layer(random, x).to(self.dtype)
            y = self.called(layer, x)
            if 0 < y.numel() < 20000 and y.ndim == x.ndim:
                layers.append(layer)
                x = y
        return nn.Sequential(*layers)

    @staticmethod
    def called(layer, x):
        with torch.no_grad():
            return layer(x)

    def _layer(self, random, x):
        kind = random.randint(12)
        if kind < 3:
            return Applied(ACTIVATIONS[random.randint(len(ACTIVATIONS))])
        if not self.spatial:
            return _sequence(random, x) if x.ndim == 3 else _rows(random, x)
        if kind < 7:
            layer = _convolution(random, x)
            then = ACTIVATIONS[random.randint(len(ACTIVATIONS))]
            return nn.Sequential(layer, Applied(then)) if random.randint(2) else layer
        if kind < 9:
            return _pooling(random, x) if random.randint(2) else nn.Sequential(
                nn.ReLU(), _pooling(random, x))  # fmt: skip
        if kind == 9:
            return _norm(random, x)
        if kind == 10:
            channels, n = x.shape[1], x.ndim - 2
            same = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[n - 1](channels, channels, 3, padding=1)
            inner = nn.Sequential(same, Applied(F.relu)) if random.randint(2) else same
            joins = torch.add, torch.mul, lambda a, b: torch.cat([a, b], 1)
            return Around(inner, joins[random.randint(3)])
        return _moved(random, x)

    @staticmethod
    def loss(out):
        weights = torch.arange(out.numel(), dtype=out.dtype).reshape(out.shape).cos()
        return (out * weights).tanh().mean() + out.square().mean() * 0.1

    def results(self, compiled, nudge=0.0):
        model = self.module().train(self.train)
        if self.way == "checkpoint":  # compiled code does not count a batch a second time
            for m in model.modules():
                if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
                    m.eval()
        off = np.random.RandomState(self.seed + 2)
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(torch.tensor(1 + nudge * off.standard_normal(tuple(p.shape)), dtype=p.dtype))
        random, found = np.random.RandomState(self.seed + 3), []
        torch.manual_seed(self.seed % 999)
        run = self.run(model, compiled)
        for n in (self.batch, self.batch, self.batch + 2):
            found += run(self.given(n, random, nudge))
        found += [*model.parameters(), *model.buffers()]
        found += [torch.zeros(1) if p.grad is None else p.grad for p in model.parameters()]
        return [*[t.detach().clone().numpy() for t in found], torch.rand(2).numpy()]

    def run(self, model, compiled):
        """x -> what is compared, with what is compiled in the place the way says."""

        def made(function):
            return torch.compile(function, dynamic=self.dynamic) if compiled else function

        way = self.way if list(model.parameters()) else "outside"
        if way == "outside" or way == "checkpoint":
            body = model if way == "outside" else lambda x: _through(model, x)
            forward = made(body)
            return lambda x: self.outside(forward, x)
        if way == "step":
            return made(lambda x: self.step(model, x))
        if way == "again":
            return made(lambda x: self.again(model, x))
        return self.function(model, made)

    def outside(self, forward, x):
        x = x.requires_grad_() if x.is_floating_point() else x
        out = forward(x)
        total = self.loss(out)
        if total.requires_grad:
            total.backward()
        return [out, x] if x.grad is None else [out, x.grad]

    def step(self, model, x):
        for p in model.parameters():
            p.grad = None
        out = model(x)
        total = self.loss(out)
        if total.requires_grad:
            total.backward()
        with torch.no_grad():
            for p in model.parameters():
                if p.grad is not None:
                    p.sub_(p.grad, alpha=0.05)
        return [total.detach(), out.detach()]

    def again(self, model, x):
        """A gradient that is differentiated."""
        leaves = list(model.parameters())
        x = x.clone().requires_grad_() if x.is_floating_point() else x
        inputs = [x] if x.is_floating_point() else leaves[:1]
        total = self.loss(model(x))
        if not total.requires_grad:
            return [total]
        first = torch.autograd.grad(total, inputs, create_graph=True, allow_unused=True)
        punished = sum((g.square().sum() for g in first if g is not None), total)
        punished.backward()
        return [punished.detach(), *[g.detach() for g in first if g is not None]]

    def function(self, model, made):
        """Transforms of the network as a function of its parameters; its buffers stay."""
        model.eval()
        state = {k: v.detach().clone() for k, v in model.named_parameters()}
        rest = dict(model.named_buffers())

        def total(state, x):
            return self.loss(torch.func.functional_call(model, {**state, **rest}, (x,)))

        def sample(state, x):
            return total(state, x[None])

        if self.way == "grad":
            run = made(torch.func.grad_and_value(total))
        elif self.way == "samples":
            run = made(torch.func.vmap(torch.func.grad(sample), in_dims=(None, 0)))
        elif self.way == "around":
            run = torch.func.grad(made(total))
        else:
            run = made(lambda s, x: torch.func.jvp(lambda s: total(s, x), (s,), (_turned(s),)))
        return lambda x: [t.detach() for t in torch.utils._pytree.tree_leaves(run(state, x))]


def _turned(state):
    return {k: v.flip(0) * 0.5 if v.ndim else v for k, v in state.items()}


def _through(model, x):
    for layer in model:
        x = checkpoint(layer, x, use_reentrant=False)
    return x
