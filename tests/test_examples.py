"""The example programs under `tidu run`, against what PyTorch printed for them.

The seed scripts draw random numbers without a seed, so both sides run them with one.
`python tests/test_examples.py` records PyTorch's output again, where PyTorch is installed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples" / "seeds").glob("*.py"))
RECORDED = ROOT / "tests" / "data" / "seeds"
TIDU = [sys.executable, "-m", "tidu", "run"]
SEEDED = "import runpy, sys, torch; torch.manual_seed(0); runpy.run_path(sys.argv[1])"


def run(command, folder=ROOT):
    environment = {**os.environ, "PYTHONUTF8": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=240
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_seed_prints_what_pytorch_prints(script):
    done = run([*TIDU, "-c", SEEDED, str(script)])
    assert done.returncode == 0, done.stderr
    assert done.stdout == (RECORDED / f"{script.stem}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_seed_runs_as_it_is(script):
    done = run([*TIDU, str(script)])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "script", [*SCRIPTS, ROOT / "examples" / "digits.py"], ids=lambda p: p.stem
)
def test_check_finds_nothing_missing(script):
    done = run([sys.executable, "-m", "tidu", "check", str(script)])
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_digits(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    pytest.importorskip("tqdm")
    done = run([*TIDU, str(ROOT / "examples" / "digits.py")], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Perceptron: 33738 weights, 9")
    assert (tmp_path / "demo-output" / "digits-loss.png").read_bytes().startswith(b"\x89PNG")


def record():
    RECORDED.mkdir(parents=True, exist_ok=True)
    for script in SCRIPTS:
        done = run([sys.executable, "-c", SEEDED, str(script)])
        (RECORDED / f"{script.stem}.txt").write_text(done.stdout, encoding="utf-8")


if __name__ == "__main__":
    record()
