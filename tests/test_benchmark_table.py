"""The table of benchmarks: which libraries are timed, and which columns it has for them."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def run():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("run")
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_tidu_brings_its_compiled_programs(run):
    assert run.asked("tidu") == ["tidu", "tidu.compile"]
    assert run.asked("torch, tidu,jax") == ["torch", "tidu", "tidu.compile", "jax"]
    assert run.asked("tidu.compile,tidu") == ["tidu.compile", "tidu"]
    assert run.asked("torch") == ["torch"]


def test_only_columns_with_something_to_tell(run):
    times = {"tidu": 4e-6, "tidu.compile": 1e-6, "torch": 16e-6, "jax": 2e-6}

    def cells(*names):
        timed = {name: times[name] for name in names if name in times}
        row = "W1", "a title", timed, {"tidu": 3.0, "torch": 2.0}
        head, _, line, *rest = run.table([row], dict.fromkeys(names))
        return dict(zip(*[t.strip("|").split(" | ") for t in (head, line)], strict=True)), rest

    found, rest = cells("tidu", "tidu.compile")
    assert list(found.values())[1:] == ["4.00", "1.00", "**0.25**", "3.0 "] and not rest
    assert "compiled / tidu" in found and not any("torch" in name for name in found)
    found, rest = cells("torch", "tidu", "tidu.compile", "jax")
    assert found["compiled / torch"] == "**0.062**" and found["tidu / torch"] == "**0.25**"
    assert found["compiled / best peer"] == "**0.50** jax" and "compiled / tidu" not in found
    assert rest[-1] == "tidu / torch, geometric mean of 1 workloads: **0.25**"
    del times["jax"], times["torch"]
    found, rest = cells("torch", "tidu", "tidu.compile", "jax")
    assert found["compiled / torch"] == found["compiled / best peer"] == "-" and not rest
