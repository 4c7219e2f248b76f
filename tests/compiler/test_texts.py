"""What a fixed set of programs is compiled to is what is stored (see `texts.py` to renew it)."""

import difflib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidu.compiler.machine import native

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def test_texts_are_those_stored(tmp_path):
    if not native.HOST.triple.startswith("x86") or native.HOST.vector_bytes < 32:
        pytest.skip("this processor cannot run the code")
    run = subprocess.run(
        [sys.executable, str(HERE / "texts.py"), str(tmp_path / "now")],
        env={**os.environ, "TIDU_CACHE_DIR": str(tmp_path / "cache"), "TIDU_CPU": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    stored = {p.name: p.read_text() for p in (HERE / "texts").glob("*.txt")}
    now = {p.name: p.read_text() for p in (tmp_path / "now").glob("*.txt")}
    assert stored.keys() == now.keys() and len(now) >= 10
    for name in stored:
        if stored[name] != now[name]:
            lines = difflib.unified_diff(
                stored[name].splitlines(), now[name].splitlines(), "stored", "now", lineterm="", n=1
            )
            told = "\n".join(list(lines)[:60])
            pytest.fail(f"{name} is not what is stored; if that is meant, run "
                        f"python tests/compiler/texts.py\n{told}")  # fmt: skip
