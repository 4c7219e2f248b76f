"""Calls whose arguments are wrong, and the errors PyTorch raises for them.

`tests/data/arguments.json` has them: {expression: "kind: first sentence"}. Run as a program, this
records them anew, from PyTorch.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[1] / "data" / "arguments.json"
RECORDED = json.loads(FILE.read_text("utf-8"))


def outcome(torch, expression):
    """What comes of an expression in which x, y, z, i, b, w are small tensors."""
    names = {
        "torch": torch, "F": torch.nn.functional, "np": np,
        "x": torch.arange(6.0).reshape(2, 3), "i": torch.arange(6).reshape(2, 3),
        "y": torch.arange(6.0).reshape(2, 3).requires_grad_(),
        "b": torch.tensor([[True, False, True], [False, False, True]]),
        "z": torch.tensor([1 + 2j, 3 - 1j]), "w": torch.arange(12.0).reshape(3, 4),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f"taken: {eval(expression, names)!r}"
        except Exception as error:
            # PyTorch 2.13 adds where in C++ an overflow was found.
            first = str(error).splitlines()[0].rstrip('."')
            return f"{type(error).__name__}: {first}"


if __name__ == "__main__":
    import torch

    calls = [*RECORDED, *sys.argv[1:]]
    lines = [f"{json.dumps(call)}: {json.dumps(outcome(torch, call))}" for call in calls]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
