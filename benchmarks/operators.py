"""The operations programs use most, at four sizes, forward and backward, tidu beside PyTorch.

    python benchmarks/operators.py [--only add,matmul] [--sizes 10,1000] [--quick] [--threads 2]
                                   [--part 1/4] [--keep times.json]
                                   [--page docs/operator_speed.md]

A ratio below 1 says that tidu is faster; the last lines give the geometric mean of all of them and
those above 3. `--part 2/4` measures the second quarter of the operations; `--keep` adds the times
to those of earlier runs on the same machine, the best of each; `--page` writes the table of all
that was kept, in the order of the operations.
"""

import argparse
import importlib
import importlib.util
import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measure import available_cores, best_times, disagreement, machine, use_threads
from operator_cases import CASES, USED

SIZES = (10, 1_000, 100_000, 4_000_000)


def inputs(torch, size):
    return [torch.from_numpy(uniform(size, seed)) for seed in (2, 3)]


def uniform(size, seed):
    import numpy as np

    return np.random.default_rng(seed).uniform(0.05, 1, size).astype(np.float32)


def forward_program(torch, case, size):
    x, y = inputs(torch, size)

    def call():
        return case(torch, x, y)

    def result():
        torch.manual_seed(0)
        return call().float().detach().numpy()

    return call, result


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
        torch.manual_seed(0)
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
    parser.add_argument("--part", default="1/1", help="2/4: the second quarter of the operations")
    parser.add_argument("--keep", type=Path, help="a JSON file of times by operation and size")
    parser.add_argument("--page", type=Path, help="the document to write from all kept times")
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
    only = list(USED) if chosen.only == "used" else [n for n in chosen.only.split(",") if n]
    unknown = set(only) - CASES.keys()
    if unknown:
        sys.exit(f"unknown operations: {', '.join(sorted(unknown))}")
    only = part_of(only or list(CASES), chosen.part)
    print(f"Machine: {machine(chosen.threads)}.\n")
    print(f"tidu / torch (microseconds of {', '.join(names)}); forward, then forward + backward.\n")
    print("| operation | " + " | ".join(f"{size:,}" for size in sizes) + " |")
    print("|---|" + "---:|" * len(sizes))
    windows, seconds = (4, 0.01) if chosen.quick else (5, 0.05)
    ratios, kept = {}, {}
    for name in only:
        for label, make in [(name, forward_program), (f"{name}, backward", backward_program)]:
            found = print_row(label, modules, CASES[name], sizes, make, windows, seconds)
            kept[label] = {str(size): times for size, times in found.items()}
            ratios.update({(label, size): ratio_of(times) for size, times in found.items()})
    print("\n" + summary(ratios))
    if chosen.keep:
        write_kept(chosen, kept, f"windows of {seconds * 1000:.0f} ms")


def part_of(names, part):
    """The names of one part, "2/4" the second of four."""
    place, count = map(int, part.split("/"))
    bounds = [round(i * len(names) / count) for i in range(count + 1)]
    return names[bounds[place - 1] : bounds[place]]


def write_kept(chosen, kept, windows):
    """The times added to the file of earlier ones, and the page of them all."""
    where = {"machine": machine(chosen.threads), "windows": windows}
    whole = json.loads(chosen.keep.read_text()) if chosen.keep.exists() else {**where, "times": {}}
    if {name: whole[name] for name in where} != where:
        sys.exit(f"{chosen.keep} has times of another machine, or of other windows")
    for label, rows in kept.items():
        row = whole["times"].setdefault(label, {})
        for size, times in rows.items():
            before = row.get(size, times)
            row[size] = {name: min(times[name], before[name]) for name in times}
    chosen.keep.write_text(json.dumps(whole, indent=1))
    if chosen.page:
        chosen.page.write_text(document(whole), encoding="utf-8")


PAGE = """# Speed of operations

The sixty operations programs use most (and a few of their kind), called eagerly: the time of tidu
over that of PyTorch, in brackets the microseconds of PyTorch and of tidu; forward, then forward and
backward. Below 1, tidu is faster. A dash: no derivative, or no comparison.
Written by `make bench-operators BENCH="--only used --keep times.json --page
docs/operator_speed.md"` (in several runs), which compares the results of both libraries, runs them
in alternating {windows}, and takes the best of all. {machine}.

{summary}

"""


def document(kept):
    """The page of all times that were kept."""
    order = [label for name in CASES for label in (name, f"{name}, backward")]
    whole = {label: kept["times"][label] for label in order if label in kept["times"]}
    sizes = sorted({int(size) for times in whole.values() for size in times})
    ratios = {(label, size): ratio_of(times[str(size)]) for label, times in whole.items()
              for size in sizes if str(size) in times}  # fmt: skip
    lines = ["| operation | " + " | ".join(f"{size:,}" for size in sizes) + " |",
             "|---|" + "---:|" * len(sizes)]  # fmt: skip
    for label, times in whole.items():
        if times:
            cells = [cell(times[str(s)]) if str(s) in times else "-" for s in sizes]
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    head = PAGE.format(summary=summary(ratios), machine=kept["machine"], windows=kept["windows"])
    return head + "\n".join(lines) + "\n"


def ratio_of(times):
    return times["tidu"] / times["torch"]


def print_row(label, modules, case, sizes, make, windows, seconds):
    """Prints the row of a case; {size: the seconds of each library}."""
    cells, kept = [], {}
    for size in sizes:
        times = compare(modules, case, size, make, windows, seconds)
        if times == {}:
            return {}
        cells.append(times if isinstance(times, str) else cell(times))
        if not isinstance(times, str) and {"tidu", "torch"} <= times.keys():
            kept[size] = times
    print(f"| {label} | " + " | ".join(cells) + " |", flush=True)
    return kept


def summary(ratios):
    if not ratios:
        return "Nothing was compared."
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    above = [f"{label} of {size:,} ({ratio:.1f})"
             for (label, size), ratio in sorted(ratios.items(), key=lambda one: -one[1])
             if ratio > 3]  # fmt: skip
    return (f"Geometric mean of {len(ratios)} ratios: {mean:.2f}. "
            f"Above 3: {', '.join(above) or 'none'}.")  # fmt: skip


def cell(times):
    figures = " / ".join(f"{seconds * 1e6:.1f}" for seconds in times.values())
    if {"tidu", "torch"} <= times.keys():
        return f"**{times['tidu'] / times['torch']:.2f}** ({figures})"
    return f"({figures})"


if __name__ == "__main__":
    sys.exit(main())
