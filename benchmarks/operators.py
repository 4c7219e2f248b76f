"""The operations programs use most, at four sizes, forward and backward, tidu beside PyTorch.

    python benchmarks/operators.py [--only add,matmul] [--sizes 10,1000] [--quick] [--threads 2]

Each case is a function of the module that stands for torch and of inputs with the given number of
elements.
"""

import argparse
import importlib
import importlib.util
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import available_cores, best_times, disagreement, machine, use_threads

SIZES = (10, 1_000, 100_000, 4_000_000)


def matrix(x):
    """The elements as a matrix of about ten times as many rows as columns, a view."""
    columns = max(1, math.isqrt(x.numel() // 10))
    rows = x.numel() // columns
    return x[: rows * columns].view(rows, columns)


def square(x, largest=1024):
    side = min(largest, math.isqrt(x.numel()))
    return x[: side * side].view(side, side)


def every_third(torch, x):
    return torch.arange(0, x.numel(), 3)


# name -> function of (torch, x, y): two inputs of one size with elements in (0, 1)
CASES = {
    "add": lambda torch, x, y: x + y,
    "sub": lambda torch, x, y: x - y,
    "mul": lambda torch, x, y: x * y,
    "div": lambda torch, x, y: x / y,
    "mul by a number": lambda torch, x, y: x * 2.5,
    "neg": lambda torch, x, y: -x,
    "square": lambda torch, x, y: x**2,
    "cube": lambda torch, x, y: x**3,
    "sqrt": lambda torch, x, y: x.sqrt(),
    "exp": lambda torch, x, y: x.exp(),
    "log": lambda torch, x, y: x.log(),
    "sin": lambda torch, x, y: x.sin(),
    "tanh": lambda torch, x, y: x.tanh(),
    "sigmoid": lambda torch, x, y: x.sigmoid(),
    "relu": lambda torch, x, y: torch.relu(x),
    "gelu": lambda torch, x, y: torch.nn.functional.gelu(x),
    "abs": lambda torch, x, y: x.abs(),
    "clamp": lambda torch, x, y: x.clamp(0.2, 0.8),
    "maximum": lambda torch, x, y: torch.maximum(x, y),
    "where": lambda torch, x, y: torch.where(x > y, x, y),
    "sum": lambda torch, x, y: x.sum(),
    "sum of rows": lambda torch, x, y: matrix(x).sum(1),
    "mean": lambda torch, x, y: x.mean(),
    "max of rows": lambda torch, x, y: matrix(x).max(1).values,
    "var": lambda torch, x, y: x.var(),
    "cumsum": lambda torch, x, y: x.cumsum(0),
    "softmax": lambda torch, x, y: matrix(x).softmax(1),
    "log_softmax": lambda torch, x, y: matrix(x).log_softmax(1),
    "layer_norm": lambda torch, x, y: torch.nn.functional.layer_norm(
        matrix(x), matrix(x).shape[1:]
    ),
    "matmul": lambda torch, x, y: square(x) @ square(y),
    "dot": lambda torch, x, y: torch.dot(x, y),
    "broadcast add": lambda torch, x, y: matrix(x) + matrix(y)[0],
    "transpose": lambda torch, x, y: matrix(x).t().contiguous(),
    "reshape": lambda torch, x, y: x.reshape(1, -1),
    "slice": lambda torch, x, y: x[1:-1],
    "index": lambda torch, x, y: x[every_third(torch, x)],
    "gather": lambda torch, x, y: x.gather(0, every_third(torch, x)),
    "cat": lambda torch, x, y: torch.cat([x, y]),
    "stack": lambda torch, x, y: torch.stack([x, y]),
    "compare": lambda torch, x, y: x < y,
    "argmax": lambda torch, x, y: x.argmax(),
    "sort": lambda torch, x, y: x.sort().values,
}


def inputs(torch, size):
    return [torch.from_numpy(uniform(size, seed)) for seed in (2, 3)]


def uniform(size, seed):
    import numpy as np

    return np.random.default_rng(seed).uniform(0.05, 1, size).astype(np.float32)


def forward_program(torch, case, size):
    x, y = inputs(torch, size)

    def call():
        return case(torch, x, y)

    return call, lambda: call().float().numpy()


def backward_program(torch, case, size):
    """Forward and backward; None for operations without a derivative."""
    x, y = [value.requires_grad_() for value in inputs(torch, size)]
    if not case(torch, x, y).requires_grad:
        return None
    shape = tuple(case(torch, x, y).shape)
    g = torch.from_numpy(uniform(math.prod(shape), seed=1).reshape(shape))

    def call():
        x.grad = y.grad = None
        case(torch, x, y).backward(g)

    def result():
        call()
        return x.grad.numpy()

    return call, result


def compare(modules, case, size, make, windows, seconds):
    """Seconds by library, or the reason why there are none."""
    calls, reference = {}, None
    for name, torch in modules.items():
        try:
            program = make(torch, case, size)
            if program is None:
                return {}
            result = program[1]()
        except Exception as error:
            return f"{name}: {type(error).__name__}: {str(error)[:80]}"
        if reference is not None and not disagreement(reference, result) < 1e-3:
            return f"{name}: another result"
        reference = result if reference is None else reference
        calls[name] = program[0]
    return best_times(calls, windows, seconds)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="names of operations, separated by commas")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--quick", action="store_true", help="short windows: a rough picture")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--libraries", default="torch,tidu")
    return parser.parse_args()


def main():
    chosen = options()
    use_threads(chosen.threads)
    names = [name for name in chosen.libraries.split(",") if importlib.util.find_spec(name)]
    modules = {name: importlib.import_module(name) for name in names}
    if "torch" in modules:
        modules["torch"].set_num_threads(chosen.threads)
    sizes = [int(size) for size in chosen.sizes.split(",")]
    only = [name for name in chosen.only.split(",") if name]
    unknown = set(only) - CASES.keys()
    if unknown:
        sys.exit(f"unknown operations: {', '.join(sorted(unknown))}")
    print(f"Machine: {machine(chosen.threads)}.\n")
    print(f"tidu / torch (microseconds of {', '.join(names)}); forward, then forward + backward.\n")
    print("| operation | " + " | ".join(f"{size:,}" for size in sizes) + " |")
    print("|---|" + "---:|" * len(sizes))
    windows, seconds = (3, 0.01) if chosen.quick else (5, 0.05)
    for name in only or CASES:
        for label, make in [(name, forward_program), (f"{name}, backward", backward_program)]:
            print_row(label, modules, CASES[name], sizes, make, windows, seconds)


def print_row(label, modules, case, sizes, make, windows, seconds):
    cells = []
    for size in sizes:
        times = compare(modules, case, size, make, windows, seconds)
        if times == {}:
            return
        cells.append(times if isinstance(times, str) else cell(times))
    print(f"| {label} | " + " | ".join(cells) + " |", flush=True)


def cell(times):
    figures = " / ".join(f"{seconds * 1e6:.1f}" for seconds in times.values())
    if {"tidu", "torch"} <= times.keys():
        return f"**{times['tidu'] / times['torch']:.2f}** ({figures})"
    return f"({figures})"


if __name__ == "__main__":
    sys.exit(main())
