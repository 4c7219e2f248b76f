"""The recorded refusals, and the arguments that functions are said to take, are PyTorch's."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "operators"))
from refused import RECORDED, outcome  # noqa: E402


@pytest.mark.parametrize("expression", RECORDED)
def test_recorded(expression):
    assert outcome(torch, expression) == RECORDED[expression]


def test_stored_arguments():
    place = ROOT / "tools" / "store_arguments.py"
    spec = importlib.util.spec_from_file_location("store_arguments", place)
    store = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(store)
    assert store.lines() == store.TARGET.read_text("utf-8").splitlines()
