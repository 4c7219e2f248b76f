"""Draws docs/figures/taylor-counts.svg: primitives applied for derivatives of order 1 to n."""

from pathlib import Path

import matplotlib.pyplot as plt

import tidu as torch
from tidu.core.modes import listen, unlisten
from tidu.func import grad, taylor

HERE = Path(__file__).parents[1] / "docs" / "figures" / "taylor-counts.svg"


def program(x):
    return torch.sin(x) * torch.exp(-x) / (1 + x * x) + torch.tanh(x)


class Counter:
    """How many primitives are applied."""

    count = 0

    def applied(self, *heard):
        self.count += 1

    def pass_begins(self, *heard):
        pass

    pass_ends = visited = pass_begins


def counted(work):
    counter = Counter()
    listen(counter)
    try:
        work()
    finally:
        unlisten(counter)
    return counter.count


def nested(n):
    function = program
    for _ in range(n):
        function = grad(function)
    return function


def main():
    plt.switch_backend("svg")
    plt.rcParams["svg.hashsalt"] = "tidu"  # the same picture gives the same file
    x = torch.tensor(0.7, dtype=torch.float64)
    series, towers = range(1, 33), range(1, 7)
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    axes.loglog(series, [counted(lambda n=n: taylor(program, x, n)) for n in series], "o-",
                markersize=3, label="taylor: one forward pass")  # fmt: skip
    axes.loglog(towers, [counted(lambda n=n: nested(n)(x)) for n in towers], "s-", markersize=4,
                label="nested grad")  # fmt: skip
    axes.set(xlabel="order n of the derivative", ylabel="primitives applied")
    axes.set_title("sin(x)·exp(-x) / (1 + x²) + tanh(x)", fontsize=10)
    axes.legend(frameon=False)
    figure.savefig(HERE, metadata={"Date": None})


if __name__ == "__main__":
    main()
