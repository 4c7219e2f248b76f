"""The recorded refusals of flags that are no bools are PyTorch's."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from flags import FLAGS, refusals


def test_recorded():
    found = refusals(torch)
    assert found.keys() == FLAGS.keys()
    assert not [call for call, text in found.items() if text != FLAGS[call]]
