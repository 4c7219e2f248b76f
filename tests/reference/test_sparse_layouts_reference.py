"""Sparse tensors of all layouts, batched and hybrid ones, too: lines print what PyTorch prints.

The lines are in tests/data/sparse_lines.txt; errors count with their class and first sentence.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import tidu

SETUP = """
d4 = torch.tensor([[1.,0,0,0],[2,3,0,0],[0,0,0,0],[0,0,0,5]])
bsr = d4.to_sparse_bsr((2,2)); bsc = d4.to_sparse_bsc((2,2))
r = torch.arange(12.).reshape(4,3)
bat = torch.tensor([[[1.,0],[0,2]],[[0,3.],[4,0]]])
bcsr = bat.to_sparse_csr(); bcsc = bat.to_sparse_csc()
hy = torch.tensor([[[1.,2],[0,0]],[[0,0],[0,3.]]])
hcsr = hy.to_sparse_csr(dense_dim=1)
bb = torch.stack([d4,d4*2]); bbsr=bb.to_sparse_bsr((2,2))
csr = d4.to_sparse_csr(); csc=d4.to_sparse_csc(); coo=d4.to_sparse()
leaf = torch.sparse_bsr_tensor(
    bsr.crow_indices(), bsr.col_indices(), bsr.values().clone(), (4,4), requires_grad=True)
"""
LINES = (Path(__file__).parents[1] / "data" / "sparse_lines.txt").read_text().splitlines()


def answer(library, line):
    names = {"torch": library}
    exec(SETUP, names)
    try:
        return repr(eval(line, names))
    except Exception as error:
        return f"{type(error).__name__}: " + re.split(r"\. |\n", str(error))[0].rstrip(".")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, len(LINES), 50))
def test_lines(start):
    for line in LINES[start : start + 50]:
        assert answer(tidu, line) == answer(torch, line), line


GRADIENTS = [
    "leaf * 2", "leaf + leaf", "-leaf", "leaf.clone()", "leaf.double()", "leaf.relu()", "leaf.t()",
    "leaf.to_sparse_bsc((2, 2))",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", GRADIENTS)
def test_gradients_of_blocks(line):
    texts = []
    for library in (tidu, torch):
        names = {"torch": library}
        exec(SETUP, names)
        weights = library.arange(8.0).reshape(2, 2, 2)
        total = (eval(line, names).values() * weights).sum()
        texts.append(repr(library.autograd.grad(total, names["leaf"])))
    assert texts[0] == texts[1]


MADE = [
    "x.to_sparse_csr()", "x.to_sparse_csc()", "x.to_sparse_bsr((2, 3))", "x.to_sparse_bsc((2, 3))",
    "x.to_sparse()", "stack.to_sparse_csr()", "stack.to_sparse_bsr((2, 3))",
    "hybrid.to_sparse_csr(dense_dim=1)", "hybrid.to_sparse_bsr((2, 3), dense_dim=1)",
    "hybrid.to_sparse_bsc((2, 3), dense_dim=1)",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64", "bool"])
def test_there_and_back(made, dtype):
    draw = np.random.default_rng(0)
    x = draw.integers(-3, 4, (4, 6)) * (draw.random((4, 6)) > 0.6)
    parts = {"x": x, "stack": np.stack([x, -x]), "hybrid": np.stack([x, 2 * x], -1)}
    found = []
    for library in (tidu, torch):
        names = {name: library.tensor(value).to(getattr(library, dtype))
                 for name, value in parts.items()}  # fmt: skip
        sparse = eval(made, {"torch": library}, names)
        found.append((repr(sparse), repr(sparse.to_dense()), repr(sparse.to_sparse().to_dense())))
    assert found[0] == found[1]
