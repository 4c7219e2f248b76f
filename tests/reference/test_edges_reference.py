"""The recorded values at kinks, ties and NaN are PyTorch's. Run as a program, this records them."""

import json
import sys
from pathlib import Path

import pytest
import torch

import tidu

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from edges import CASES, differences, outcome

FILE = Path(__file__).parents[1] / "data" / "edges.json"


@pytest.mark.parametrize("name", CASES)
def test_recorded(name):
    recorded = json.loads(FILE.read_text())
    assert not differences(outcome(torch, name), recorded[name], CASES[name][2])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_of_nothing_have_the_sign_of_zero(reduction):
    def losses(library):
        functional = library.nn.functional
        scores, ones = library.zeros(4, 3), library.ones(4)
        scores[:, 0] = 200
        classes, chances = library.zeros(4, dtype=library.int64), library.eye(3)[[0, 0, 0, 0]]
        found = [
            functional.cross_entropy(scores, t, reduction=reduction) for t in (classes, chances)
        ]
        found.append(functional.binary_cross_entropy(ones, ones, reduction=reduction))
        return [str(x) for x in found]

    assert losses(tidu) == losses(torch)


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(outcome(torch, name))}" for name in CASES]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
