"""Random whole steps: a module, a loss, `backward()` and an optimizer, over several calls.

Between the calls what a user changes is changed: learning rates and momentum, train and eval, the
size of the batch, which parameters are frozen, the state that was loaded.
"""

import numpy as np

import tidu as torch

nn, F, optim = torch.nn, torch.nn.functional, torch.optim

ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid, nn.SiLU, nn.ELU, nn.Softplus, nn.Hardtanh)
OPTIMIZERS = (
    (optim.SGD, 0.05), (optim.Adam, 0.01), (optim.AdamW, 0.01),
    (optim.SGD, 0.05, {"momentum": 0.9}),
    (optim.SGD, 0.02, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    (optim.SGD, 0.02, {"momentum": 0.5, "dampening": 0.1}), (optim.Adagrad, 0.05),
    (optim.Adam, 0.01, {"betas": (0.8, 0.95), "amsgrad": True}), (optim.RMSprop, 0.01),
    (optim.RMSprop, 0.01, {"momentum": 0.5, "centered": True}), (optim.Adadelta, 0.5),
    (optim.Adamax, 0.01), (optim.ASGD, 0.02), (optim.NAdam, 0.01), (optim.RAdam, 0.01),
    (optim.Rprop, 0.01), (optim.Adam, 0.01, {"maximize": True, "weight_decay": 0.1}),
)  # fmt: skip
SCHEDULES = (
    None, None, lambda o: optim.lr_scheduler.StepLR(o, 2, 0.5),
    lambda o: optim.lr_scheduler.ExponentialLR(o, 0.8),
    lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 5),
    lambda o: optim.lr_scheduler.OneCycleLR(o, 0.1, 10),
    lambda o: optim.lr_scheduler.LambdaLR(o, lambda n: 1 / (n + 1)),
)  # fmt: skip


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner, self.scale = nn.Linear(width, width), nn.Parameter(torch.full((width,), 0.5))

    def forward(self, x):
        return x + self.scale * F.gelu(self.inner(x))


class Recurrent(nn.Module):
    def __init__(self, width, kind):
        super().__init__()
        self.cell = kind(2, width, batch_first=True)

    def forward(self, x):
        return self.cell(x[:, : x.shape[1] // 2 * 2].reshape(len(x), -1, 2))[0][:, -1]


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.MultiheadAttention(width, 2, dropout=0.1, batch_first=True)

    def forward(self, x):
        x = torch.stack([x, x.tanh(), x * 0.5], 1)
        return self.inner(x, x, x, need_weights=False)[0].mean(1)


class Counting(nn.Module):
    """Writes into its buffers."""

    def __init__(self, width):
        super().__init__()
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("average", torch.zeros(width))

    def forward(self, x):
        if self.training:
            self.seen += len(x)
            self.average.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)
        return x - self.average


class Tied(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.one, self.two = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(self.one(x).tanh())


class Image(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2)
        self.out = nn.Linear(2, width)

    def forward(self, x):
        x = self.norm(self.conv(x[:, None, None, :].expand(-1, 1, 3, -1)))
        return self.out(F.adaptive_avg_pool2d(F.max_pool2d(F.relu(x), 2, 1), 1).flatten(1))


class Training:
    """``Training(seed).results(compiled)``: losses, then all that the steps have changed."""

    kind, unit = "training", 1.2e-7

    def __init__(self, seed):
        self.seed = seed
        random = np.random.RandomState(seed)
        self.double = random.randint(2)
        self.unit = 2.2e-16 * 1000 if self.double else 1.2e-7 * 100
        self.width, self.classes = 2 * random.randint(1, 5), random.randint(2, 5)
        self.layers = [random.randint(13) for _ in range(random.randint(1, 4))]
        self.optimizer = OPTIMIZERS[random.randint(len(OPTIMIZERS))]
        self.jumps = self.optimizer[0] is optim.Rprop  # goes by signs, those of rounding, too
        self.schedule = SCHEDULES[random.randint(len(SCHEDULES))]
        self.loss, self.batch = random.randint(6), random.randint(2, 7)
        self.clip, self.to_none = random.randint(3) == 0, bool(random.randint(3))
        self.events = [random.randint(14) for _ in range(5)]
        self.whole, self.pieces = random.randint(4) > 0, 1 + (random.randint(4) == 0)
        self.groups = random.randint(3) == 0
        self.dynamic = (None, None, True)[random.randint(3)]

    def module(self):
        random = np.random.RandomState(self.seed + 1)
        layers, width = [], 4
        for kind in self.layers:
            layers.append(nn.Linear(width, self.width))
            width = self.width
            layers.append(self._layer(kind, width, random))
            layers.append(ACTIVATIONS[random.randint(len(ACTIVATIONS))]())
        return nn.Sequential(*layers, nn.Linear(width, self.classes))

    @staticmethod
    def _layer(kind, width, random):
        makers = (
            lambda: nn.Dropout(0.2), lambda: nn.BatchNorm1d(width), lambda: nn.LayerNorm(width),
            lambda: Residual(width), lambda: Recurrent(width, (nn.LSTM, nn.GRU, nn.RNN)[width % 3]),
            lambda: Attention(width), lambda: Counting(width), lambda: Tied(width), nn.Identity,
            lambda: Image(width), lambda: nn.GroupNorm(2, width), lambda: nn.PReLU(width),
            lambda: nn.utils.parametrizations.weight_norm(nn.Linear(width, width)),
        )  # fmt: skip
        return makers[kind]()

    def target(self, random, n):
        if self.loss in (0, 1):
            return torch.tensor(random.randint(0, self.classes, n))
        array = random.random_sample((n, self.classes))
        return torch.tensor(array, dtype=torch.float64 if self.double else torch.float32)

    def criterion(self, out, y):
        if self.loss == 0:
            return F.cross_entropy(out, y, label_smoothing=0.1 if self.clip else 0.0)
        if self.loss == 1:
            return F.nll_loss(out.log_softmax(1), y, reduction="sum") / len(y)
        others = F.mse_loss, F.binary_cross_entropy_with_logits, F.huber_loss, F.smooth_l1_loss
        return others[self.loss - 2](out, y)

    def results(self, compiled, nudge=0.0):
        torch.manual_seed(self.seed % 1000)
        model = self.module()
        model = model.double() if self.double else model
        with torch.no_grad():
            off = np.random.RandomState(self.seed + 2)
            for p in model.parameters():
                p.mul_(torch.tensor(1 + nudge * off.standard_normal(tuple(p.shape)), dtype=p.dtype))
        given = list(model.parameters())
        if self.groups and len(given) > 2:
            given = [{"params": given[:2]}, {"params": given[2:], "lr": 0.003}]
        kind, lr, *more = self.optimizer
        optimizer = kind(given, lr, **(more[0] if more else {}))
        try:
            schedule = self.schedule and self.schedule(optimizer)
        except ValueError:  # one that has no momentum to cycle
            schedule = None
        step = self.step_of(model, optimizer)
        step = torch.compile(step, dynamic=self.dynamic) if compiled else step
        random, found = np.random.RandomState(self.seed + 4), []
        for event in [-1, *self.events]:
            self.change(event, model, optimizer)
            n = self.batch + {6: 2, 11: 1, 12: 9, 13: 14}.get(event, 0)
            x = torch.tensor(random.standard_normal((n, 4)))
            x = x if self.double else x.float()
            out = step(x, self.target(random, n))
            if not self.whole:
                optimizer.step()
            if schedule:
                schedule.step()
            found.append(out)
        found += [*model.parameters(), *model.buffers()]
        found += [torch.zeros(1) if p.grad is None else p.grad for p in model.parameters()]
        for p in model.parameters():
            found += [v for v in optimizer.state.get(p, {}).values() if isinstance(v, torch.Tensor)]
        return [*[t.detach().clone().numpy() for t in found], torch.rand(2).numpy(),
                np.array([g["lr"] for g in optimizer.param_groups])]  # fmt: skip

    def step_of(self, model, optimizer):
        def step(x, y):
            optimizer.zero_grad(set_to_none=self.to_none)
            total = 0.0
            for k in range(self.pieces):
                loss = self.criterion(model(x[k:]), y[k:]) / self.pieces
                loss.backward()
                total = total + loss.detach()
            if self.clip:
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            if self.whole:
                optimizer.step()
            return total

        return step

    def change(self, event, model, optimizer):
        """What a user does between two steps; most often nothing."""
        group, first = optimizer.param_groups[0], next(model.parameters())
        if event == 0:
            group["lr"] = group["lr"] * 0.3
        elif event == 1:
            model.train(not model.training)
        elif event == 2:
            first.requires_grad_(not first.requires_grad)
        elif event == 3 and "momentum" in group:
            group["momentum"] = 0.7
        elif event == 4:
            model.load_state_dict({k: v * 0.9 if v.is_floating_point() else v
                                   for k, v in model.state_dict().items()})  # fmt: skip
        elif event == 5:
            with torch.no_grad():
                first.mul_(0.5)
        elif event == 7:
            optimizer.load_state_dict(optimizer.state_dict())
        elif event == 8:
            group["weight_decay"] = 0.05
        elif event == 9:
            model[-1] = nn.Linear(model[-1].in_features, self.classes, dtype=first.dtype)
        elif event == 10:
            optimizer.zero_grad()
