"""Matrices by rows and columns: what lines print in PyTorch, they print here, errors included."""

import re

import pytest

import tidu

torch = pytest.importorskip("torch")

SETUP = """
C, K, V = torch.tensor([0, 1, 3]), torch.tensor([2, 0, 1]), torch.tensor([1.0, 2.0, 3.0])
a = torch.sparse_csr_tensor(C, K, V, (2, 3))
b = torch.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [5.0, 6.0, 7.0], (2, 3))
d = a.to_dense()
csc, coo = d.to_sparse_csc(), d.to_sparse()
leaf = torch.sparse_csr_tensor(C, K, V.clone(), (2, 3), requires_grad=True)
x = torch.arange(6.0).reshape(3, 2)
"""
CHECKED = "check_invariants=True)"
LINES = [
    "a", "csc", "leaf", "torch.sparse_csr_tensor([0,1,3],[2,0,1],[1,2,3])",
    "torch.sparse_csr_tensor([0,1,3],[2,0,1],[1,2,3],dtype=torch.float64)",
    "torch.sparse_csr_tensor(C.int(),K.int(),V,(2,3))",
    "torch.sparse_csr_tensor([0,0],[],[],(1,3))",
    "torch.sparse_csr_tensor(C,K,V*(1+1j),(2,3))",
    "torch.sparse_csr_tensor(C,K,V.clone().requires_grad_(),(2,3))",
    "torch.sparse_csc_tensor([0,1,1,2],[0,1],[5.,6.],(2,3))",
    "torch.sparse_compressed_tensor(C,K,V,(2,3),layout=torch.sparse_csr)",
    "torch.sparse_compressed_tensor(C,K,V,(2,3))",
    "torch.sparse_compressed_tensor(C,K,V,(2,3),layout=torch.strided)",
    *(f"torch.sparse_csr_tensor({arguments}, {CHECKED}" for arguments in (
        "C,K,V,(2,2)", "C,K,V,(3,3)", "[1,1,3],K,V,(2,3)", "[0,1,2],K,V,(2,3)", "C,K,V,(3,)",
        "[0,3,3],[1,0,2],V,(2,3)", "[0,2,1],K,V,(2,3)", "[0,1,3],[-1,0,1],V,(2,3)",
        "C.float(),K,V,(2,3)", "C,K.int(),V,(2,3)", "C,K[:2],V,(2,3)", "C[None],K,V,(2,3)",
        "C.float(),K.float(),V,(2,3)", "[0,4,3],K,V,(2,3)",
    )),
    f"torch.sparse_csc_tensor(C,K,V,(3,2),{CHECKED}",
    f"torch.sparse_csc_tensor(C,K,V,(2,2),{CHECKED}",
    "torch.sparse_csr_tensor(2*torch.arange(1001),torch.arange(2000)%7,torch.arange(2000.),(1000,7))",
    "a.crow_indices(), a.col_indices(), a.values(), a._nnz()", "a.ccol_indices()",
    "a.row_indices()",
    "csc.ccol_indices(), csc.row_indices()", "csc.crow_indices()", "a.indices()", "a.coalesce()",
    "a.is_coalesced()", "d.crow_indices()", "coo.ccol_indices()",
    "a.sparse_dim(), a.dense_dim(), a.is_sparse, a.is_sparse_csr, a.layout, a.shape, a.numel()",
    "csc.is_sparse_csr, csc.layout, d.is_sparse_csr, d.is_nested",
    "a.to_sparse()", "csc.to_sparse_coo()", "a.to_sparse_csr()", "a.to_sparse_csc()",
    "a.to_dense()",
    "csc.to_sparse_csr()", "csc.to_dense()", "coo.to_sparse_csr()", "coo.to_sparse_csc()",
    "a.to_sparse(layout=torch.sparse_csc)", "a.to_sparse(layout=torch.strided)", "a.to_sparse(1)",
    "d.to_sparse(layout=torch.sparse_csr)", "d.to_sparse(layout=torch.sparse_csc)",
    "a.to_dense(torch.float64)", "d.sparse_mask(a)", "d.sparse_mask(coo)", "d.sparse_mask(a.t())",
    "a @ x", "a @ x[:, 0]", "csc @ x", "csc @ x[:, 0]", "torch.ones(2, 2) @ a", "torch.ones(2) @ a",
    "torch.ones(2, 2) @ csc", "a @ d.T.to_sparse_csr()", "a @ d.T.to_sparse_csc()",
    "csc @ d.T.to_sparse_csc()", "csc @ d.T.to_sparse_csr()", "a @ d.T.to_sparse()",
    "coo @ d.T.to_sparse_csr()", "a.mm(torch.ones(2, 2))", "a.matmul(torch.ones(4))",
    "torch.mv(a, x[:, 1])", "torch.mm(a, x)",
    "torch.addmm(torch.ones(2, 2), a, x, beta=2, alpha=3)",
    "torch.addmv(torch.ones(2), a, x[:, 1])", "torch.nn.functional.linear(torch.ones(1, 3), a)",
    "torch.sparse.addmm(torch.ones(2, 2), a, x)",
    *(f"torch.sparse.mm(a, x, {how!r})" for how in ("sum", "mean", "amax", "amin")),
    "torch.sparse.mm(a, d.T.to_sparse_csr())", "torch.sparse.sampled_addmm(a, x.T, x.T, beta=2.)",
    "torch.sparse.sampled_addmm(a, torch.ones(2, 2), torch.arange(6.).reshape(2, 3), alpha=3.)",
    "torch.sparse.sampled_addmm(d, torch.ones(2, 2), torch.ones(2, 3))",
    "a * 2", "2 * a", "a * d", "d * a", "a * a", "a * b", "a * csc", "a * torch.tensor(2.)",
    "a * torch.arange(1., 4)", "a + a", "a + b", "a + d", "d + a", "a + 1", "a + csc", "csc + csc",
    "torch.add(a, b, alpha=3)", "a - a", "a / 2", "a ** 2", "a == a", "a > 0", "a.exp()", "a.cos()",
    *(f"(-a).{name}()" for name in (
        "neg", "abs", "sin", "sqrt", "relu", "sign", "floor", "tanh", "expm1", "isnan", "signbit",
        "atan", "erf", "trunc", "ceil", "round", "sinh", "asinh", "tan", "isinf",
    )),
    "torch.sin(a)", "torch.relu(-a)", "a.sum()", "a.sum(0)", "a.sum(0, keepdim=True)",
    "a.sum(1, keepdim=True)", "a.sum((0, 1), keepdim=True)", "csc.sum(0, keepdim=True)",
    "torch.sum(a)", "a.t()", "a.mT", "a.transpose(0, 1)", "csc.t()", "torch.transpose(a, 0, 1)",
    "a[0]", "a[1]", "a[0, 2]", "a[:, 0]", "a[0:1]", "a.select(0, 1)", "csc.select(1, 0)",
    "csc[:, 1]",
    "a[5]", "list(a)", "len(a)", "a.clone()", "a.detach()", "a.double()", "a.to(torch.float64)",
    "a.half()", "a.int()", "a.to('cpu')", "a.numpy()", "a.item()", "a.stride()", "a.tolist()",
    "a.is_contiguous()", "a.contiguous()", "bool(a)", "a.mul_(2)", "a.add_(b)", "a.zero_()",
    "a.copy_(b)", "torch.zeros_like(a)", "torch.zeros_like(csc, dtype=torch.float64)",
    "torch.zeros_like(coo)", "torch.sparse.spdiags(x.T, torch.tensor([0, 1]), (3, 3))",
    "torch.sparse.spdiags(x.T, torch.tensor([-1, 0]), (4, 3), layout=torch.sparse_csr)",
    "torch.sparse.spdiags(x.T, torch.tensor([0, 0]), (3, 3))", "leaf * 2", "leaf @ x", "-leaf",
    "leaf.t() @ torch.ones(2, 2)", "leaf.double()", "leaf.sum()", "leaf.clone()", "leaf.to_dense()",
    "leaf.to_sparse()", "d.clone().requires_grad_().to_sparse_csr()",
    "torch.sparse.check_sparse_tensor_invariants.is_enabled()",
]  # fmt: skip


def answer(library, line, setup=SETUP):
    """The text of a value, or the class and first sentence of an error."""
    names = {"torch": library}
    exec(setup, names)
    try:
        value = eval(line, names)
    except Exception as error:
        return type(error).__name__, re.split(r"\. |\n", str(error))[0].rstrip(".")
    return repr(value)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.filterwarnings("ignore")
def test_lines(line):
    assert answer(tidu, line) == answer(torch, line)


GRADIENTS = [
    "leaf * 2", "leaf * d", "leaf * leaf", "-leaf", "leaf + leaf", "leaf + a",
    "leaf.clone()", "leaf.double()", "leaf.to_dense()", "leaf.to_sparse()", "leaf.to_sparse_csc()",
    "leaf.values()", "torch.sparse.mm(leaf, x)", "torch.sparse.mm(leaf, x, 'mean')",
    "torch.sparse.mm(leaf, x, 'amax')",
    "torch.sparse.sampled_addmm(leaf, x.T[:, :2], x.T[:2], beta=3.)",
]  # fmt: skip


@pytest.mark.parametrize("line", GRADIENTS)
@pytest.mark.filterwarnings("ignore")
def test_gradients_of_leaves(line):
    """Where PyTorch's gradient is sparse; of plain products it is the whole matrix there."""
    texts = []
    for library in (tidu, torch):
        names = {"torch": library}
        exec(SETUP, names)
        made = eval(line, names)
        dense = made.to_dense()
        (dense * library.arange(1.0, 1 + dense.numel()).reshape(dense.shape)).sum().backward()
        texts.append(repr(names["leaf"].grad))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("line", ["leaf @ x", "x.T @ leaf.t()", "leaf @ x[:, 0]", "leaf.sum()"])
@pytest.mark.filterwarnings("ignore")
def test_gradients_of_products_are_those_at_the_places(line):
    grads = []
    for library in (tidu, torch):
        names = {"torch": library}
        exec(SETUP, names)
        (eval(line, names) ** 2).sum().backward()
        grads.append(names["leaf"].grad)
    ours, theirs = grads
    rows, columns = ours.to_sparse().indices()
    found = theirs[torch.tensor(rows.tolist()), torch.tensor(columns.tolist())]
    assert ours.values().tolist() == pytest.approx(found.tolist(), rel=1e-6)
