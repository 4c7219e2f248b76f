"""Compiled kernels behind eager operations, beside NumPy's way: tables to paste.

    python benchmarks/composites.py [--threads 2] [--page PAGE]

Each operation runs with kernels and without (as where the extra `fast` is not installed), in
alternating windows, from below the size at which kernels are asked for to 4,000,000 elements. What
looks slower with kernels is measured again, longer. About two minutes on two cores.
"""

import argparse
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import available_cores, best_times, machine, use_threads

SIZES = (1_000, 10_000, 20_000, 100_000, 1_000_000, 4_000_000)
ELEMENTS = (10_000, 100_000, 1_000_000)
LIMIT = (
    1.1  # above this ratio a kernel counts as slower: what remains when the same code runs twice
)
HEAD = """# Compiled kernels behind eager operations

The time of an operation with compiled kernels over its time where NumPy does the work, in brackets
the microseconds without and with; below 1, kernels are faster. Sizes are elements of the first
tensor. At 1,000 both ways are the same code: these ratios show how exact the figures are. Each is
the least of alternating windows; what looked slower was measured again, longer. Written by
`python benchmarks/composites.py --page docs/composite_speed.md`. {machine}.

"""
# Functions of elements: words that are in torch, or in torch.nn.functional.
UNARY = """exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh
    atanh sqrt rsqrt sigmoid erf erfc erfinv lgamma silu softplus elu selu relu abs neg square
    reciprocal floor round sign logsigmoid mish hardswish""".split()
BINARY = "add sub mul div maximum pow atan2 hypot".split()
FROM_ONE = {"acosh"}  # of numbers from 1 to 2, the others from 0.1 to 0.9


def rows_of(torch, size):
    """About `size` elements in rows of at most 512."""
    width = min(512, max(2, int(size**0.5)))
    return torch.randn(max(1, size // width), width)


def composites(torch, size):
    """{name: function} for one size: networks' functions, forward and with their gradients."""
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


def elementwise(torch, size, dtype):
    """{name: function} for one size: functions of elements, forward."""
    x, y = [torch.rand(size, dtype=dtype) * 0.8 + 0.1 for _ in range(2)]
    given = {name: (x + 1,) if name in FROM_ONE else (x,) for name in UNARY}
    given.update(dict.fromkeys(BINARY, (x, y)))
    out = {}
    for name, operands in given.items():
        function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
        out[name] = lambda function=function, operands=operands: function(*operands)
    return out


def backward(function, given):
    first, *rest = given
    leaf = first.clone().requires_grad_()

    def run():
        leaf.grad = None
        out = function(leaf, *rest)
        (out if out.dim() == 0 else out.sum()).backward()

    return run


def measured(native, programs):
    """{name: (seconds without, seconds with)}"""
    calls = {}
    for name, call in programs.items():
        for usable in (False, True):
            calls[name, usable] = switched(call, native, usable)
            calls[name, usable]()
    times = best_times(calls, 3, 0.01)
    again = {key: call for key, call in calls.items()
             if times[key[0], True] > 1.03 * times[key[0], False]}  # fmt: skip
    for key, seconds in best_times(again, 8, 0.02).items():
        times[key] = min(times[key], seconds)
    return {name: (times[name, False], times[name, True]) for name in programs}


def switched(call, native, usable):
    def run():
        native.usable = usable
        call()

    return run


def table(found):
    """`found` has the times of each operation under each size."""
    lines = [f"| operation | {' | '.join(found)} |", "|---|" + "---:|" * len(found)]
    for name in next(iter(found.values())):
        cells = [f"**{b / a:.2f}** ({a * 1e6:.3g} / {b * 1e6:.3g})"
                 for a, b in (times[name] for times in found.values())]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def summary(found):
    ratios = [b / a for times in found.values() for a, b in times.values()]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    slower = [f"{name} at {size} ({b / a:.2f})" for size, times in found.items()
              for name, (a, b) in times.items() if b > LIMIT * a]  # fmt: skip
    told = ", ".join(slower) or "none"
    return f"Geometric mean of {len(ratios)} ratios: {mean:.2f}. Above {LIMIT}: {told}."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--page", help="write the tables into this file")
    chosen = parser.parse_args()
    use_threads(chosen.threads)
    import tidu as torch
    from tidu.core.native import NATIVE

    if not NATIVE:
        return print("no compiled kernels: pip install 'tidu[fast]'")
    networks = {f"{size:,}": measured(NATIVE, composites(torch, size)) for size in SIZES}
    types = {"float32": torch.float32, "float64": torch.float64}
    elements = {f"{size:,} {name}": measured(NATIVE, elementwise(torch, size, dtype))
                for size in ELEMENTS for name, dtype in types.items()}  # fmt: skip
    text = "\n".join([
        "## Networks' functions, float32", "", summary(networks), "", *table(networks), "",
        "## Functions of elements", "", summary(elements), "", *table(elements),
    ])  # fmt: skip
    print(text)
    if chosen.page:
        head = HEAD.format(machine=machine(chosen.threads))
        Path(chosen.page).write_text(head + text + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
