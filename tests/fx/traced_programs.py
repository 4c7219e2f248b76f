"""Programs that are traced: each gives the same graph, code and numbers in PyTorch and here."""

import math
import operator
from collections import namedtuple
from typing import List, Optional, Tuple  # noqa: UP035  what older programs write

Pair = namedtuple("Pair", "first second")


ONE, TWO = [(2, 4)], [(2, 4), (2, 4)]


def listed(inputs):
    """Functions by their names, with the shapes of their inputs."""
    return {f.__name__: (f, None, shapes) for f, shapes in inputs.items()}


def as_given(rows):
    """(function, concrete arguments, shapes) by their names."""
    return {f.__name__: (f, concrete, shapes) for f, concrete, shapes in rows}


def everyday(torch):
    """Modules as people write them: {name: (program, concrete_args, inputs)}."""
    nn, F = torch.nn, torch.nn.functional

    class Mlp(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

        def forward(self, x):
            return F.log_softmax(self.body(x), dim=-1)

    class Block(nn.Module):
        def __init__(self, width=3):
            super().__init__()
            self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.down = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width))

        def forward(self, x):
            out = F.relu(self.bn1(self.conv1(x)), inplace=True)
            out = self.bn2(self.conv2(out))
            out += self.down(x)
            return F.relu(out)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([Block() for _ in range(2)])
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            x = F.adaptive_avg_pool2d(x, 1)
            x = F.max_pool2d(x, 1)
            return self.head(torch.flatten(x, 1))

    return {
        "mlp": (Mlp(), None, [(2, 4)]), "block": (Block(), None, [(2, 3, 4, 4)]),
        "net": (Net(), None, [(2, 3, 4, 4)]),
    }  # fmt: skip


def sequences(torch):
    """Attention and recurrence."""
    nn, F = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self, width=8, heads=2):
            super().__init__()
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)
            self.heads = heads

        def forward(self, x):
            batch, length, width = x.shape
            q, k, v = self.qkv(x).chunk(3, dim=-1)
            q = q.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            k = k.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            v = v.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            scores = (q @ k.transpose(-2, -1)) / math.sqrt(4)
            mixed = F.softmax(scores, dim=-1) @ v
            return self.out(mixed.transpose(1, 2).reshape(batch, length, width))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.norm1, self.norm2 = Attention(), nn.LayerNorm(8), nn.LayerNorm(8)
            self.feed = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.0),
                                      nn.Linear(16, 8))  # fmt: skip

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.feed(self.norm2(x))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x, state: Optional[Tuple[torch.Tensor, int]] = None):  # noqa: UP006, UP045
            out, (h, _) = self.lstm(x)
            return self.head(out[:, -1]), h[0]

    return {
        "attention_layer": (Attention(), None, [(2, 3, 8)]),
        "transformer": (Transformer(), None, [(2, 3, 8)]),
        "recurrent": (Recurrent(), None, [(2, 3, 4)]),
    }  # fmt: skip


def held(torch):
    """What modules hold, and how they are nested."""
    nn, F = torch.nn, torch.nn.functional

    class Held(nn.Module):
        """Parameters, buffers, plain tensors and constants."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.arange(6.0).reshape(3, 2))
            self.register_buffer("mean", torch.ones(3))
            self.plain = torch.full((3,), 2.0)
            self.list = nn.ParameterList([nn.Parameter(torch.ones(3))])
            self.table = nn.ModuleDict({"A": nn.Linear(3, 3), "b": nn.Identity()})

        def forward(self, x):
            y = (x - self.mean) * self.plain + torch.ones(3)
            y = self.table["A"](y) * self.list[0] + self.table["b"](y)
            z = self.mean + y
            w = (self.mean + z) @ self.weight
            return F.linear(y, self.weight.t()) + w, self.plain * x, 2 - self.weight

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.second = self.first

        def forward(self, x):
            return self.second(torch.tanh(self.first(x)))

    nested = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Tanh(), nn.Sigmoid()))
    return {
        "held": (Held(), None, [(2, 3)]), "tied": (Tied(), None, [(2, 4)]),
        "sequential": (nested, None, [(2, 4)]),
    }  # fmt: skip


def calls(torch):
    """Functions of torch and methods, operators, indices, arguments of all kinds."""

    def operators(x, y):
        a = x + y - x * y / (y**2 + 1.0)
        b = -a + 2 - 3 * y + 1 / (x * x + 1) + 2 ** (y * 0.1)
        return abs(b) + (+a), x > 0, ~(x <= y), (x == y) | (x != y), x // 2, x % 2

    def slices(x):
        return x[0], x[:, 1], x[..., None], x[1:, ::2], x[:, -1:], x[[0, 1]], x[:, None]

    def picked(x):
        return x[x > 0] * 2, x.masked_select(x < 1)

    def writes(x):
        y = x.clone()
        y.mul_(2).add_(1)
        torch.relu_(y)
        z = y.exp() * 2
        z += 1
        return z.clamp(min=0.5, max=2.0), y

    def types(x):
        y = x.to(torch.float64).to(device=torch.device("cpu"), dtype=torch.float32)
        z = torch.zeros_like(y, dtype=torch.int64) + y.long()
        return y.type(torch.float64), z.float() * float("inf"), y.new_ones(torch.Size([2]))

    def shapes(x):
        n, m = x.shape[0], x.size(-1)
        return x.view(n * m), x.reshape(-1, n), x.permute(1, 0), x.T.contiguous(), x.expand(3, n, m)

    def sizes(x):
        return torch.arange(x.shape[0]), torch.zeros(x.size(0)), torch.full((2,), x.shape[1])

    return listed(
        {operators: TWO, slices: ONE, picked: ONE, writes: ONE, types: ONE, shapes: ONE, sizes: ONE}
    )


def layers_of_functions(torch):
    """Functions of torch.nn.functional."""
    F = torch.nn.functional

    def functional(x):
        y = F.gelu(x) + F.elu(x, alpha=0.5) + F.leaky_relu(x, 0.1) + F.hardtanh(x, -0.5, 0.5)
        y = y + F.silu(x) + F.softplus(x) + F.relu6(x) + F.mish(x) + F.selu(x) + F.celu(x)
        y = F.dropout(y, 0.0, training=False) + F.normalize(x, dim=1) + F.glu(torch.cat([x, x], 1))
        return F.layer_norm(y, (4,)), F.softmax(y, dim=1), F.pad(y, (1, 1)), F.logsigmoid(y)

    def losses(x, y):
        z = F.mse_loss(x, y) + F.l1_loss(x, y, reduction="sum") + F.smooth_l1_loss(x, y)
        z = z + F.binary_cross_entropy_with_logits(x, torch.sigmoid(y))
        return z + F.cross_entropy(x, torch.tensor([0, 1])) + F.huber_loss(x, y, delta=0.5)

    def pools(x):
        y = F.avg_pool2d(x, 2) + F.max_pool2d(x, 2, 2)
        z = F.interpolate(y, scale_factor=2.0) + F.interpolate(y, size=(4, 4), mode="bilinear")
        w = F.conv2d(z, torch.ones(1, 3, 3, 3), padding=1)
        return F.unfold(w, 2), F.adaptive_max_pool2d(x, 1), F.avg_pool1d(x.flatten(2), 2)

    def reductions(x):
        values, places = torch.max(x, dim=1)
        top = x.topk(2, dim=1)
        return x.sum(), x.mean(0), values, places, torch.std(x, 1), top[0], x.argmax(dim=1)

    return listed({functional: ONE, losses: TWO, pools: [(1, 3, 4, 4)], reductions: ONE})


def algebra(torch):
    """Lists of tensors, linear algebra, selections."""
    F = torch.nn.functional

    def lists(x):
        parts = torch.split(x, 2, dim=1)
        a, b = parts[0], parts[1]
        grid = torch.meshgrid(x[0], x[1], indexing="ij")
        return torch.cat([a, b], dim=1), torch.stack((a, b)), torch.einsum("ij,ik->jk", x, x), grid

    def norms(x):
        return torch.norm(x), torch.norm(x, p=1, dim=1), torch.cdist(x, x), torch.linalg.norm(x)

    def solvers(x):
        a = x @ x.T + torch.eye(2) * 3
        return torch.linalg.inv(a), torch.linalg.det(a), torch.special.entr(x), torch.fft.rfft(x)

    def where(x):
        return (
            torch.where(x > 0, x, torch.zeros_like(x)),
            torch.clamp(x, min=0),
            x.masked_fill(x < 0, -1e9),
        )

    def members(x):
        return x.shape, x.dtype, x.T, x.real, x.ndim, x.data

    def sigmoids(x):
        return torch.sigmoid(x) + x.sigmoid(), torch.tanh(x), F.threshold(x, 0.1, 2.0), x.tanh()

    def chained(x):
        return x.unsqueeze(0).squeeze(0).transpose(0, 1).sum(dim=0, keepdim=True).float().exp()

    def products(x):
        return (
            torch.matmul(x, x.T),
            torch.mm(x, x.t()),
            torch.bmm(x[None], x.T[None]),
            torch.dot(x[0], x[1]),
        )

    def attention(x):
        y = x[None]
        return F.scaled_dot_product_attention(y, y, y, is_causal=True), F.one_hot(
            torch.arange(3), num_classes=4
        )

    return listed(
        {
            lists: ONE,
            norms: ONE,
            solvers: ONE,
            where: ONE,
            members: ONE,
            sigmoids: ONE,
            chained: ONE,
            products: ONE,
            attention: ONE,
        }
    )


def numbers(torch):
    """Comparisons, indices, numbers among the arguments."""
    F = torch.nn.functional

    def logic(x, y):
        both = torch.logical_and(x > 0, y > 0)
        return both & (x < 1), both ^ (y > 0), torch.isclose(x, y), (x > y).any(), (x > y).all(1)

    def embedded(x):
        index = torch.tensor([[0, 1], [1, 0]])
        return F.embedding(index, x), x.gather(1, index), x.index_select(0, index[0])

    def roots(x):
        return math.sqrt(x.shape[0]) * x, math.floor(x.size(1) / 2), x * math.pi

    def formatted(x):
        return x.add(1, alpha=2), torch.add(x, x, alpha=0.5), torch.sum(x, (0, 1), keepdim=True)

    def named(x):
        return Pair(x, x + 1).first * 2

    def batch_norms(x):
        mean, var = torch.zeros(4), torch.ones(4)
        return F.batch_norm(x, mean, var), F.group_norm(x, 2), F.rms_norm(x, [4])

    return listed(
        {logic: TWO, embedded: ONE, roots: ONE, formatted: ONE, named: ONE, batch_norms: ONE}
    )


def signatures(torch):
    """Arguments with defaults, annotations, stars; concrete arguments; nested values."""
    PH = torch.fx.PH

    def defaults(x, scale=2.0, shift: int = 1, other=None, name="n", kind=torch.float32):
        return x.to(kind) * scale + shift

    def annotated(x: torch.Tensor, sizes: List[int] = [1, 2]) -> torch.Tensor:  # noqa: B006, UP006
        return x.sum(sizes[0])

    def starred(x, *args, k=3, **kwargs):
        return x * k

    def star_used(x, *rest):
        return x + rest[0]

    def keyword_only(x, *, p, q=2):
        return x * p + q

    def reserved(input, max, self_, x_1, sum):
        return input + max + self_ + x_1 + sum

    def flagged(x, flag):
        return torch.relu(x) if flag else torch.tanh(x)

    def counted(x, n):
        for _ in range(n):
            x = torch.sin(x)
        return x

    def optional(x, mask=None):
        return x if mask is None else x * mask

    def nested(x, d):
        return {"sum": x["a"] + d, "all": [x["b"], (d, x["a"])]}

    def listed(xs, y):
        return xs[0] * xs[1] + y

    return as_given(
        [
            (defaults, None, ONE),
            (annotated, None, ONE),
            (starred, None, None),
            (star_used, None, None),
            (keyword_only, None, None),
            (reserved, None, ONE * 5),
            (flagged, {"flag": True}, None),
            (counted, {"n": 3}, None),
            (optional, {"mask": None}, None),
            (nested, {"x": {"a": PH, "b": PH}}, None),
            (listed, {"xs": [PH, PH]}, None),
        ]
    )


def results(torch):
    """What programs give, and names they make."""
    F = torch.nn.functional

    def outputs(x):
        return {"a": x + 1, "b": [x * 2, (x, None, 1.5, "s")], "c": {"d": x}}

    def unpacked(x):
        a, (b, c) = x[0], x.chunk(2)
        return [a, b], c

    def unused(x, y):
        torch.exp(x)
        _ = x * 2
        return y

    def constants(x):
        return 1.5, None, "text", True, x

    def repeated(x):
        c = torch.ones(4)
        return x * c + c, c

    def shared_names(x):
        add = x.add(1)
        add_1 = add.add(2)
        return torch.add(add_1, add) + add + add_1

    def many(x):
        for _ in range(12):
            x = x + 1
            x = torch.relu(x)
        return x

    def by_operator(x):
        return operator.add(x, 1), operator.getitem(x, 0), operator.neg(x), operator.mul(2, x)

    def keywords(x):
        return (
            torch.mul(input=x, other=x),
            F.relu(input=x),
            torch.sum(input=x, dim=1),
            F.softmax(x, 1),
        )

    return as_given(
        [
            (outputs, None, ONE),
            (unpacked, None, ONE),
            (unused, None, TWO),
            (constants, None, ONE),
            (repeated, None, ONE),
            (shared_names, None, ONE),
            (many, None, ONE),
            (by_operator, None, ONE),
            (keywords, None, ONE),
        ]
    )


def programs(torch):
    """All of them."""
    parts = (everyday, sequences, held, calls, layers_of_functions, algebra, numbers, signatures,
             results)  # fmt: skip
    return {name: row for part in parts for name, row in part(torch).items()}
