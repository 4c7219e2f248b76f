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
    # made of others, and by functions
    "torch.randn(2, 3, device='meta')", "torch.arange(4, device='meta')",
    "torch.arange(0, 1, 0.25, device='meta')", "torch.tensor([1, 2], device='meta')",
    "torch.full((2,), 3, device='meta')", "torch.eye(3, device='meta')",
    "torch.linspace(0, 1, 4, device='meta')", "torch.randint(3, (2, 2), device='meta')",
    "torch.randperm(3, device='meta')", "torch.rand_like(m)", "m.new_zeros(3)",
    "r.to('meta')", "r.double().to('meta')", "r.to(m.device, torch.float16)",
    "m + 1", "2 / m", "m * m", "m > 0", "m @ m.t()", "m.sum()", "m.sum(0)", "m.mean(1)", "m.std()",
    "m.max(1)", "m.argmax()", "m.sort()", "m.topk(2).indices", "torch.cat([m, m])",
    "torch.stack([m, m])", "torch.where(m > 0, m, m)", "torch.einsum('ij,kj->ik', m, m)",
    "torch.nn.functional.relu(m)", "torch.nn.functional.dropout(m)", "m.softmax(-1)",
    "torch.linalg.svd(m).S", "torch.fft.rfft(m)", "m.cumsum(0)", "m.add_(1)",
    "m + torch.tensor(1.)",
    "m + r", "m.view(7)", "torch.empty(2, device='meta').item()",
    "m.requires_grad_() * 2",
    "m[torch.tensor([0])]", "torch.nn.Linear(3, 2).to('meta')(m)",
    "torch.nn.Linear(3, 2, device='meta').to('cpu')", "layers()", "in_a_block()", "gradients()",
    "torch.randn(10**5, 10**5, device='meta').matmul(torch.ones(10**5, 2, device='meta'))",
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

    def layers():
        made = [library.nn.LSTM(2, 3, device="meta"), library.nn.BatchNorm1d(2, device="meta"),
                library.nn.MultiheadAttention(4, 2, device="meta"),
                library.nn.Embedding(3, 4, device="meta"), library.nn.GRUCell(2, 3, device="meta"),
                library.nn.LayerNorm(3, device="meta")]  # fmt: skip
        return [(p.is_meta, p.shape) for m in made for p in [*m.parameters(), *m.buffers()]]

    def in_a_block():
        with library.device("meta"):
            layer = library.nn.TransformerEncoderLayer(4, 2, 8)
            result = layer(library.empty(5, 2, 4))
            told = library.get_default_device(), library.tensor(1.0).device
        return result, told, library.get_default_device(), library.ones(1).device

    def gradients():
        layer = library.nn.Sequential(library.nn.Linear(3, 2), library.nn.Tanh()).to("meta")
        layer(library.empty(4, 3, device="meta")).sum().backward()
        return [p.grad for p in layer.parameters()]

    names = {"torch": library, "layers": layers, "in_a_block": in_a_block, "gradients": gradients,
             "loaded": loaded, "emptied": emptied, "r": library.ones(2, 3)}  # fmt: skip
    names["m"] = library.empty(2, 3, device="meta")
    try:
        return repr(eval(line, names))
    except Exception as error:
        return f"{type(error).__name__}: " + re.split(r"\. |\n", str(error))[0].rstrip(".")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("line", LINES)
def test_lines(line):
    assert answer(tidu, line) == answer(torch, line)


def test_no_random_number_is_drawn():
    tidu.manual_seed(0)
    tidu.randn(5, device="meta")
    tidu.nn.Dropout()(tidu.ones(5, device="meta"))
    with tidu.device("meta"):
        tidu.nn.Linear(2, 2)
    assert tidu.initial_seed() == 0 and tidu.rand(1).item() == pytest.approx(0.4962566)


def test_nothing_is_made_of_it():
    m = tidu.empty(2**20, 2**20, device="meta")
    assert m.reshape(-1).t().view(2**20, -1).shape == (2**20, 2**20)
    with pytest.raises(NotImplementedError, match=r"Hint: torch\.empty_like"):
        m.unique()
