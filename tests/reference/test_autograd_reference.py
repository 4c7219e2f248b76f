"""The programs of `tests/programs` observe the same in tidu and in PyTorch."""

import importlib
import sys
from pathlib import Path

import pytest
import torch as reference

import tidu

sys.path.insert(0, str(Path(__file__).parents[1]))
observe = importlib.import_module("programs.observe")
MODULES = ("tape", "changes", "seeds", "surface", "graphs", "recompute", "duals", "checks",
           "batches", "nodes", "undefined", "refusals", "corners", "bits")  # fmt: skip
PROGRAMS = {
    f"{module}.{name}": program
    for module in MODULES
    for name, program in observe.collect(importlib.import_module(f"programs.{module}")).items()
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_observations(name):
    program = PROGRAMS[name]
    got, want = observe.plain(program(tidu)), observe.plain(program(reference))
    assert observe.difference(got, want) is None
