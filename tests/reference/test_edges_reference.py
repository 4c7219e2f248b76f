"""The recorded values at kinks, ties and NaN are PyTorch's. Run as a program, this records them."""

import json
import math
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


@pytest.mark.parametrize("ends", [[0.0, 1.0, 0.5], [0.25, 0.5]])
@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "bfloat16"])
def test_the_slope_of_binary_cross_entropy_at_the_ends(kind, ends):
    def found(library):
        dtype = getattr(library, kind)
        x = library.tensor(ends, dtype=dtype, requires_grad=True)
        target = library.tensor([1.0, 0.0, 0.5][: len(ends)], dtype=dtype)
        loss = library.nn.functional.binary_cross_entropy(x, target, reduction="none")
        loss.sum().backward()
        return str(loss.dtype)[-7:], loss.tolist(), x.grad.tolist()

    assert found(tidu) == found(torch)


def test_a_row_whose_norm_is_undefined_is_not_scaled():
    def rows(library, run=lambda f: f):
        x = library.tensor([[math.nan, 2.0, -3.0], [3.0, 4.0, 0.0], [0.1, 0.2, 0.2]])
        x.requires_grad_()
        y = run(lambda x: library.renorm(x, 2, 0, 1.0))(x)
        y.sum().backward()
        return str((y.detach(), x.grad[1:])).replace("-0.0000", " 0.0000")

    assert rows(tidu) == rows(tidu, tidu.compile) == rows(torch)


BOUNDS = [(-5, 5), (-5, None), (None, -5), (None, 300), (-300, 300), (-129, None), (0, 255),
          (-256, None), (-1.5, 5), (2**40, None)]  # fmt: skip


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32", "int64"])
def test_bounds_beyond_the_type(kind, bounds):
    def found(library, run):
        x = library.tensor([0, 7, 100], dtype=getattr(library, kind))
        try:
            return str(run(lambda x: library.clamp(x, *bounds))(x))
        except RuntimeError as error:
            return str(error).partition("\n")[0]

    plain = found(torch, lambda f: f).replace("torch.", "")
    for run in (lambda f: f, tidu.compile):
        assert found(tidu, run).replace("torch.", "") == plain


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(outcome(torch, name))}" for name in CASES]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
