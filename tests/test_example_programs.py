"""The programs of examples/programs, reduced, under `tidu run`, against what PyTorch printed.

`python tests/test_example_programs.py` records PyTorch's output again, where it is installed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples" / "programs").glob("*.py"))
RECORDED = ROOT / "tests" / "data" / "programs"
# Programs that PyTorch warns, and of what.
WARNED = {"kronecker_curvature": "UserWarning: Full backward hook is firing"}
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def run(command):
    environment = {**os.environ, "PYTHONUTF8": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=240
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_program_prints_what_pytorch_prints(script):
    if "sklearn" in script.read_text(encoding="utf-8"):
        pytest.importorskip("sklearn")
    done = run([sys.executable, "-m", "tidu", "run", str(script), "--small"])
    assert done.returncode == 0
    warned = WARNED.get(script.stem)
    assert warned in done.stderr if warned else not done.stderr
    wanted = (RECORDED / f"{script.stem}.txt").read_text(encoding="utf-8")
    assert NUMBER.sub("#", done.stdout) == NUMBER.sub("#", wanted)
    # Sums are added in another order on other processors, and training carries that on.
    found = [float(number) for number in NUMBER.findall(done.stdout)]
    assert found == pytest.approx([float(n) for n in NUMBER.findall(wanted)], rel=2e-3, abs=2e-3)


def test_every_program_is_plain_pytorch():
    assert SCRIPTS
    for script in SCRIPTS:
        assert "tidu" not in script.read_text(encoding="utf-8"), script


def record():
    RECORDED.mkdir(parents=True, exist_ok=True)
    for script in SCRIPTS:
        done = run([sys.executable, str(script), "--small"])
        assert done.returncode == 0, done.stderr
        (RECORDED / f"{script.stem}.txt").write_text(done.stdout, encoding="utf-8")


if __name__ == "__main__":
    record()
