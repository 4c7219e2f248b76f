"""The timed programs give the same results on tidu and on PyTorch after three steps."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

import tidu

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
measure = importlib.import_module("measure")
workloads = importlib.import_module("workloads").WORKLOADS
sys.path.remove(str(BENCHMARKS))


def after_three_steps(workload, module):
    program = workload.build(module)
    for _ in range(3):
        program.step()
    return program.result()


@pytest.mark.slow
@pytest.mark.parametrize("name", workloads)
def test_workload_agrees(name):
    workload = workloads[name]
    expected = after_three_steps(workload, torch)
    found = after_three_steps(workload, tidu)
    assert measure.disagreement(expected, found) <= workload.tolerance
