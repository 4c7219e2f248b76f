"""Tensors without numbers: what lines say of them in PyTorch, they say here."""

import io
import re

import pytest
import torch

import tidu

LINES = [
    "m", "m.shape, m.dtype, m.stride(), m.is_meta, m.device, m.numel(), m.nbytes, m.itemsize",
    "m.t()", "m[0]", "m[:, 1]", "m.reshape(3, 2)", "m.view(-1)", "m.unsqueeze(0)", "m.chunk(2)",
    "m.double()", "m.float().dtype", "m.to(torch.float64)", "m.clone()", "m.detach()", "m.cpu()",
    "m.tolist()", "m[0, 0].item()", "m.numpy()", "bool(m[0, 0])", "m.to('cpu')", "m.copy_(r)",
    "r.clone().copy_(m)", "torch.ones(2, device='meta')", "torch.zeros_like(m)",
    "torch.zeros_like(m, device='cpu')", "torch.zeros_like(r, device='meta')", "m.fill_(3)",
    "torch.empty_like(m, device='cpu').shape", "torch.nn.Parameter(m)", "m.requires_grad_()",
    "m.requires_grad_().fill_(3)", "torch.zeros(2, dtype=torch.int64, device='meta')",
    "torch.nn.init.xavier_uniform_(torch.nn.Parameter(m))", "m.is_floating_point(), m.dim()",
    "loaded(True)", "loaded(False)", "emptied()",
]  # fmt: skip


def answer(library, line):
    def state():
        buffer = io.BytesIO()
        library.save(library.nn.Linear(3, 2).state_dict(), buffer)
        buffer.seek(0)
        return library.load(buffer, map_location="meta")

    def loaded(assign):
        layer = library.nn.Linear(3, 2)
        layer.load_state_dict(state(), assign=assign)
        return [p.is_meta for p in layer.parameters()]

    def emptied():
        layer = library.nn.Linear(3, 2)
        layer.load_state_dict(state(), assign=True)
        layer.to_empty(device="cpu")
        return [(p.is_meta, p.shape, type(p).__name__, p.requires_grad) for p in layer.parameters()]

    names = {"torch": library, "loaded": loaded, "emptied": emptied, "r": library.ones(2, 3)}
    names["m"] = library.empty(2, 3, device="meta")
    try:
        return repr(eval(line, names))
    except Exception as error:
        return f"{type(error).__name__}: " + re.split(r"\. |\n", str(error))[0].rstrip(".")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", LINES)
def test_lines(line):
    assert answer(tidu, line) == answer(torch, line)


def test_nothing_is_made_of_it():
    m = tidu.empty(2**20, 2**20, device="meta")
    assert m.reshape(-1).t().view(2**20, -1).shape == (2**20, 2**20)
    with pytest.raises(NotImplementedError, match=r"Hint: torch\.empty_like"):
        m.exp()
