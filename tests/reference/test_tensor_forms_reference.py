"""Quantized, sparse, nested, masked tensors and those without numbers in files, both ways."""

import re

import pytest
import torch

import tidu

X = "torch.tensor([[-1., 0., 1.], [2., 0.26, -3.]])"
D = "torch.tensor([[1., 0, 0, 0], [2, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 5]])"
ROWS = "[torch.arange(2.), torch.arange(3.)]"
TABLES = "[torch.ones(2, 3), torch.ones(1, 3)]"
CASES = [
    "torch.quantize_per_tensor(x, 0.1, 10, torch.quint8)",
    "torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)",
    "torch.quantize_per_tensor(x, 0.1, 0, torch.qint32)",
    "torch.quantize_per_channel(x, torch.tensor([.1, .2]), torch.tensor([5, 0]), 0, torch.quint8)",
    "torch.quantize_per_channel(x, torch.ones(3), torch.tensor([5., 0, 1]), 1, torch.qint8)",
    "[q, q[0], q.t()]", "torch.nn.Parameter(q, requires_grad=False)", "q[0, 1]", "q[:0]",
    "[torch.per_tensor_affine, torch.quint8, torch.qint8, torch.per_channel_symmetric]",
    "torch.empty(2, 3, device='meta')", "torch.zeros(2, dtype=torch.int64, device='meta')",
    "{'w': torch.nn.Parameter(torch.empty(2, 3, device='meta', dtype=torch.float64))}",
    "d.to_sparse_bsr((2, 2))", "d.to_sparse_bsc((2, 1))", "torch.stack([d, d * 2]).to_sparse_csr()",
    "torch.stack([d, d * 2]).to_sparse_bsr((2, 2))", "d.half().to_sparse_bsr((2, 2))",
    "torch.stack([d, d * 2], -1).to_sparse_csr(dense_dim=1)", "(d * (1 + 2j)).to_sparse_csr()",
    "torch.stack([d, d * 2], -1).to_sparse_bsr((2, 2), dense_dim=1)", "(d > 0).to_sparse()",
    "d.to_sparse()", "d.to_sparse(1)", "torch.nn.Parameter(d.to_sparse())",
    "torch.nn.Parameter(d.to_sparse_csr())", "{'model': {'w': q, 's': d.to_sparse_bsc((2, 2))}}",
    f"torch.nested.nested_tensor({ROWS})", "torch.nested.nested_tensor([torch.ones(2, 2), x])",
    f"torch.nested.nested_tensor({ROWS}, layout=torch.jagged)",
    f"torch.nested.nested_tensor({TABLES}, layout=torch.jagged, requires_grad=True)",
    f"torch.nested.nested_tensor({TABLES}, layout=torch.jagged).transpose(1, 2)",
    "torch.nested.narrow(x, 1, torch.tensor([0, 2]), torch.tensor([2, 1]), torch.jagged)",
    "torch.masked.masked_tensor(x, x > 0)",
    "torch.masked.masked_tensor(x, x > 0, requires_grad=True)",
    "[torch.float32, torch.quint4x2, torch.sparse_bsr, torch.jagged, torch.strided]",
]  # fmt: skip


def made(library, case):
    names = {"torch": library}
    exec(f"x, d = {X}, {D}; q = torch.quantize_per_tensor(x, 0.1, 10, torch.quint8)", names)
    return eval(case, names)


def told(library, value):
    """All that can be seen of a value, in words both libraries share."""
    if isinstance(value, dict):
        return {name: told(library, part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [told(library, part) for part in value]
    text = re.sub(r"j\d+", "jN", repr(value))
    if not isinstance(value, library.Tensor):
        return text
    parts = [text, value.requires_grad, value.is_leaf, str(value.dtype),
             isinstance(value, library.nn.Parameter)]  # fmt: skip
    if value.is_nested:
        parts += [repr(part) for part in value.unbind()]
    if value.is_quantized:
        parts += [repr(value.int_repr()), value.stride(), str(value.qscheme())]
    if value.is_meta:
        parts += [value.stride(), str(value.device)]
    return parts


def answer(library, path, weights_only):
    try:
        return told(library, library.load(path, weights_only=weights_only))
    except Exception as error:
        assert "weights only load failed" in str(error).lower()
        return "refused"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_both_ways(case, old, tmp_path):
    path, ours = tmp_path / "theirs.pt", tmp_path / "ours.pt"
    value = made(torch, case)
    torch.save(value, path, _use_new_zipfile_serialization=not old)
    tidu.save(made(tidu, case), ours)
    for weights_only in (True, False):
        wanted = told(torch, value)
        if "masked" in case and weights_only:
            wanted = "refused"  # as PyTorch does
        assert answer(tidu, path, weights_only) == wanted
        assert answer(torch, ours, weights_only) == wanted
        assert answer(tidu, ours, weights_only) == wanted


@pytest.mark.filterwarnings("ignore")
def test_nested_leaves_keep_their_gradients(tmp_path):
    """PyTorch itself writes it and does not read it back."""
    leaf = torch.nested.nested_tensor([torch.ones(2)], requires_grad=True)
    torch.save(leaf, tmp_path / "nested.pt")
    assert tidu.load(tmp_path / "nested.pt").requires_grad
    empty = torch.nested.nested_tensor([])
    torch.save(empty, tmp_path / "empty.pt")
    assert tidu.load(tmp_path / "empty.pt").size(0) == 0


def test_parameters_of_a_model_on_no_device(tmp_path):
    theirs = torch.nn.Linear(2, 3)
    torch.save(theirs.state_dict(), tmp_path / "x.pt")
    loaded = tidu.load(tmp_path / "x.pt", map_location="meta")
    expected = torch.load(tmp_path / "x.pt", map_location="meta")
    assert told(tidu, dict(loaded)) == told(torch, dict(expected))
    assert all(part.is_meta for part in loaded.values())
