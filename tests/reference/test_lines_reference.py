"""What is recorded of one-line programs is PyTorch's. Run as a program, this records them."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from lines import LINES, outcome, same

FILE = Path(__file__).parents[1] / "data" / "lines.json"


@pytest.mark.parametrize("line", LINES)
def test_recorded(line):
    assert same(outcome(torch, line), json.loads(FILE.read_text())[line])


if __name__ == "__main__":
    lines = [f"{json.dumps(line)}: {json.dumps(outcome(torch, line))}" for line in LINES]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
