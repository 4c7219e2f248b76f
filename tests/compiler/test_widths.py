"""Generated code for processors with other vector registers than this one's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidu.compiler.machine import native

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
FILES = "test_convolution.py", "test_mathematics.py", "test_native.py", "test_products.py"


@pytest.mark.slow
@pytest.mark.skipif(not native.available(), reason="needs llvmlite")
@pytest.mark.parametrize(("cpu", "width"), [("x86-64-v2", 16), ("x86-64-v3", 32)])
def test_narrower_registers(cpu, width, tmp_path):
    if not native.HOST.triple.startswith("x86") or native.HOST.vector_bytes < width:
        pytest.skip("this processor cannot run the code")
    if native.HOST.vector_bytes == width:
        pytest.skip("this processor's own width, which all other tests use")
    files = [str(HERE / name) for name in FILES]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files],
        env={**os.environ, "TIDU_CPU": cpu, "XDG_CACHE_HOME": str(tmp_path)},
        cwd=HERE.parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
