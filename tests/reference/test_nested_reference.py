"""Nested tensors: what lines print in PyTorch, they print here, errors included."""

import re

import pytest

import tidu
import tidu.nested

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

SETUP = """
nested, F, nn = torch.nested, torch.nn.functional, torch.nn
A, B = torch.arange(6.0).reshape(2, 3), torch.arange(12.0).reshape(4, 3)
layout = torch.strided if KIND == "strided" else torch.jagged
x = nested.nested_tensor([A, B], layout=layout)
leaf = nested.nested_tensor([A, B], layout=layout, requires_grad=True)
a, b = A.clone().requires_grad_(), B.clone().requires_grad_()
of_parts = nested.as_nested_tensor([a, b], layout=layout)
w, bias = torch.arange(6.0).reshape(2, 3), torch.ones(2)
V, O = torch.arange(12.0).reshape(6, 2), torch.tensor([0, 2, 6])
q = nested.nested_tensor_from_jagged(V, O)
rows = torch.arange(30.0).reshape(2, 5, 3)
"""
BOTH = [
    "x", "leaf", "of_parts", "nested.nested_tensor([A, B], layout=layout, dtype=torch.float64)",
    "nested.nested_tensor([[1, 2], [3]], layout=layout)", "nested.nested_tensor([], layout=layout)",
    "nested.nested_tensor([A, torch.ones(3)], layout=layout)",
    "nested.nested_tensor([A, torch.ones(4, 2)], layout=layout)",
    "nested.nested_tensor(A, layout=layout)", "nested.nested_tensor([A, B.long()], layout=layout)",
    "nested.nested_tensor([torch.tensor(1.)], layout=layout)",
    "nested.nested_tensor([A, 1], layout=layout)", "nested.as_nested_tensor(x)",
    "nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)",
    "nested.as_nested_tensor(B.reshape(2, 2, 3), layout=layout)",
    "nested.nested_tensor([a, b], layout=layout)", "x.is_nested, A.is_nested", "x.layout, x.dtype",
    "x.shape", "x.size()", "x.size(0), x.size(2), x.size(-1)", "x.size(1)", "x.dim(), x.numel()",
    "x.is_contiguous(), x.requires_grad, leaf.requires_grad, x.is_leaf, x.device",
    "x.unbind()", "leaf.unbind()", "x.unbind(1)", "torch.unbind(x)", "x.values()",
    "x.to_padded_tensor(0)", "x.to_padded_tensor(-1., (2, 5, 4))",
    "x.to_padded_tensor(-1, (2, 3, 4))",
    "nested.to_padded_tensor(x, 0.5)", "len(x)", "bool(x)", "x.tolist()", "x.numpy()", "x.item()",
    "x[0]", "x[1, 2]", "x[-1]", "x[0:1]", "x[:, 0]", "x[..., 0]", "x.select(0, 1)",
    "x.select(2, 0)", "x + x", "x + 1", "1 + x", "x * 2", "2 * x", "x - x", "x / 2", "x / (x + 1)",
    "x * A", "-x", "x.neg()", "x.sin()", "x.cos()", "x.tanh()", "x.abs()", "x.sqrt()", "x.relu()",
    "F.relu(x)", "F.silu(x)", "x > 1", "x.gt(1)", "torch.isnan(x)", "x.logical_not()",
    "x.sum(-1, keepdim=True)", "x.sum(0)", "x.softmax(-1)", "F.softmax(x, -1)", "F.softmax(x, 1)",
    "F.linear(x, w)", "F.linear(x, w, bias)", "F.linear(leaf, w)", "x.transpose(1, 2)",
    "x.transpose(0, 1)", "x.mT", "torch.transpose(x, -1, -2)", "x.chunk(3, -1)", "x.chunk(2, 1)",
    "x.unsqueeze(-1)", "x.unsqueeze(0)", "x.view(2, -1, 3)", "x.view(2, -1, 1, 3)",
    "x.reshape(2, -1, 3, 1)", "x.contiguous()", "x.clone()", "x.detach()", "x.double()",
    "x.to(torch.float64)", "x.half()", "x.long()", "x.to('cpu')", "F.dropout(x, 0.)",
    "F.dropout(x, 1.)", "F.layer_norm(x, (3,), torch.ones(3), torch.zeros(3))",
    "torch.cat([x, x], -1)", "torch.zeros_like(x)", "torch.ones_like(x)",
    "x.masked_fill(x > 1, 0.)", "x.add_(x)", "x.mul_(2)", "x.fill_(1)", "x.zero_()", "x.copy_(x)",
    "x.relu_()", "x.requires_grad_()", "leaf * leaf", "torch.is_tensor(x)", "x.cumsum(1)",
    "torch.allclose(x, x)", "x + nested.nested_tensor([B, A], layout=layout)", "x.mean()",
    "x.to_padded_tensor('a')", "A.to_padded_tensor(0)", "F.layer_norm(x, (3,))",
    "x.to_padded_tensor(1, (3, 3, 3, 3))",
]  # fmt: skip
STRIDED = [
    "x.sum()", "x.sum(-1)", "x.sum(1)", "x.matmul(w.T)", "torch.bmm(x, x.transpose(1, 2))",
    "torch.matmul(x, x.transpose(1, 2))", "x.chunk(2, 0)", "x.squeeze(1)", "torch.cat([x, x])",
    "x._nested_tensor_size()", "x.select(1, 0)", "x.max()", "x.any()", "torch.stack([x, x])",
    "x.reshape(2, -1)", "F.scaled_dot_product_attention(x, x, x)", "x.t()",
    "nested.narrow(rows, 1, 1, 3)", "nested.narrow(rows, 1, 0, torch.tensor([2, 3]))",
]  # fmt: skip
JAGGED = [
    "x.offsets(), x.lengths(), x._max_seqlen, x._min_seqlen", "list(x)", "x.sum()", "x.sum(1)",
    "x.sum(-1)", "x.mean()", "x.mean(1)", "x.mean(-1)", "x.mean(-1, keepdim=True)", "x.max()",
    "x.amax(1)", "x.amin(-1)", "x.prod()", "x.any()", "x.all()", "x.argmax(-1)", "x.mean(0)",
    "x.sum((0, 1))", "x.select(1, 0)", "1 - x", "x ** 2", "x == x", "x.exp()",
    "x.sigmoid()", "x.log()", "x.clamp(0, 1)", "F.gelu(x)", "x + torch.ones(3)",
    "x * torch.arange(2.).reshape(2, 1, 1)", "x * torch.arange(6.).reshape(2, 1, 3)", "x * A[0]",
    "F.log_softmax(x, -1)", "x.matmul(w.T)", "x @ w.T", "torch.matmul(x, x.transpose(1, 2))",
    "x.chunk(2, 0)", "x.split(1, -1)", "x.squeeze(1)", "x.reshape(2, -1)", "x.permute(0, 2, 1)",
    "x.T", "x.unflatten(-1, (3, 1))", "x.flatten(1)", "x.expand(2, -1, 3)", "torch.stack([x, x])",
    "x.view(*x.shape)", "x.unflatten(-1, (3, 1)).flatten(2)", "torch.cat([x, x])", "x.sort()",
    "torch.where(x > 1, x, x)", "F.embedding(x.long(), torch.ones(20, 2))", "x.narrow(0, 0, 1)",
    "nn.Linear(3, 2)(x).shape", "nn.LayerNorm(3)(x).shape", "torch.full_like(x, 3.)",
    "x.size(1) == x.size(1), x.size(1) == q.size(1), x.shape == (x * 2).shape, x.size(1) > 1",
    "F.rms_norm(x, (3,))", "F.rms_norm(x.sum(-1), (1,))", "x.view(-1)", "q",
    "nested.nested_tensor_from_jagged(V, lengths=torch.tensor([2, 4]))",
    "nested.nested_tensor_from_jagged(V, O, torch.tensor([1, 3])).unbind()",
    "nested.nested_tensor_from_jagged(V, O, torch.tensor([1, 3]))",
    "nested.nested_tensor_from_jagged(V)", "nested.nested_tensor_from_jagged(A, O, jagged_dim=0)",
    "nested.nested_tensor_from_jagged(V.T.contiguous(), O, jagged_dim=2)",
    "nested.nested_tensor_from_jagged(V, O.tolist())", "q + nested.nested_tensor_from_jagged(V, O)",
    "q + nested.nested_tensor_from_jagged(V, O.clone())",
    *(f"nested.narrow(rows, 1, torch.tensor([0, 1]), torch.tensor([2, 3]), layout=layout){end}"
      for end in ("", ".unbind()", ".to_padded_tensor(0)", ".offsets()")),
    "nested.narrow(rows, 0, 0, torch.tensor([2, 3]), layout=layout)",
    "nested.narrow(rows, 1, 0, 2, layout=layout)",
    "nested.narrow(rows, 1, 0, torch.tensor([2, 3, 4]), layout=layout)",
    "nested.masked_select(A, A > 1)", "nested.masked_select(A, A > 1).unbind()",
    "nested.masked_select(A, torch.tensor([True, False, True])).values()",
    "nested.nested_tensor([torch.ones(3, 2), torch.ones(3, 4)], layout=layout)",
]  # fmt: skip
PADDED = [
    "leaf * leaf", "leaf + 1", "leaf * 2 - leaf", "leaf.sin()", "F.relu(leaf)",
    "leaf.softmax(-1)", "F.softmax(leaf, 1)", "F.linear(leaf, w, bias)", "leaf.transpose(1, 2)",
    "F.layer_norm(leaf, (3,), torch.ones(3), torch.zeros(3))", "leaf.chunk(3, -1)[1]",
    "leaf[..., 0]",
    "leaf.sum(-1, keepdim=True)", "leaf.unsqueeze(-1)", "leaf.view(2, -1, 1, 3)", "leaf.clone()",
    "torch.cat([leaf, leaf], -1)", "leaf.double()", "leaf.masked_fill(leaf.detach() > 1, 0.)",
    "leaf / (leaf.detach() + 1)",
]  # fmt: skip
WITHOUT = [
    ("leaf.chunk(3, -1)[1]", "strided"), ("leaf[..., 0]", "strided"), ("leaf[..., 0]", "jagged"),
    ("leaf.sum(-1, keepdim=True)", "jagged"), ("torch.cat([leaf, leaf], -1)", "strided"),
    ("F.softmax(leaf, 1)", "jagged"),
]  # fmt: skip


def names_for(library, kind):
    names = {"torch": library, "KIND": kind}
    exec(SETUP, names)
    return names


def answer(library, line, kind):
    """The text of a value, or the class and first sentence of an error."""
    names = names_for(library, kind)
    try:
        text = repr(eval(line, names))
    except Exception as error:
        text = type(error).__name__ + " " + re.split(r"\. |\n", str(error))[0].rstrip(".")
    return re.sub(r" object at 0x\w+", "", re.sub(r"\bj\d+", "j", text))


CASES = [
    *[(line, kind) for line in BOTH for kind in ("strided", "jagged")],
    *[(line, "strided") for line in STRIDED],
    *[(line, "jagged") for line in JAGGED],
]


@pytest.mark.parametrize(("line", "kind"), CASES)
def test_lines(line, kind):
    assert answer(tidu, line, kind) == answer(torch, line, kind)


@pytest.mark.parametrize("kind", ["strided", "jagged"])
@pytest.mark.parametrize("line", PADDED)
def test_gradients(line, kind):
    if (line, kind) in WITHOUT:
        pytest.skip("PyTorch has no gradient here, or a wrong one")
    found = []
    for library in (tidu, torch):
        names = names_for(library, kind)
        made = eval(line, names)
        parts = made.unbind()
        loss = sum((p * library.arange(1.0, 1 + p.numel()).reshape(p.shape)).sum() for p in parts)
        loss.backward()
        grad = names["leaf"].grad
        assert grad.is_nested and grad.layout == names["layout"]
        found.append([value for part in grad.unbind() for value in part.flatten().tolist()])
    assert found[0] == pytest.approx(found[1], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", ["strided", "jagged"])
def test_gradients_of_constituents(kind):
    found = []
    for library in (tidu, torch):
        names = names_for(library, kind)
        (names["of_parts"] * names["of_parts"].detach()).to_padded_tensor(0).pow(2).sum().backward()
        found.append([names["a"].grad.tolist(), names["b"].grad.tolist()])
    assert found[0] == found[1]


def test_attention_of_rows():
    found = []
    for library in (tidu, torch):
        names = names_for(library, "jagged")
        q = names["leaf"].unflatten(-1, (1, 3)).transpose(1, 2)
        made = library.nn.functional.scaled_dot_product_attention(q, q * 0.5, q + 1)
        parts = made.transpose(1, 2).unbind()
        sum(part.sin().sum() for part in parts).backward()
        grad = names["leaf"].grad.values()
        found.append([v for part in (*parts, grad) for v in part.flatten().tolist()])
    assert found[0] == pytest.approx(found[1], rel=1e-4, abs=1e-5)
