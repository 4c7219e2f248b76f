"""Lines as users write them, right and wrong, against what PyTorch answered.

`python tests/test_user_programs.py` records PyTorch's answers again, where PyTorch is installed.
An answer is the printed result, or the class and the first sentence of the error.
"""

import json
from pathlib import Path

import pytest

RECORDED = Path(__file__).parent / "data" / "user_programs.json"

OPERANDS = ["'a'", "None", "{}", "object"]
OPERATORS = ["+", "-", "/", "//", "%", "**", "@", "&", "|", "^", "<<", "<", "<="]
LINES = [
    # Operators give way to operands they cannot take.
    *(f"x {operator} {other}" for operator in OPERATORS for other in OPERANDS),
    *(f"{other} {operator} x" for operator in "+-/@" for other in OPERANDS),
    "x * 'a'", "x * None", "[1.0] * x", "x == [1]", "x != {}", "x == object()", "x in [x]",
    "x.__iadd__('a')", "x.__mul__(None)", "~x", "~i", "~(x > 0)", "1 - x", "2 ** x", "2 / x",
    "7 // i", "Adds() + x", "x + Adds()", "x * Adds()",
    "float(x)", "int(x)", "complex(x)", "float(torch.zeros(0))", "float(torch.tensor([[2.5]]))",
    # Indices and targets outside of what there is.
    "nn.Embedding(3, 2)(torch.tensor([-1]))", "nn.Embedding(3, 2)(torch.tensor([3]))",
    "nn.Embedding(3, 2, padding_idx=0)(torch.tensor([[3]]))",
    "F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 1], dtype=torch.int32))",
    "F.cross_entropy(torch.ones(2, 3), torch.ones(2, 4))",
    "F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 1]), weight=torch.ones(2))",
    "F.cross_entropy(torch.ones(2, 3, 4), torch.zeros(2, 5).long())",
    "F.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1]))",
    "F.mse_loss(torch.ones(2).long(), torch.ones(2).long())",
    "torch.softmax(torch.arange(3), 0)", "torch.softmax(torch.ones(2) + 0j, 0)",
    "torch.arange(2) @ torch.ones(2)", "torch.zeros(0).argmax()",
    "torch.tensor(2 ** 63)", "torch.ones(2, dtype=torch.bfloat16).numpy()",
    "torch.utils.data.RandomSampler([])", "torch.autograd.grad(x.sum(), x)",
    "setattr(torch.ones(2, requires_grad=True), 'grad', torch.ones(2).double())",
    "torch.autograd.backward([])",
    # The type of a list is that of its elements together.
    *(
        f"torch.tensor({data}).dtype"
        for data in (
            "[np.float32(1), 2]", "[1, np.float32(1)]", "[np.float64(1), 2]",
            "[2.0, np.float64(1)]", "[np.uint8(1), 2]", "[np.uint8(1), 2.0]", "[True, np.int8(1)]",
            "[np.complex128(1), 2.0]",
            "[[np.float32(1)], [2]]", "[torch.tensor(1), 2.5]", "[torch.tensor(1.0).double(), 2]",
        )
    ),
    # Numbers in a row, rounded as PyTorch rounds them.
    "torch.linspace(-1, 1, 7).tolist()", "torch.linspace(0, 1, 40).tolist()",
    "torch.linspace(0.1, 0.7, 33, dtype=torch.float64).tolist()",
    "torch.linspace(-5.3, 2.7, 11, dtype=torch.int64)",
    "torch.arange(0, 1, 0.01).tolist()", "torch.arange(2.5, -7, -0.13).tolist()",
    "torch.arange(0, 3, 0.1, dtype=torch.float64).tolist()",
    "torch.arange(0, 1, 0.5, dtype=torch.long)",
    "torch.tensor([0, 1, 3], dtype=torch.bfloat16).std()", "torch.tensor([0, 1, 3]).half().var()",
    "torch.tensor([0, 1, 3 + 1j]).std()",
    "torch.einsum(torch.arange(6.).view(2, 3), [0, 1], torch.ones(3), [1], [0])",
    "torch.einsum(torch.arange(8.).view(2, 2, 2), [..., 0, 1], [..., 1, 0])",
    # The names of what was recorded.
    "F.nll_loss(w.log_softmax(1), torch.tensor([0, 1]))",
    "F.cross_entropy(w, torch.tensor([0, -100]), reduction='sum')",
    "F.cross_entropy(w, torch.tensor([0, 1]), weight=torch.ones(2), reduction='none')",
    "F.binary_cross_entropy(w.sigmoid(), torch.ones(2, 2))",
    "nn.BatchNorm1d(2).eval()(w)", "nn.GroupNorm(1, 2)(w)", "written()",
]  # fmt: skip


class Adds:
    """Someone's own number: it answers to + with anything."""

    def __add__(self, other):
        return "mine + other"

    def __radd__(self, other):
        return "other + mine"


def answer(torch, line):
    import numpy as np

    def written():
        w = torch.ones(2, requires_grad=True).clone()
        w[:1].mul_(5)
        return w

    names = {
        "torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np, "Adds": Adds,
        "x": torch.ones(2, 2), "i": torch.tensor([3, -4]), "written": written,
        "w": torch.tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True),
    }  # fmt: skip
    try:
        return repr(eval(line, names))
    except Exception as error:
        return f"{type(error).__name__}: {first_sentence(error)}"


def first_sentence(error):
    return str(error).split("\n")[0].split(". ")[0].removesuffix(".")


@pytest.mark.parametrize("line", LINES)
def test_line_answers_as_in_pytorch(line):
    import tidu

    assert answer(tidu, line) == json.loads(RECORDED.read_text(encoding="utf-8"))[line]


if __name__ == "__main__":
    import torch as reference

    lines = {line: answer(reference, line) for line in LINES}
    RECORDED.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")


def test_lists_as_indices():
    import tidu as torch

    a = torch.arange(9.0).reshape(3, 3)
    t = torch.tensor
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        assert a[[t([0, 1]), t([1, 0])]].tolist() == [1, 3]
    with pytest.warns(UserWarning, match="non-tuple sequence") as seen:
        assert a[[[0, 1], [1, 0]]].tolist() == [1, 3]
    assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        assert a[[0, t(1)]].item() == 1
    b = a.clone()
    with pytest.warns(UserWarning, match="non-tuple sequence") as seen:
        b[[t([1, 2]), t([0, 0])]] = 7
    assert seen[0].filename == __file__
    assert b[:, 0].tolist() == [0, 7, 7]
    assert a[[0, 2]].shape == a[[True, False, True]].shape == (2, 3)
