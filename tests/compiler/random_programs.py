"""Random programs: 5 to 40 operations with views, writes in place, broadcasting and reductions."""

import numpy as np

import tidu
from tidu._higher_order_ops import map as mapped

UNARY = (
    tidu.sin, tidu.cos, tidu.tanh, tidu.sigmoid, tidu.relu, lambda x: x * x, lambda x: x.abs() + 1,
    lambda x: (x * x + 1).log(), lambda x: (x * x + 0.5).sqrt(), lambda x: (-x.abs()).exp(),
    lambda x: x.clamp(-0.7, 0.9), lambda x: 1 / (x * x + 1), tidu.nn.functional.gelu,
    lambda x: x.softmax(-1), lambda x: x.log_softmax(0), lambda x: x.clone(), lambda x: -x,
    lambda x: tidu.nn.functional.softplus(x), lambda x: tidu.where(x > 0, x, 0.2 * x),
)  # fmt: skip
BINARY = (
    lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / (y * y + 1),
    tidu.maximum, tidu.minimum, lambda x, y: tidu.where(x > y, x, y * 2), tidu.atan2,
)  # fmt: skip
VIEWS = (
    lambda x: x.mT, lambda x: x[:, 1:], lambda x: x[::2], lambda x: x.reshape(-1, x.shape[0]),
    lambda x: x.unsqueeze(0).expand(2, -1, -1).sum(0), lambda x: x[1:2], lambda x: x.flip(0),
    lambda x: tidu.cat([x, x[:1]], 0), lambda x: x.roll(1, 1),
)  # fmt: skip
REDUCTIONS = (
    lambda x: x.sum(0, keepdim=True), lambda x: x.mean(1, keepdim=True), lambda x: x - x.amax(),
    lambda x: x * (x * x).mean(), lambda x: x.sum().reshape(1, 1), lambda x: x - x.mean(0),
    lambda x: x.cumsum(0), lambda x: x / (x.norm() + 1),
)  # fmt: skip


def write(kind, x, y):
    """A new tensor, changed in place whole or through a view."""
    z = x * 1.5
    part = z if kind == 0 else z[0] if kind == 1 else z[:, -1:] if kind == 2 else z.mT
    if kind % 2:
        part.mul_(0.5).add_(y.sum())
    else:
        part += y.mean()
    return z.tanh() if kind < 2 else z


CONTROL = (
    lambda x: tidu.cond(x.sum() > 0.3, lambda x: x.sin() * 2, lambda x: x * x.mean(), (x,)),
    lambda x: tidu.scan(lambda c, r: ((c * r).tanh(), c + r), x[0], x)[1],
    lambda x: tidu.scan(lambda c, r: (c.cos() + r, c * r), x[:, 0], x, dim=1, reverse=True)[1],
    lambda x: tidu.while_loop(lambda i, y: (i < 4) & (y.sum() < 9),
                              lambda i, y: (i + 1, y + x.cos()), (tidu.tensor(0), x))[1],
    lambda x: mapped(lambda r: r.cumsum(0) * x[0], x),
)  # fmt: skip


def branch(kind, x, y):
    """Python goes one way or another by values."""
    if kind == 0:
        return x.sin() if x.sum() > y.mean() else x * 0.5 - 1
    if kind == 1:
        while (x * x).mean() > 0.8:
            x = x * 0.7
        return x
    count = int((x > 0).sum() % 3)
    for _ in range(count):
        x = (x + 0.1).cos()
    return x + count


class Program:
    """`Program(seed)(*inputs)` runs; the same seed is the same program. `branches`: whether Python
    asks for values in it."""

    def __init__(self, seed, branches=False):
        self.seed, self.branches = seed, branches
        random = np.random.RandomState(seed)
        self.shapes = [(random.randint(1, 6), random.randint(2, 7)) for _ in range(2)]
        self.shapes.append((1, self.shapes[0][1]))
        self.length = random.randint(5, 41)

    def inputs(self, dtype):
        random = np.random.RandomState(self.seed + 1)
        return [tidu.tensor(random.standard_normal(s), dtype=dtype) for s in self.shapes]

    def __call__(self, *inputs):
        random = np.random.RandomState(self.seed + 2)
        values = list(inputs)
        for _ in range(self.length):
            x = values[random.randint(len(values))]
            kind, pick = random.randint(11 + self.branches), random.randint(1 << 20)
            if kind < 4:
                out = UNARY[pick % len(UNARY)](x)
            elif kind < 6:
                out = self._both(BINARY[pick % len(BINARY)], x, values, random)
            elif kind < 7:
                out = VIEWS[pick % len(VIEWS)](x)
            elif kind < 8:
                out = REDUCTIONS[pick % len(REDUCTIONS)](x)
            elif kind < 9:
                out = write(pick % 4, x, values[0])
            elif kind < 10:
                out = tidu.tanh(x @ x.mT)
            elif kind < 11:
                out = CONTROL[pick % len(CONTROL)](x)
            else:
                out = branch(pick % 3, x, values[0])
            if 0 < out.numel() < 400 and out.ndim == 2:
                values.append(out)
        return [values[-1], values[-2].sum(), sum([v.sum() for v in values])]

    @staticmethod
    def _both(function, x, values, random):
        fits = [v for v in values if all(
            a == b or a == 1 or b == 1 for a, b in zip(v.shape, x.shape, strict=True))]  # fmt: skip
        return function(x, fits[random.randint(len(fits))])
