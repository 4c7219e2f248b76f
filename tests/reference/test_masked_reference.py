"""Masked tensors: what lines print in PyTorch, they print here; what it refuses is refused."""

import re

import pytest

import tidu
import tidu.masked

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

SETUP = """
masked = torch.masked
masked_tensor, as_masked_tensor = masked.masked_tensor, masked.as_masked_tensor
d = torch.arange(6.0).reshape(2, 3)
m = torch.tensor([[True, False, True], [False, False, True]])
a, b, c = masked_tensor(d, m), masked_tensor(d + 1, m), masked_tensor(d, ~m)
v = masked_tensor(torch.tensor([1.0, 2.0]), torch.tensor([True, False]))
ints, flags = masked_tensor(d.long() * 10, m), masked_tensor(m, m)
leaf = masked_tensor(d.clone(), m, requires_grad=True)
x = (d + 1).requires_grad_()
"""
LINES = [
    "a", "v", "ints", "flags", "leaf", "masked_tensor(torch.tensor(1.), torch.tensor(True))",
    "masked_tensor(torch.tensor(1.), torch.tensor(False))", "masked.MaskedTensor(d, m)",
    "masked_tensor(torch.arange(8.).reshape(2, 2, 2) * 1e4, torch.ones(2, 2, 2) > 0)",
    "masked_tensor(d, m.int())", "masked_tensor(d, m[0])", "masked_tensor(d, d)",
    "masked_tensor([1, 2], m)", "masked_tensor(a, m)", "masked_tensor(d, m.t())",
    "as_masked_tensor(d, m)", "as_masked_tensor(x, m).requires_grad", "a.get_data()",
    "a.get_mask()",
    "masked_tensor(x.detach().requires_grad_(), m).requires_grad", "a.to_tensor(7)",
    "masked.is_masked_tensor(a), masked.is_masked_tensor(d)", "a.shape, a.dtype, a.layout, a.dim()",
    "a.numel(), len(a), a.size(0), a.stride(), a.is_contiguous()", "a.numpy()", "a.tolist()",
    "a.item()", "v[0].item(), float(v[0])", "bool(a)", "a.data", "a.to_dense()",
    *(f"b.{name}()" for name in (
        "sin", "exp", "neg", "abs", "round", "sigmoid", "tanh", "log", "sqrt", "rsqrt", "square",
        "reciprocal", "erf", "floor", "sign", "atan", "expm1", "log1p", "trunc", "frac", "cosh",
    )),
    "torch.sin(a)", "-a", "abs(a)", "a.abs_()", "a.clamp(0, 1)", "a.pow(2)", "a ** 2", "a.pow_(2)",
    *(f"a {sign} b" for sign in ("+", "-", "*", "/", "//", "%", ">", "<", ">=", "==", "!=")),
    *(f"a {sign} 2" for sign in ("+", "-", "*", "/", "//", "%", ">", "<", ">=", "==", "!=")),
    "2 + a", "2 * a", "a + c", "a + d", "d + a", "a * d", "d * a", "a + torch.tensor(1.)",
    "torch.add(a, b)", "torch.add(a, b, alpha=2)", "torch.maximum(a, b)", "a.eq(b)", "a.add_(b)",
    "a.mul_(c)", "a.mul_(2)", "leaf.mul_(2)", "flags & flags", "flags | flags", "~flags",
    "torch.isnan(a)", "torch.isfinite(a)", "torch.nan_to_num(a)", "torch.logaddexp(a, b)",
    "a.sum()", "a.sum(0)", "a.sum(1)", "a.sum(dim=1, keepdim=True)", "a.sum(1, True)", "a.mean()",
    "a.mean(0)", "a.mean(1)", "a.amax()", "a.amax(1)", "a.amin(0)", "a.prod()", "a.prod(0)",
    "a.argmax()", "a.argmax(1)", "a.argmin(0)", "a.var()", "a.var(1)", "a.std()", "a.std(1)",
    "a.all()", "flags.all(1)", "torch.sum(a, 1)", "torch.mean(a)", "torch.amax(a, 0)",
    "ints.sum(1)", "ints.amax(1)", "a.softmax(1)", "torch.softmax(a, 1)",
    "torch.nn.functional.softmax(a, dim=0)", "a.t()", "a.transpose(0, 1)", "a.mT",
    "a.reshape(3, 2)", "a.view(3, 2)", "a.view(-1)", "a.flatten()", "a.ravel()", "a.unsqueeze(0)",
    "a[0]", "a[0, 1]", "a[:, 1]", "a[m]", "a[0:1]", "a[torch.tensor([0])]", "a.expand(2, 2, 3)",
    "a.split(1)", "torch.split(a, 1)", "a.chunk(2)", "torch.cat([a, a])", "torch.stack([a, b])",
    "a.select(0, 1)", "a.narrow(0, 0, 1)", "a.contiguous()", "a.clone()", "a.detach()",
    "a.to(torch.float64)", "a.double().dtype", "a.long()", "a.half()", "a.type(torch.float64)",
    "torch.where(m, a, b)", "torch.where(m, a, d)", "torch.where(~m, a, masked_tensor(d, ~m))",
    "torch.ones_like(a)", "a.unfold(0, 1, 1)", "a.requires_grad_().requires_grad",
]  # fmt: skip
REFUSED = [
    "a.fill_(3)", "a.relu()", "torch.relu(a)", "torch.nn.functional.gelu(a)", "a.logical_not()",
    "a.max()", "a.min(1)", "torch.linalg.vector_norm(a)", "flags.any()", "torch.logsumexp(a, 1)",
    "torch.cumsum(a, 1)", "torch.median(a)", "torch.nn.functional.normalize(a, dim=1)",
    "a.matmul(b.t())", "a @ b.t()", "torch.mm(a, b.t())", "a.dot(b)", "torch.einsum('ij->i', a)",
    "torch.nn.functional.linear(a, torch.ones(2, 3))", "torch.nn.Linear(3, 2)(a)", "a.sort()",
    "torch.zeros_like(a)", "torch.rand_like(a)", "torch.full_like(a, 2.)", "a.masked_fill(m, 1)",
    "a.topk(1)", "torch.allclose(a, a)", "torch.equal(a, a)", "a.new_zeros(2)",
]  # fmt: skip
GRADIENTS = [
    "leaf", "leaf * leaf", "leaf.mean()", "(leaf * leaf).mean(1)", "leaf.prod(1)", "leaf.amax(1)",
    "leaf.amin(0)", "leaf.softmax(1) * b", "leaf.exp()", "leaf.var()", "leaf.std()",
    "leaf.view(-1) * 2", "leaf.t()", "torch.where(m, leaf, masked_tensor(d, ~m))", "leaf / b",
    "leaf.log()", "leaf.to_tensor(3)", "leaf.get_data()", "leaf.reshape(3, 2).sum(1)",
    "leaf.double()", "leaf + d", "leaf.sqrt()", "torch.cat([leaf, leaf])", "leaf.expand(2, 2, 3)",
]  # fmt: skip
THROUGH = [
    "x.log()", "x * x", "x.sqrt() * 3", "x / (x - 1)", "1 / (x - 2)", "x + torch.ones(3)", "x",
    "(x - 1).log()", "x.clone() * 2 + x", "x.double()",
]  # fmt: skip


def answer(library, line):
    names = {"torch": library}
    exec(SETUP, names)
    try:
        value = eval(line, names)
    except Exception as error:
        return type(error).__name__, re.split(r"\. |\n", str(error))[0].rstrip(".")
    return repr(value)


@pytest.mark.parametrize("line", LINES)
def test_lines(line):
    assert answer(tidu, line) == answer(torch, line)


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(line):
    ours, theirs = answer(tidu, line), answer(torch, line)
    assert ours[0] == theirs[0] == "TypeError"


@pytest.mark.parametrize("line", GRADIENTS)
def test_gradients_of_masked_leaves(line):
    texts = []
    for library in (tidu, torch):
        names = {"torch": library}
        exec(SETUP, names)
        eval(line, names).sum().backward()
        texts.append(repr(names["leaf"].grad))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("line", THROUGH)
def test_gradients_stay_masked_before_the_mask(line):
    """What is masked out sends nothing back, not even the NaN of 0 · inf."""
    texts = []
    for library in (tidu, torch):
        names = {"torch": library}
        exec(SETUP, names)
        names["as_masked_tensor"](eval(line, names), names["m"]).sum().backward()
        texts.append(repr(names["x"].grad))
    assert texts[0] == texts[1]
