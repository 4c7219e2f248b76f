"""Sparse tensors in coordinate form, against the dense computation."""

import pickle

import pytest

import tidu as torch

PLACES = [[0, 1, 1, 3, 0], [2, 0, 2, 1, 2]]  # (0, 2) stands twice


@pytest.fixture
def rng():
    torch.manual_seed(0)


def made(requires_grad=False, dtype=torch.float64):
    values = torch.tensor([3.0, 4.0, 5.0, -1.0, 0.5], dtype=dtype)
    return torch.sparse_coo_tensor(PLACES, values, (4, 3), requires_grad=requires_grad)


def test_what_it_holds():
    a = made()
    assert a.is_sparse and a.layout is torch.sparse_coo and isinstance(a, torch.Tensor)
    assert a.shape == (4, 3) and a.dtype is torch.float64 and a.numel() == 12 and a._nnz() == 5
    assert a.sparse_dim() == 2 and a.dense_dim() == 0 and not a.is_coalesced()
    c = a.coalesce()
    assert c.indices().tolist() == [[0, 1, 1, 3], [2, 0, 2, 1]]
    assert c.values().tolist() == [3.5, 4, 5, -1]
    assert a.to_dense().tolist() == [[0, 0, 3.5], [4, 0, 5], [0, 0, 0], [0, -1, 0]]
    assert torch.equal(c.to_dense(), a.to_dense())
    with pytest.raises(RuntimeError, match=r"please call \.coalesce\(\) first"):
        a.indices()
    assert torch.equal(pickle.loads(pickle.dumps(a)).to_dense(), a.to_dense())
    assert torch.sparse_coo_tensor((2, 3)).to_dense().tolist() == [[0] * 3] * 2
    assert torch.sparse_coo_tensor([[0, 2]], [1.0, 2.0]).shape == (3,)


def test_there_and_back(rng):
    x = torch.randn(3, 4, 2) * (torch.rand(3, 4, 2) > 0.6)
    assert torch.equal(x.to_sparse().to_dense(), x)
    hybrid = x.to_sparse(2)
    assert hybrid.dense_dim() == 1 and torch.equal(hybrid.to_dense(), x)
    assert torch.equal(x.to_dense(), x) and not x.is_sparse
    with pytest.raises(RuntimeError, match="expected sparse tensor layout but got Strided"):
        x.values()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128, torch.int64])
def test_products(dtype, rng):
    a = made(dtype=torch.float64).to(dtype)
    dense = a.to_dense()
    x = (torch.randn(3, 5) * 4).to(dtype)
    close = torch.testing.assert_close
    for product in (torch.sparse.mm, torch.spmm, torch.mm, torch.matmul):
        close(product(a, x), dense @ x)
    close(a @ x[:, 0], dense @ x[:, 0])
    close(torch.mv(a, x[:, 0]), dense @ x[:, 0])
    close(x.t() @ a.t(), x.t() @ dense.t())
    close(torch.sparse.mm(a, a.t()).to_dense(), dense @ dense.t())
    close(torch.sparse.addmm(torch.ones(4, 5, dtype=dtype), a, x, beta=2, alpha=3),
          2 + 3 * (dense @ x))  # fmt: skip


def test_arithmetic():
    a, close = made(), torch.testing.assert_close
    dense = a.to_dense()
    close((a + a.coalesce() * 2).to_dense(), dense * 3)
    close((2 * a - a / 4).to_dense(), dense * 2 - dense / 4)
    close(torch.ones(4, 3, dtype=torch.float64) + a, 1 + dense)
    close((-a).t().to_dense(), -dense.t())
    close(a.transpose(0, 1).to_dense(), dense.t())
    close(torch.transpose(a, 0, 1).to_dense(), dense.t())
    weights = torch.arange(12.0, dtype=torch.float64).reshape(4, 3)
    close((a * weights).to_dense(), dense * weights)
    close((weights * a).to_dense(), dense * weights)
    close((a.pow(2)).to_dense(), dense**2)
    close(a.abs().to_dense(), dense.abs())
    assert a.float().dtype is torch.float32 and a.to(torch.float32).is_sparse


def test_sums_and_softmax():
    a, close = made(), torch.testing.assert_close
    dense = a.to_dense()
    assert torch.sparse.sum(a).item() == dense.sum().item()
    for dim in (0, 1, -1):
        close(torch.sparse.sum(a, dim).to_dense(), dense.sum(dim))
        close(a.sum(dim).to_dense(), dense.sum(dim))
    hidden = torch.where(dense != 0, dense, -torch.inf)
    expected = torch.softmax(hidden, 1).nan_to_num(0.0)
    close(torch.sparse.softmax(a, 1).to_dense(), expected)
    logs = torch.sparse.log_softmax(a, dim=1).coalesce()
    close(logs.to_dense(), torch.log_softmax(hidden, 1).nan_to_num(neginf=0.0) * (dense != 0))
    far = torch.sparse_coo_tensor([[0, 0], [0, 1]], [0.0, -200.0], (1, 2))
    assert torch.sparse.log_softmax(far, 1).to_dense().tolist() == [[0.0, -200.0]]


def test_sums_keep_their_axes():
    a = torch.tensor([[[0.0, 2.0, 0.0, 1.0], [3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 5.0, 0.0]]])
    for dims in (0, 1, 2, (0, 1), (1, 2), (0, 2), (0, 1, 2)):
        found = a.to_sparse().sum(dims, keepdim=True)
        found = found.to_dense() if found.is_sparse else found
        torch.testing.assert_close(found, a.sum(dims, keepdim=True))


def test_axes_are_checked():
    a = made()
    hybrid = torch.sparse_coo_tensor([[0, 1]], torch.ones(2, 3), (2, 3))
    with pytest.raises(RuntimeError, match="transposed dimensions must be sparse"):
        hybrid.transpose(0, -1)
    with pytest.raises(IndexError, match="Dimension out of range"):
        a.transpose(0, 5)
    with pytest.raises(IndexError, match="Dimension out of range"):
        a.sum(5)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        made().requires_grad_().zero_()


def test_rows():
    a = made()
    close = torch.testing.assert_close
    rows = torch.tensor([3, 0, 0])
    close(a.index_select(0, rows).to_dense(), a.to_dense()[rows])
    close(a[1].to_dense(), a.to_dense()[1])


def test_gradients_reach_values_and_dense_operands(rng):
    values = torch.randn(5, dtype=torch.float64, requires_grad=True)
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)

    def product(values, x):
        return torch.sparse.mm(torch.sparse_coo_tensor(PLACES, values, (4, 3)), x)

    assert torch.autograd.gradcheck(product, (values, x))
    assert torch.autograd.gradgradcheck(product, (values, x))

    def dense(values):
        a = torch.sparse_coo_tensor(PLACES, values, (4, 3))
        return (a + a.t().t()).coalesce().to_dense() * torch.sparse.softmax(a, 1).to_dense()

    assert torch.autograd.gradcheck(dense, (values,))
    total = torch.func.grad(lambda v: product(v, x.detach()).pow(2).sum())(values.detach())
    (product(values, x.detach()) ** 2).sum().backward()
    torch.testing.assert_close(values.grad, total)
    batch = torch.randn(6, 3, 2, dtype=torch.float64)
    together = torch.func.vmap(lambda x: product(values.detach(), x))(batch)
    each = torch.stack([product(values.detach(), x) for x in batch])
    torch.testing.assert_close(together, each)


def test_a_sparse_leaf_has_a_sparse_gradient():
    a = made(requires_grad=True)
    assert a.requires_grad and a.is_leaf
    torch.sparse.mm(a, torch.ones(3, 2, dtype=torch.float64)).sum().backward()
    assert a.grad.is_sparse and a.grad._values().tolist() == [2.0] * 5
    assert not a.detach().requires_grad


def test_what_is_not_sparse_says_so():
    a = made()
    for call in (torch.exp, torch.sigmoid, lambda t: t[1:], torch.cos, torch.trace):
        with pytest.raises(NotImplementedError, match=r"to_dense\(\)"):
            call(a)
    for call in (lambda t: t.numpy(), lambda t: t.tolist(), lambda t: t.storage()):
        with pytest.raises((RuntimeError, NotImplementedError, TypeError), match="to_dense"):
            call(a)
    with pytest.raises(RuntimeError, match="for dim 0, size is 2 but found index 3"):
        torch.sparse_coo_tensor(PLACES, torch.ones(5), (2, 3))
    with pytest.raises(RuntimeError, match="must have same nnz"):
        torch.sparse_coo_tensor(PLACES, torch.ones(4), (4, 3))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        torch.sparse.mm(a, torch.ones(4, 2, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="expected scalar type Double but found Float"):
        torch.sparse.mm(a, torch.ones(3, 2))


def test_its_text():
    assert repr(made(dtype=torch.float32).coalesce()) == (
        "tensor(indices=tensor([[0, 1, 1, 3],\n"
        "                       [2, 0, 2, 1]]),\n"
        "       values=tensor([ 3.5000,  4.0000,  5.0000, -1.0000]),\n"
        "       size=(4, 3), nnz=4, layout=torch.sparse_coo)"
    )


def test_in_place():
    x = torch.eye(2).to_sparse()
    same = x
    x.mul_(3)
    x *= 2
    x.add_(x)
    x -= torch.eye(2).to_sparse()
    x /= 11
    assert x is same and x.to_dense().tolist() == [[1, 0], [0, 1]]
    w = torch.eye(2).to_sparse().requires_grad_()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        w.mul_(2)
