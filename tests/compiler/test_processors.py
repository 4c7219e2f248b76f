"""Processors other than this one: what is known of them, and code for ARM."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidu.compiler.machine import native
from tidu.compiler.machine.processors import deciding_lines

X86 = """processor\t: {}
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
stepping\t: 1
cpu MHz\t\t: 2596.{}
flags\t\t: fpu avx2
bogomips\t: 5192.19

"""
ARM = """processor\t: {}
BogoMIPS\t: 50.{}
Features\t: fp asimd
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""


@pytest.mark.parametrize(("machine", "one"), [("x86_64", X86), ("aarch64", ARM)])
def test_the_lines_that_decide(machine, one):
    def lines(text):
        return deciding_lines(io.StringIO(text), machine)

    told = lines(one.format(0, 0) + one.format(1, 1))
    assert len(told) == 6 and all(line in one for line in told)
    assert lines(one.format(0, 2)) == told  # neither a number nor a speed of the moment
    assert lines(one.format(0, 0).replace("1\n", "2\n")) != told
    for line in told:
        assert lines(one.format(0, 0).replace(line, "")) is None
    assert lines(one.format(0, 0)[:-1]) is None  # cut short
    assert deciding_lines(io.StringIO(one.format(0, 0)), "another") is None


def test_fast_and_thrifty_processors_of_one_machine():
    both = ARM.format(0, 0) + ARM.replace("0xd0c", "0xd05").format(1, 0)
    assert len(deciding_lines(io.StringIO(both), "aarch64")) == 7


@pytest.mark.slow
@pytest.mark.skipif(not native.HOST.triple.startswith("x86"), reason="the programs run on x86")
def test_what_is_written_for_arm_compiles_for_it(tmp_path):
    run = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "arm.py")],
        env={**os.environ, "TIDU_CACHE_DIR": str(tmp_path), "TIDU_COMPILER_PROCESS": "0"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0 and "RuntimeError" not in run.stderr, run.stderr[-3000:]
    texts = int(run.stdout)
    if not texts:
        pytest.skip("LLVM was built without ARM")
    assert texts > 50
