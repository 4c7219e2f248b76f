"""Programs whose graphs a backend of torch.compile is given: what is in them, in PyTorch's words.

`python tests/compiler/backend_programs.py` records PyTorch's graphs again, where it is installed;
with the word `tell` it prints ours.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "data" / "backend_graphs.json"


class _Kept:
    """Graphs as a backend is given them: rows of a table each, and the code."""

    def __init__(self):
        self.graphs = []

    def __call__(self, gm, example_inputs):
        rows = [[n.op, n.name, _said(n.target), str(n.args), str(n.kwargs)]
                for n in gm.graph.nodes]  # fmt: skip
        shapes = [list(t.shape) if hasattr(t, "shape") else "a size" for t in example_inputs]
        self.graphs.append({"rows": rows, "inputs": shapes, "code": gm.code})
        return gm.forward


def _said(target):
    return target if isinstance(target, str) else target.__name__


def graphs_of(torch, program):
    """(the graphs of a program, its results by the backend, its results without it)."""
    kept = _Kept()
    torch.manual_seed(0)
    function, *calls = program(torch)
    results = []
    for compiled in (torch.compile(function, backend=kept), function):
        torch.manual_seed(1)
        results.append([compiled(*args) for args in _copied(torch, calls)])
    return kept.graphs, *results


def graphs_told():
    """{name of a program: its graphs}; its results are those without a backend."""
    torch = import_module("tidu")
    found = {}
    for program in PROGRAMS:
        graphs, results, plain = graphs_of(torch, program)
        torch.testing.assert_close(results, plain)
        found[program.__name__] = graphs
    return found


def _copied(torch, calls):
    return [[a.detach().clone().requires_grad_(a.requires_grad) if isinstance(a, torch.Tensor)
             else a for a in args] for args in calls]  # fmt: skip


def arithmetic(torch):
    def f(x, y):
        a = torch.sin(x) + y * 2
        b = a - x.cos()
        return b / 2, 2 - b, 2**b, -b, b > 0, ~(b > 0), x @ y.T

    return f, (torch.randn(3, 4), torch.randn(3, 4))


def of_one_line(torch):
    f = lambda x, y: torch.relu(x).sum(dim=1, keepdim=True) * y.mean() + x.abs().sqrt()
    return f, (torch.randn(3, 4), torch.randn(3, 4))


def one_module(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 5)
            self.seq = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.LayerNorm(5))
            self.register_buffer("scale", torch.ones(5))
            self.shift = nn.Parameter(torch.ones(5))

        def forward(self, x):
            x = self.seq(self.fc(x))
            return x * self.scale + self.shift

    return Net(), (torch.randn(3, 4),)


def convolutions(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 2))
    return net, (torch.randn(2, 1, 8, 8),)


def layers(torch):
    nn = torch.nn
    kinds = [nn.Linear(4, 4), nn.ReLU(), nn.GELU(), nn.SiLU(), nn.Softmax(dim=-1),
             nn.Dropout(0.0), nn.LeakyReLU(), nn.Sigmoid(), nn.LogSoftmax(1)]  # fmt: skip
    return nn.Sequential(*kinds), (torch.randn(3, 4),)


def losses(torch):
    F = torch.nn.functional

    def f(x, t):
        loss = F.cross_entropy(x, t) + F.mse_loss(x, x * 2)
        return loss + F.softmax(x, dim=1).sum()

    return f, (torch.randn(3, 4), torch.tensor([0, 1, 2]))


def nested(torch):
    def f(x, given, *more, **words):
        a, (b, c) = given["u"], given["v"]
        return {"r": x + a, "s": [b * c, more[0] - words.get("k", 1)]}

    x = torch.randn(3)
    return f, (x, {"u": x * 2, "v": (x + 1, x - 1)}, x * 3)


def closures(torch):
    scale, table = torch.ones(4), {"k": torch.ones(4), 3: [torch.ones(4)]}

    def f(x):
        return x * scale + table["k"] + table[3][0]

    return f, (torch.randn(3, 4),)


def a_break(torch):
    def f(x):
        a = x + 1
        torch._dynamo.graph_break()
        return a * 2

    return f, (torch.randn(3),)


def writes(torch):
    def f(x, y):
        x.add_(y)
        x[0] = 1
        x[:, 1] += 2
        y = y.view(-1)
        return x.shape[0] * y

    return f, (torch.randn(3, 4), torch.randn(3, 4))


def several_results(torch):
    def f(x):
        a, b = torch.split(x, 2, dim=1)
        values, places = x.max(dim=1)
        return a, b * 2, values, places, torch.topk(x, 2).values

    return f, (torch.randn(3, 4),)


def factories(torch):
    def f(x):
        u = torch.zeros(3, 4)
        v = torch.arange(4)
        w = torch.tensor([1.0, 2.0, 3.0, 4.0])
        return u + v + w + x + x.new_zeros(4) + torch.zeros_like(x)

    return f, (torch.randn(3, 4),)


def modes(torch):
    def f(x):
        with torch.no_grad():
            a = x * 2
        return a, x * 3

    return f, (torch.randn(3, requires_grad=True),)


def shapes(torch):
    def f(x):
        b, n = x.shape
        y = x.view(b, 2, n // 2).transpose(1, 2).reshape(b, -1).permute(1, 0)
        return y.contiguous(), torch.cat([x, x], dim=0), torch.stack((x, x)), x[None], x[..., 0]

    return f, (torch.randn(3, 4),)


def stored(torch):
    kept = {"last": torch.zeros(3)}

    def f(x):
        kept["last"] = x * 2
        return x + 1

    return f, (torch.randn(3),)


def given_back(torch):
    def f(x, y):
        return x, y, x + y, 3, None

    return f, (torch.randn(3), torch.randn(3))


def recompiled(torch):
    f = lambda x, k: x * k
    x = torch.randn(3)
    return f, (x, 2.0), (x, 2.0), (x.double(), 2.0)


def embeddings(torch):
    net = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 2))
    return net, (torch.tensor([1, 2]),)


def helpers(torch):
    def inner(x, w):
        out = x @ w
        return out.tanh()

    def f(x, w):
        h = inner(x, w)
        y = inner(h, w)
        return y + h

    return f, (torch.randn(4, 4), torch.randn(4, 4))


def augmented(torch):
    def f(x, y):
        total = x * 1
        total += y
        total *= 2
        for i in range(2):
            total = total + i
        return total

    return f, (torch.randn(3), torch.randn(3))


def attention(torch):
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.norm = heads, nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU())
            self.register_buffer("mask", torch.tril(torch.ones(4, 4)))

        def forward(self, x):
            B, T, C = x.shape
            q, k, v = self.qkv(self.norm(x)).split(C, dim=2)
            q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
            scores = (q @ k.transpose(-2, -1)) * (1.0 / k.size(-1) ** 0.5)
            scores = scores.masked_fill(self.mask[:T, :T] == 0, float("-inf"))
            y = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(B, T, C)
            x = x + self.out(y)
            return x + self.mlp(x)

    return Block(8, 2), (torch.randn(2, 4, 8),)


def residual(torch):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
            self.norm, self.relu = nn.BatchNorm2d(3), nn.ReLU(inplace=True)

        def forward(self, x):
            out = self.one(x)
            out = self.norm(out)
            out = self.relu(out)
            out = self.two(out)
            out += x
            return self.relu(out)

    return Block().eval(), (torch.randn(1, 3, 4, 4),)


def attributes(torch):
    class Scaled:
        def __init__(self):
            self.by, self.more = torch.ones(3) * 2, [torch.ones(3)]

        def run(self, x):
            return x * self.by + self.more[0]

    scaled = Scaled()
    return scaled.run, (torch.randn(3),)


PROGRAMS = [attention, residual, attributes, arithmetic, of_one_line, one_module, convolutions,
            layers, losses, nested, closures,
            a_break, writes, several_results, factories, modes, shapes, stored, given_back,
            recompiled, embeddings, helpers, augmented]  # fmt: skip


def record():
    torch = import_module("torch")
    found = {}
    for program in PROGRAMS:
        torch._dynamo.reset()
        found[program.__name__] = graphs_of(torch, program)[0]
    RECORDED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["tell"]:
        print(json.dumps(graphs_told()))
    else:
        record()
