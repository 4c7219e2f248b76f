"""The recorded values at kinks, ties and NaN are PyTorch's. Run as a program, this records them."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from edges import CASES, differences, outcome

FILE = Path(__file__).parents[1] / "data" / "edges.json"


@pytest.mark.parametrize("name", CASES)
def test_recorded(name):
    recorded = json.loads(FILE.read_text())
    assert not differences(outcome(torch, name), recorded[name], CASES[name][2])


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(outcome(torch, name))}" for name in CASES]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
