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
    "sort": "equal elements without `stable=True` come in stable order; PyTorch leaves it open",
    "argsort": "as sort", "topk": "which of equal elements is chosen is open in PyTorch",
    "kthvalue": "which of equal elements is chosen is open in PyTorch",
    "bincount": "not under vmap: the length depends on the values",
    "argwhere": "not under vmap: the length depends on the values",
    "nonzero_static": "not under vmap", "mode": "not under vmap", "histc": "not under vmap",
    "histogram": "not under vmap; edges must rise",
    "histogramdd": "edges must rise",
    "special.bessel_j0": "SciPy's values: PyTorch's differ from the sixth digit for some x",
    "special.bessel_y1": "SciPy's values: PyTorch's differ from the sixth digit for some x",
    "linalg.lstsq": "no `out=`; not under vmap",
    "linalg.ldl_factor": "not under autograd, as in PyTorch",
    "linalg.pinv.hermitian": "the gradient is that of the symmetric part",
    "addbmm": "in place the result must have the shape of the tensor",
    "linspace.tensor_overload": "ends are read as numbers: no gradient, not under vmap",
    "logspace.tensor_overload": "ends are read as numbers: no gradient, not under vmap",
    "fft.ihfftn": "writes to `out=`, which PyTorch 2.13 leaves as it was for several axes",
    "roll": "under vmap a scalar stays as it is; PyTorch 2.13 moves it along the batch",
    "nn.functional.ctc_loss": "the exact derivative by log_probs; PyTorch's is equal after "
    "log_softmax only",
    "igamma": "no derivative by the first argument, as in PyTorch",
    "igammac": "no derivative by the first argument, as in PyTorch",
    "special.zeta": "no derivative by the first argument, as in PyTorch",
    "slice": "an internal entry: index with x[a:b]",
    "matrix_exp": "computed in float64 for float32",
}  # fmt: skip

HOMES = ("", "Tensor", "nn.functional", "signal.windows")


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
        by_name.setdefault(record.name.removeprefix("Tensor."), record)
    lines = (ROOT / "tools" / "operators.tsv").read_text(encoding="utf-8").split("\n")[1:]
    rows, missing = [], 0
    for line in filter(None, lines):
        tier, name = line.split("\t")
        record = by_name.get(name) or by_name.get(name.rpartition(".")[0])
        there = public(tidu, name) is not None
        missing += not there
        rules = ", ".join(words(record)) if record else "yes" if there else "missing"
        dtypes = " ".join(record.dtypes) if record else ""
        rows.append(f"| `{name}` | {tier} | {rules} | {dtypes} | {KNOWN.get(name, '')} |")
    return "\n".join([
        "# Operators", "",
        "The operators of PyTorch's own test database. Tier 1 is what most programs use, tier 3 is",
        "rare. The rules are those the tests hold an operator to; \"yes\": it is there, without a",
        "record of its own. This page is written by `tools/list_operators.py`.", "",
        f"{len(rows) - missing} of {len(rows)} are there.", "",
        "| name | tier | rules | dtypes tested | known differences |", "|---|---|---|---|---|",
        *rows, "",
    ])  # fmt: skip


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
