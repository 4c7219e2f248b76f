"""Whole programs in the styles of public repositories: what they print, under tidu and PyTorch.

Each text in tests/data/styles is a program. One process of each library runs them all; words must
be the same, numbers to what differs in the last digits of float32.
"""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

FOLDER = Path(__file__).parents[1] / "data" / "styles"
PROGRAMS = sorted(FOLDER.glob("*.txt"))
RUNNER = """
import contextlib, io, json, sys, traceback, types, warnings
import torch
warnings.simplefilter("ignore")
sys.argv = sys.argv[:2]
printed = {}
for path in open(sys.argv[1]).read().split():
    out, module = io.StringIO(), types.ModuleType("program")
    sys.modules["program"], sys.argv = module, [path]
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(open(path).read(), path, "exec"), vars(module))
        except Exception as error:
            print("ended by", type(error).__name__, error)
    printed[path] = out.getvalue()
    torch.set_grad_enabled(True)
json.dump(printed, open("printed.json", "w"))
"""
NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]?\d+)?|-?\d+(?:e[+-]?\d+)?")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def printed_by(start, folder):
    (folder / "runner.py").write_text(RUNNER)
    (folder / "programs").write_text("\n".join(map(str, PROGRAMS)))
    ended = subprocess.run(
        [sys.executable, *start, "runner.py", "programs"], cwd=folder, capture_output=True,
        text=True, timeout=900, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads((folder / "printed.json").read_text())


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    return [
        printed_by(start, tmp_path_factory.mktemp(name))
        for name, start in (("tidu", ["-m", "tidu", "run"]), ("torch", []))
    ]


def close(got, wanted):
    """Numbers that agree but for rounding, which training for some steps makes larger."""
    a, b = float(got), float(wanted)
    digits = len(wanted.partition(".")[2].partition("e")[0])
    return math.isclose(a, b, rel_tol=2e-3, abs_tol=1.01 * 10.0**-digits if digits else 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program(program, printed):
    ours, theirs = (ADDRESS.sub("", p[str(program)]) for p in printed)
    assert "ended by" not in theirs, theirs[-300:]
    assert NUMBER.sub("#", ours).split() == NUMBER.sub("#", theirs).split()
    for got, wanted in zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True):
        assert got == wanted or close(got, wanted), f"{got} is not {wanted}"


def test_there_are_many():
    assert len(PROGRAMS) > 100
