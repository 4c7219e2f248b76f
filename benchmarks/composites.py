"""Compiled kernels behind eager operations, beside NumPy's way: a table to paste.

    python benchmarks/composites.py [--threads 2] [--keep times.json] [--page PAGE]

Each operation runs with kernels and without (as where the extra `fast` is not installed), forward
alone or forward and backward, from 10 to 4,000,000 elements, in alternating windows. With `--keep`
the least times of all runs are taken, of which each may measure some of the `--sizes`.
"""

import argparse
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import available_cores, best_times, machine, use_threads

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 4_000_000)
HEAD = """# Compiled kernels behind eager operations

The time of an operation with compiled kernels over its time where NumPy does the work, in brackets
the microseconds without and with; below 1, kernels are faster. Sizes are elements of the first
tensor. Up to 1,000 (and plain arithmetic up to 10,000) both ways are the same code: these ratios
show how exact the figures are. Written by `python benchmarks/composites.py --keep times.json
--page docs/composite_speed.md` (the least of several runs). {machine}.

"""


def rows_of(torch, size):
    """About `size` elements in rows of at most 512."""
    width = min(512, max(2, int(size**0.5)))
    return torch.randn(max(1, size // width), width)


def programs(torch, size):
    """{name: function} for one size."""
    F = torch.nn.functional
    x, y = torch.randn(size), torch.randn(size)
    rows = rows_of(torch, size)
    targets = torch.randint(rows.shape[1], (rows.shape[0],))
    weight, bias = torch.ones(rows.shape[1]), torch.zeros(rows.shape[1])
    length = max(1, min(64, int((size / 8) ** 0.5)))
    q = torch.randn(max(1, size // (length * 8)), length, 8)
    found = {
        "softmax": (F.softmax, rows, -1), "log_softmax": (F.log_softmax, rows, -1),
        "layer_norm": (F.layer_norm, rows, (rows.shape[1],), weight, bias),
        "gelu": (F.gelu, x), "cross_entropy": (F.cross_entropy, rows, targets),
        "attention": (F.scaled_dot_product_attention, q, q, q), "tanh": (torch.tanh, x),
        "sigmoid": (torch.sigmoid, x), "exp": (torch.exp, x), "add": (torch.add, x, y),
        "sum": (torch.sum, x), "mean of rows": (torch.mean, rows, 1),
    }  # fmt: skip
    out = {}
    for name, (function, *given) in found.items():
        out[name] = lambda function=function, given=given: function(*given)
        out[f"{name}, backward"] = backward(function, given)
    for kind in (torch.optim.SGD, torch.optim.Adam):
        parameter = torch.randn(size).requires_grad_()
        parameter.grad = torch.randn(size)
        options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        out[f"{kind.__name__}.step"] = kind([parameter], lr=1e-6, **options).step
    return out


def backward(function, given):
    first, *rest = given
    leaf = first.clone().requires_grad_()

    def run():
        leaf.grad = None
        out = function(leaf, *rest)
        (out if out.dim() == 0 else out.sum()).backward()

    return run


def measured(torch, native, size):
    """{name: (seconds without, seconds with)}"""
    calls = {}
    for name, call in programs(torch, size).items():
        for usable in (False, True):
            calls[name, usable] = switched(call, native, usable)
            calls[name, usable]()
    times = best_times(calls, 5, 0.02)
    names = dict.fromkeys(name for name, _ in calls)
    return {name: (times[name, False], times[name, True]) for name in names}


def switched(call, native, usable):
    def run():
        native.usable = usable
        call()

    return run


def table(found):
    head = "| operation | " + " | ".join(f"{size:,}" for size in found) + " |"
    lines = [head, "|---|" + "---:|" * len(found)]
    for name in next(iter(found.values())):
        cells = [f"**{b / a:.2f}** ({a * 1e6:.3g} / {b * 1e6:.3g})"
                 for a, b in (times[name] for times in found.values())]  # fmt: skip
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    ratios = [b / a for times in found.values() for a, b in times.values()]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    slower = [f"{name} at {size:,} ({b / a:.2f})" for size, times in found.items()
              for name, (a, b) in times.items() if b > 1.1 * a]  # fmt: skip
    told = ", ".join(slower) or "none"
    return [f"Geometric mean of {len(ratios)} ratios: {mean:.2f}. Above 1.1: {told}.", "", *lines]


def least(found, kept):
    """The times of this run and of those before, which the file `kept` has: the least of each."""
    path = Path(kept)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for size, times in found.items():
        before = known.get(str(size), times)
        known[str(size)] = {name: list(map(min, times[name], before[name])) for name in times}
    path.write_text(json.dumps(known), encoding="utf-8")
    return {size: known[str(size)] for size in SIZES if str(size) in known}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, choices=SIZES)
    parser.add_argument("--keep", help="a file of times: the least of each is taken")
    parser.add_argument("--page", help="write the table into this file")
    chosen = parser.parse_args()
    use_threads(chosen.threads)
    import tidu as torch
    from tidu.core.native import NATIVE

    if not NATIVE:
        return print("no compiled kernels: pip install 'tidu[fast]'")
    found = {size: measured(torch, NATIVE, size) for size in chosen.sizes}
    if chosen.keep:
        found = least(found, chosen.keep)
    text = "\n".join(table(found))
    print(text)
    if chosen.page:
        head = HEAD.format(machine=machine(chosen.threads))
        Path(chosen.page).write_text(head + text + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
