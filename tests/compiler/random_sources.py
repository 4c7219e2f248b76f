"""Random functions as Python text: blocks, early exits, numbers read and printed in between.

What is compared is what `compile` makes of their statements; `random_programs.py` has the
operations.
"""

import linecache

import numpy as np

import tidu as torch

EXPRESSIONS = (
    "{v}.sin() + {w}", "{v} * {w} - 0.5", "({v} * 0.3).tanh() * {w}", "{v} - {w}.mean(0)",
    "torch.where({v} > {w}, {v}, {w} * 0.5)", "({v} @ {w}.mT).sigmoid() @ {w} * 0.1", "{v} * s",
    "{v} + n * 0.01", "{v}.cumsum(1) * 0.2", "{v}.clamp(-1, 1) + s * {w}", "{v}.detach() + {w}",
    "net.scale * {v} + net.shift", "outer * {v}", "torch.stack([{v}, {w}]).mean(0)",
    "{v}.softmax(-1)", "{v}[:, [1, 0, 3, 2]]", "{v}.mT.contiguous().mT * 0.9",
)  # fmt: skip
STOPS = (
    "s = float({v}.mean()) * 0.1", "print(end='')", "log.append({v}.sum().item() * 2)",
    "log.append(f'{{s:.3f}}')", "{w} = torch.from_numpy({v}.detach().numpy() * 0.5) + {w}",
    "net.calls += 1", "log.append(net.calls)", "s = min(abs(s), 2.0) + 0.1",
    "log.append(str({v}.shape))", "s = s + {v}.max().item()",
)  # fmt: skip
TESTS = ("{v}.mean() > 0.1", "s > 0.3", "n > 2", "float({v}.sum()) * 1 > 0", "net.calls % 2 == 0")


class Net:
    def __init__(self):
        self.calls, self.shift = 0, 0.25
        self.scale = torch.linspace(0.5, 1.5, 4, dtype=torch.float64)


class _Writer:
    def __init__(self, random):
        self.random, self.budget = random, 22

    def pick(self, options):
        return options[self.random.randint(len(options))]

    def fill(self, text):
        return text.format(v=self.pick("abc"), w=self.pick("abc"))

    def block(self, depth, loops):
        lines = []
        for _ in range(self.random.randint(1, 5 if depth else 9)):
            lines += self.statement(depth, loops)
            self.budget -= 1
            if self.budget < 0:
                break
        return lines

    def statement(self, depth, loops):
        kind = self.random.randint(20)
        if kind < 10 or depth > 2:
            return [f"{self.pick('abc')} = {self.fill(self.pick(EXPRESSIONS))}"]
        if kind < 14:
            return [self.fill(self.pick(STOPS))]
        inner = ["    " + line for line in self.block(depth + 1, loops or kind in (16, 17))]
        if kind < 16:
            rest = ["    " + line for line in self.block(depth + 1, loops)]
            return [f"if {self.fill(self.pick(TESTS))}:", *inner, "else:", *rest]
        if kind < 18:
            return [f"for n in range({self.random.randint(1, 4)}):", *inner]
        if kind == 18:
            return ["with torch.no_grad():", *inner]
        if loops:
            return [f"if {self.fill(self.pick(TESTS))}:", f"    {self.pick(['break', 'continue'])}"]
        return [f"if {self.fill(self.pick(TESTS))}:", f"    return {self.pick('abc')}, s"]


def written(seed):
    """(the function of this seed, a new Net, its log): the same seed is the same text."""
    random = np.random.RandomState(seed)
    lines = _Writer(random).block(0, False)
    text = "\n".join(["def made(outer):", "    def f(a, b, n, s=0.5):", "        c = a * b",
                      *["        " + line for line in lines],
                      "        return a.sum() + b.mean(), c, s", "    return f", ""])  # fmt: skip
    name = f"<random source {seed}>"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    space = {"torch": torch, "net": Net(), "log": []}
    exec(compile(text, name, "exec"), space)
    outer = torch.full((4,), 0.75, dtype=torch.float64, requires_grad=True)
    return space["made"](outer), space["net"], space["log"], outer, text
