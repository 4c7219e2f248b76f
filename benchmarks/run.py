"""tidu beside PyTorch and the other libraries installed: a table to paste.

    python benchmarks/run.py [--only W1,W3] [--quick] [--threads 2] [--readme]

Every workload is one program, run with each library's module in place of torch. Results are
compared before anything is timed. torch.compile needs a C++ compiler, and 10 to 20 seconds for each
workload before it is timed. `main` reads the options; `time_workload` does the work.
"""

import argparse
import importlib
import importlib.util
import math
import os
import shutil
import sys
from pathlib import Path
from textwrap import shorten

sys.path.insert(0, str(Path(__file__).parent))
from measure import available_cores, best_times, disagreement, machine, use_threads

LIBRARIES = ("torch", "tidu")
COMPILED = ("torch.compile", "tidu.compile")
PEERS = ("jax", "autograd")
PROCESS_ROWS = {
    "W18": ["import, ms"],
    "W19": ["installed, MiB"],
    "W21": [
        "peak memory above import, W7, MiB",
        "peak memory, MLP of 50 layers, 4096x256, MiB",
        "the same, checkpointed every 7 layers, MiB",
    ],
}


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="workloads, as W1,W3; all of them when left out")
    parser.add_argument("--quick", action="store_true", help="short windows: a rough picture")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--libraries", default=",".join(LIBRARIES + COMPILED + PEERS),
                        help="as torch,tidu; tidu brings its compiled programs along")  # fmt: skip
    parser.add_argument("--markdown", help="also write the table into this file")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    return parser.parse_args()


def main():
    chosen = options()
    use_threads(chosen.threads)
    libraries, remarks = usable(asked(chosen.libraries))
    modules = load(libraries, chosen.threads)
    only = {name.strip().upper() for name in chosen.only.split(",") if name.strip()}
    lines = [f"Machine: {machine(chosen.threads)}.", f"Versions: {versions(modules)}.", ""]
    timed, notes = time_all(modules, only, chosen.quick)
    notes = remarks + notes
    lines += table(timed, modules)
    lines += process_table(modules, only, notes)
    lines += [""] * bool(notes) + notes
    text = "\n".join(lines)
    print(text)
    if chosen.markdown:
        Path(chosen.markdown).write_text(text + "\n", encoding="utf-8")
    if chosen.readme:
        put_into_readme(text)
    return int(any("disagrees" in note for note in notes))


def asked(text):
    """The libraries that were named, and tidu's compiled programs with tidu."""
    names = [name.strip() for name in text.split(",")]
    if "tidu" in names and "tidu.compile" not in names:
        names.insert(names.index("tidu") + 1, "tidu.compile")
    return names


def usable(names):
    """The libraries that are installed and have what they need, and why another has not."""
    found, remarks = [], []
    for name in names:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            continue
        if name == "torch.compile" and not cpp_compiler():
            remarks.append(
                "- torch.compile is left out: it needs a C++ compiler, and there is none"
            )
            continue
        found.append(name)
    return found, remarks


def cpp_compiler():
    """The compiler that PyTorch's inductor would call."""
    names = [os.environ.get("CXX"), "g++", "clang++", "c++"]
    return next((name for name in names if name and shutil.which(name)), None)


def put_into_readme(text):
    """Replaces what stands between the two marks in README.md."""
    readme = Path(__file__).parents[1] / "README.md"
    before, start, rest = readme.read_text(encoding="utf-8").partition("<!-- bench:start")
    mark, end, after = rest.partition("<!-- bench:end -->")
    mark = mark.splitlines()[0]
    readme.write_text(f"{before}{start}{mark}\n{text}\n{end}{after}", encoding="utf-8")


def load(names, threads):
    modules = {name: importlib.import_module(name.partition(".")[0]) for name in names}
    if "torch" in modules:
        modules["torch"].set_num_threads(threads)
    return modules


def versions(modules):
    import numpy

    known = {
        name: getattr(module, "__version__", "?")
        for name, module in modules.items()
        if "." not in name
    }
    if "autograd" in known:
        known["autograd"] = importlib.import_module("importlib.metadata").version("autograd")
    return ", ".join(
        f"{name} {version}" for name, version in {**known, "numpy": numpy.__version__}.items()
    )


def time_all(modules, only, quick):
    """Rows of (name, title, seconds by library, step/forward by library), and remarks."""
    # After the thread counts are set: it imports NumPy.
    from workloads import WORKLOADS

    rows, notes = [], []
    for name, workload in WORKLOADS.items():
        if only and name.upper() not in only and name.upper().rstrip("AB") not in only:
            continue
        print(f"{name} {workload.title} ...", file=sys.stderr, flush=True)
        rows.append((name, workload.title, *time_workload(name, workload, modules, quick, notes)))
    return rows, notes


def time_workload(name, workload, modules, quick, notes):
    programs = build_programs(name, workload, modules, notes)
    windows, seconds = (3, 0.03) if quick else (7, 0.15)
    times = best_times({key: program.step for key, program in programs.items()}, windows, seconds)
    primal = {key: program.primal for key, program in programs.items() if program.primal}
    forward = best_times(primal, windows, seconds) if primal else {}
    return times, {key: times[key] / forward[key] for key in forward}


def build_programs(name, workload, modules, notes):
    """The programs of a workload that run and agree with the first library's."""
    programs, reference = {}, None
    for library, module in modules.items():
        try:
            program = build_one(name, workload, library, module)
            if program is None:
                continue
            for _ in range(3):
                program.step()
            result = program.result()
        except Exception as error:  # a library that cannot run a workload leaves a gap in the table
            told = shorten(f"{type(error).__name__}: {error}", 150, placeholder=" ...")
            notes.append(f"- {name}: {library} cannot run it: {told}")
            continue
        if reference is None:
            reference = result
        difference = disagreement(reference, result)
        if not difference <= workload.tolerance:
            notes.append(f"- {name}: {library} disagrees by {difference:.1e}; it is not timed")
            continue
        programs[library] = program
    return programs


def build_one(name, workload, library, module):
    if library in LIBRARIES:
        return workload.build(module)
    if library.endswith(".compile"):
        program = workload.build(module)
        program.step, program.primal = module.compile(program.step), None
        return program
    build = importlib.import_module(f"peer_{library}").PROGRAMS.get(name)
    return build() if build else None


def table(rows, modules):
    """The timed workloads in Markdown, microseconds; no column without a library for it."""
    if not rows:
        return []
    columns = [(f"{name}, µs", lambda t, _, name=name: figure(t[name] * 1e6)) for name in modules]
    columns += [column for column, (needed, instead) in COMPARISONS
                if needed <= modules.keys() and instead not in modules]  # fmt: skip
    if any(not name.startswith("tidu") for name in modules) and "tidu.compile" in modules:
        columns.append(("compiled / best peer", beside_best))
    columns += [(f"step / forward: {name}", lambda _, costs, name=name: f"{costs[name]:.1f}")
                for name in reversed(LIBRARIES) if name in modules]  # fmt: skip
    lines = ["| workload | " + " | ".join([head for head, _ in columns]) + " |",
             "|---|" + "---:|" * len(columns)]  # fmt: skip
    for name, title, times, costs in rows:
        cells = [cell(of, times, costs) for _, of in columns]
        lines.append(f"| {name} {title} | " + " | ".join(cells) + " |")
    return lines + mean_of(rows)


def cell(of, times, costs):
    """What a column says of a workload; a dash where a library has no time for it."""
    try:
        return of(times, costs)
    except KeyError:
        return "-"


def part(name, other):
    def of(times, _):
        ratio = times[name] / times[other]
        return f"**{ratio:.2f}**" if ratio >= 0.1 else f"**{ratio:.2g}**"

    return of


# A column, the libraries it compares, and the one whose columns say as much.
COMPARISONS = (
    (("tidu / torch", part("tidu", "torch")), ({"tidu", "torch"}, None)),
    (("compiled / torch", part("tidu.compile", "torch")), ({"tidu.compile", "torch"}, None)),
    (("compiled / tidu", part("tidu.compile", "tidu")), ({"tidu.compile", "tidu"}, "torch")),
)


def beside_best(times, costs):
    """The compiled program beside the quickest of the others."""
    best = min([name for name in times if not name.startswith("tidu")], key=times.get, default="")
    return f"{part('tidu.compile', best)(times, costs)} {best}"


def mean_of(rows):
    ratios = [times["tidu"] / times["torch"] for _, _, times, _ in rows
              if {"tidu", "torch"} <= times.keys()]  # fmt: skip
    if not ratios:
        return []
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return ["", f"tidu / torch, geometric mean of {len(ratios)} workloads: **{mean:.2f}**"]


def figure(value):
    """Three significant digits, without an exponent."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{digits}f}"


def process_table(modules, only, notes):
    """Import time, installed size and peak memory in Markdown."""
    wanted = [name for name in PROCESS_ROWS if not only or name in only]
    if not wanted:
        return []
    names = [name for name in modules if "." not in name]
    lines = [
        "",
        "| | " + " | ".join(names) + " | tidu / torch |",
        "|---|" + "---:|" * (len(names) + 1),
    ]
    for name in wanted:
        for index, title in enumerate(PROCESS_ROWS[name]):
            print(f"{name} {title} ...", file=sys.stderr, flush=True)
            values = {key: process_value(name, index, key, notes) for key in names}
            values = {key: value for key, value in values.items() if value is not None}
            cells = [figure(values[key]) if key in values else "-" for key in names]
            both = {"tidu", "torch"} <= values.keys()
            cells.append(f"**{values['tidu'] / values['torch']:.2f}**" if both else "-")
            lines.append(f"| {name} {title} | " + " | ".join(cells) + " |")
    return lines


def process_value(name, index, library, notes):
    import processes

    try:
        if name == "W18":
            return processes.import_milliseconds(library)
        if name == "W19":
            return processes.installed_mebibytes(library)
        if library in LIBRARIES:
            program = list(processes.MEMORY_PROGRAMS)[index]
            return processes.peak_mebibytes(library, program)
    except RuntimeError as error:
        notes.append(f"- {name}: {library}: {str(error)[:150]}")
    return None


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(main())
