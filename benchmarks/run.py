"""tidu beside PyTorch and the other libraries installed: tables to paste.

    python benchmarks/run.py [--only W1,W3] [--quick] [--threads 2] [--keep FILE] [--readme]

Every workload is one program, run with each library's module in place of torch. Results are
compared before anything is timed. torch.compile needs a C++ compiler, and 10 to 20 seconds for each
workload before it is timed (a few where its own cache has it): `--quick`, two to three minutes in
all, leaves it out unless `--libraries` names it, and its first calls in any case. With `--keep`
what was measured goes into a file, and the tables have what that file has from runs before: each
may measure a part.
`main` reads the options; `time_workload` does the work; `tables.py` writes.
"""

import argparse
import importlib
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path
from textwrap import shorten

sys.path.insert(0, str(Path(__file__).parent))
import processes
import tables
from measure import available_cores, best_times, disagreement, machine, use_threads

LIBRARIES = ("torch", "tidu")
COMPILED = ("torch.compile", "tidu.compile")
PEERS = ("jax", "autograd")


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="workloads, as W1,W3; all of them when left out")
    parser.add_argument("--quick", action="store_true", help="short windows: a rough picture")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--libraries", default="",
                        help="as torch,tidu; tidu brings its compiled programs along")  # fmt: skip
    parser.add_argument("--markdown", help="also write the table into this file")
    parser.add_argument("--keep", help="a file of what was measured, to which this run adds")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    return parser.parse_args()


def main():
    chosen = options()
    use_threads(chosen.threads)
    libraries, remarks = usable(asked(chosen.libraries, chosen.quick))
    modules = load(libraries, chosen.threads)
    only = {name.strip().upper() for name in chosen.only.split(",") if name.strip()}
    notes = {"libraries": remarks}
    found = {
        "timed": time_all(modules, only, chosen.quick, notes),
        "first": all_first_calls(libraries, only, chosen.quick, notes),
        "processes": process_rows(libraries, only, chosen.quick, notes),
        "notes": notes,
    }
    if chosen.keep:
        found = kept(found, Path(chosen.keep))
    text = "\n".join([
        f"Machine: {machine(chosen.threads)}.", f"Versions: {versions(modules)}.", "",
        *tables.timed_table(found["timed"], libraries), *tables.first_table(found["first"]),
        *tables.process_table(found["processes"], libraries), *remarked(found["notes"]),
    ])  # fmt: skip
    print(text)
    if chosen.markdown:
        Path(chosen.markdown).write_text(text + "\n", encoding="utf-8")
    if chosen.readme:
        put_into_readme(text)
    return int("disagrees" in text)


def remarked(notes):
    lines = [f"- {line}" for part in notes.values() for line in part]
    return [""] * bool(lines) + lines


def kept(found, path):
    """What this run and those before it found; this run's where both have it."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    both = {key: {**before.get(key, {}), **part} for key, part in found.items()}
    for key, order in (("timed", workloads()), ("first", processes.FIRST)):
        both[key] = {name: both[key][name] for name in order if name in both[key]}
    path.write_text(json.dumps(both), encoding="utf-8")
    return both


def asked(text, quick=False):
    """The libraries that were named, and tidu's compiled programs with tidu; without names all, of
    which a quick run leaves out the one that is not."""
    if not text:
        return [n for n in LIBRARIES + COMPILED + PEERS if not (quick and n == "torch.compile")]
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
            remarks.append("torch.compile is left out: it needs a C++ compiler, and there is none")
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


def time_all(modules, only, quick, notes):
    """For each workload its title and the seconds of what was timed, by library."""
    rows = {}
    for name, workload in workloads().items():
        if only and name.upper() not in only and name.upper().rstrip("AB") not in only:
            continue
        tell(f"{name} {workload.title}")
        notes[name] = []
        rows[name] = time_workload(name, workload, modules, quick, notes[name])
    return rows


def workloads():
    """All of them. The module imports NumPy, which must not be before the threads are counted."""
    return importlib.import_module("workloads").WORKLOADS


def tell(title):
    print(f"{title} ...", file=sys.stderr, flush=True)


def time_workload(name, workload, modules, quick, notes):
    """Steps, functions and gradients of all libraries, in the same alternating windows."""
    programs = build_programs(name, workload, modules, notes)
    calls = {(part, key): getattr(program, part)
             for part in ("step", "primal", "gradient") for key, program in programs.items()
             if getattr(program, part)}  # fmt: skip
    times = best_times(calls, *((3, 0.03) if quick else (7, 0.15)))
    row = {"title": workload.title, "step": {}, "primal": {}, "gradient": {}}
    for (part, key), seconds in times.items():
        row[part][key] = seconds
    return row


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
            notes.append(f"{name}: {library} cannot run it: {told}")
            continue
        if reference is None:
            reference = result
        difference = disagreement(reference, result)
        if not difference <= workload.tolerance:
            notes.append(f"{name}: {library} disagrees by {difference:.1e}; it is not timed")
            continue
        programs[library] = program
    return programs


def build_one(name, workload, library, module):
    if library in LIBRARIES:
        return workload.build(module)
    if library.endswith(".compile"):
        program = workload.build(module)
        program.step = module.compile(program.step)
        program.primal = program.gradient = None
        return program
    build = importlib.import_module(f"peer_{library}").PROGRAMS.get(name)
    return build() if build else None


def all_first_calls(libraries, only, quick, notes):
    """Milliseconds of the first two calls, by workload and library."""
    if only and "W20" not in only:
        return {}
    names = [name for name in libraries if name.endswith(".compile") or name == "jax"]
    names = [name for name in names if not (quick and name == "torch.compile")]
    rows, notes["W20"] = {}, [tables.COUNTED] * bool(names)
    for name, title in processes.FIRST.items():
        tell(f"W20 {title}")
        rows[name] = some_first_calls(name, names, 2 if quick else 3, notes["W20"])
    return rows


def some_first_calls(name, libraries, repeats, notes):
    """Of one workload, where the library's results are those of the first library."""
    found, reference = {}, None
    for library in libraries:
        try:
            times, results = processes.first_calls(
                name, library, 1 if library == "torch.compile" else repeats
            )
        except RuntimeError as error:
            notes.append(f"W20: {library} cannot run {name}: {shorten(str(error), 150)}")
            continue
        reference = reference or results[0]
        difference = max(disagreement(reference, result) for result in results)
        if difference <= workloads()[name].tolerance:
            found[library] = times
        else:
            notes.append(f"W20: {library} disagrees by {difference:.1e} in {name}")
    return found


def process_rows(libraries, only, quick, notes):
    """Import time, installed size and peak memory, by title and library."""
    rows = {}
    for row in processes.ROWS:
        if only and row.name not in only:
            continue
        tell(f"{row.name} {row.title}")
        rows[row.title], told = {}, notes.setdefault(row.title, [])
        for library in [name for name in libraries if "." not in name]:
            try:
                value = row.measure(library, quick)
            except RuntimeError as error:
                told.append(f"{row.name}: {library}: {shorten(str(error), 150)}")
                continue
            if value is not None:
                rows[row.title][library] = value
    return rows


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(main())
