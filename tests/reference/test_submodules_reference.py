"""Modules that `import torch` alone makes reachable, as `torch.distributions.utils`."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

WALK = """
import json, types, warnings
import torch
warnings.simplefilter("ignore")
names, seen = [], set()

def walk(module, path):
    if id(module) in seen or path.count(".") > 4:
        return
    seen.add(id(module))
    for name, value in list(vars(module).items()):
        if isinstance(value, types.ModuleType) and value.__name__ == f"{path}.{name}":
            names.append(value.__name__)
            walk(value, value.__name__)

walk(torch, "torch")
print(json.dumps(names))
"""
REACH = """
import json, sys
import tidu
for path in json.load(sys.stdin):
    value = tidu
    try:
        for name in path.split(".")[1:]:
            value = getattr(value, name)
    except AttributeError:
        print(path)
"""


def _said(program, given=""):
    return subprocess.run(
        [sys.executable, "-c", program], input=given, capture_output=True, text=True, check=True
    ).stdout


def _is_here(path):
    """Whether tidu has the module, without importing what stands above it twice."""
    try:
        return find_spec(path.replace("torch", "tidu", 1)) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.slow
def test_submodules_that_pytorch_loads_are_reached():
    pytest.importorskip("torch")
    here = [path for path in json.loads(_said(WALK)) if _is_here(path)]
    assert len(here) > 60
    assert _said(REACH, json.dumps(here)).split() == []
