"""Write docs/operators.md: every operator of PyTorch's test database, and what tidu has of it.

Names and tiers come from `operators.tsv`, rules and dtypes from the records of the tests. Nothing
is computed. `--check` only says whether the page is up to date.
"""

import argparse
import functools
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "operators.md"
sys.path.insert(0, str(ROOT / "tests" / "operators"))

KNOWN = {  # name -> what differs
    "special.bessel_j0": "exact to 3e-16; PyTorch's values are off by up to 2e-7",
    "special.bessel_y1": "exact to 5e-16; PyTorch's values are off by up to 3e-7",
    "special.airy_ai": "exact to 6e-16; PyTorch's values are off by up to 3e-6",
    "linalg.lstsq": "under vmap not with the drivers gelss and gelsd",
    "linalg.ldl_factor": "not under autograd, as in PyTorch",
    "linspace.tensor_overload": "no gradient, as in PyTorch",
    "logspace.tensor_overload": "no gradient, as in PyTorch",
    "as_strided_scatter": "no gradient passes to what `src` covers; PyTorch 2.13 passes it",
    "logcumsumexp": "forward mode: PyTorch adds 1e-13 to a sum of exponentials, which may be less",
    "triangular_solve": "forward mode reads one triangle of the tangent; PyTorch 2.13 all of it",
    "masked.logaddexp": "second derivatives of masked elements are 0, PyTorch's NaN",
    "nn.functional.linear_cross_entropy.chunked": "`options` are not read; twice differentiable",
    "fft.ihfftn": "writes to `out=`, which PyTorch 2.13 leaves as it was for several axes",
    "roll": "under vmap a scalar stays as it is; PyTorch 2.13 moves it along the batch",
    "nn.functional.ctc_loss": "the gradient is PyTorch's: the slope after log_softmax only",
    "igamma": "no derivative by the first argument, as in PyTorch",
    "igammac": "no derivative by the first argument, as in PyTorch",
    "special.zeta": "no derivative by the first argument, as in PyTorch",
}  # fmt: skip

HOMES = ("", "Tensor", "nn.functional", "signal.windows")
HEAD = """# Operators

The operators of PyTorch's own test database. Tier 1 is what most programs use, tier 3 is rare. The
rules are those the tests hold an operator to: `tests/operators` by differences, the two modes
against each other, loops and PyTorch's recorded answers, `tests/reference` beside PyTorch itself,
`tests/compiler` compiled. A record serves all variants of a name that have none of their own.
This page is written by `tools/list_operators.py`.
"""


def public(library, name):
    """The function of that name, or of the name without its variant; None if there is none."""
    for known in (name, name.rpartition(".")[0]):
        for home in HOMES:
            path = [part for part in f"{home}.{known}".split(".") if part]
            try:
                return functools.reduce(getattr, path, library) if known else None
            except (AttributeError, NotImplementedError):
                continue
    return None


def words(record):
    """Which rules the tests hold a record to."""
    if not record.differentiable:
        rules = ["no gradient"]
    else:
        rules = ["backward"]
        rules += ["twice"] * record.twice + ["forward mode"] * record.forward
    return rules + ["vmap"] * record.batch + ["out="] * record.out + ["in place"] * record.inplace


def page():
    """The text of the page."""
    tidu, records = importlib.import_module("tidu"), importlib.import_module("records")
    by_name = {}
    for record in records.RECORDS:
        by_name.setdefault(record.id.removeprefix("Tensor."), record)
    lines = (ROOT / "tools" / "operators.tsv").read_text(encoding="utf-8").split("\n")[1:]
    rows, missing, found = [], 0, []
    for line in filter(None, lines):
        tier, name = line.split("\t")
        record = by_name.get(name) or by_name.get(name.rpartition(".")[0])
        there = record is not None or public(tidu, name) is not None
        found += [(tier, record)] if record else []
        missing += not there
        rules = ", ".join(words(record)) if record else "yes" if there else "missing"
        dtypes = " ".join(record.dtypes or ("float64",)) if record else ""
        rows.append(f"| `{name}` | {tier} | {rules} | {dtypes} | {KNOWN.get(name, '')} |")
    return "\n".join([
        HEAD,
        f"{len(rows) - missing} of {len(rows)} are there.", "", *totals(found),
        "| name | tier | rules | dtypes tested | known differences |", "|---|---|---|---|---|",
        *rows, "", *left_out(),
    ])  # fmt: skip


def totals(found):
    """How many operators of each tier the tests hold to each rule."""
    kinds = ("backward", "twice", "forward mode", "vmap", "out=", "in place")
    lines = ["| tier | with a record | " + " | ".join(kinds) + " |", "|---" * 8 + "|"]
    for tier in "123":
        rules = [words(record) for t, record in found if t == tier]
        counts = [sum(kind in words for words in rules) for kind in kinds]
        lines.append(f"| {tier} | {len(rules)} | " + " | ".join(map(str, counts)) + " |")
    return [*lines, ""]


def left_out():
    """The operators that are not there, with the reason and what works instead."""
    tables = importlib.import_module("tidu.ops.left_out")
    rows = [
        f"| `{owner}.{name}` | {why} | {what} |"
        for owner, table in (
            ("torch", tables.ABSENT_FUNCTIONS),
            ("torch.nn.functional", tables.ABSENT_LAYERS),
            ("Tensor", tables.ABSENT_METHODS),
        )
        for name, (why, what) in sorted(table.items())
    ]
    return [
        "## Left out", "",
        "Calling one of these raises `NotImplementedError` with these words.", "",
        "| name | reason | instead |", "|---|---|---|", *rows, "",
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    if parser.parse_args().check:
        return (
            0 if PAGE.read_text(encoding="utf-8") == page() else "docs/operators.md is out of date"
        )
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
