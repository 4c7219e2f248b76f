"""Sparse matrices by rows and columns, against the dense computation."""

import copy
import pickle

import numpy as np
import pytest

import tidu as torch

F = torch.nn.functional
BY = ["csr", "csc"]


def matrix(seed=0, shape=(4, 5), dtype=torch.float64):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=shape) * (rng.random(shape) > 0.5)
    return torch.tensor(dense, dtype=dtype)


def made(dense, by):
    return dense.to_sparse_csr() if by == "csr" else dense.to_sparse_csc()


def of_values(dense, by):
    """(values, function that puts values into the form of `dense`)."""
    model = made(dense, by)._value
    make = torch.sparse_csr_tensor if by == "csr" else torch.sparse_csc_tensor
    return model.values, lambda v: make(model.pointers, model.indices, v, dense.shape)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128, torch.int64])
def test_products_are_the_dense_ones(by, dtype):
    dense, other = (matrix(i) * 3 for i in (0, 1))
    dense, other = dense.to(dtype), other.to(dtype)
    a, x = made(dense, by), (torch.arange(10.0).reshape(5, 2) - 4).to(dtype)
    close = torch.testing.assert_close
    for product in (torch.sparse.mm, torch.spmm, torch.mm, torch.matmul):
        close(product(a, x), dense @ x)
    close(a @ x[:, 0], dense @ x[:, 0])
    close(x.T @ a.t(), x.T @ dense.T)
    close(F.linear(x.T, a), x.T @ dense.T)
    for other_by in BY:
        product = a @ made(other.T, other_by)
        assert product.layout is torch.sparse_csr
        close(product.to_dense(), dense @ other.T)
        close((a * made(other, other_by)).to_dense(), dense * other)
    close((a + made(other, by)).to_dense(), dense + other)
    close((a + other), dense + other)
    close((a * other).to_dense(), dense * other)
    close(a.t().to_dense(), dense.T)
    for row in range(4):
        close(a[row].to_dense(), dense[row])
        close(a[row, 2], dense[row, 2])


@pytest.mark.parametrize("by", BY)
def test_derivatives(by):
    dense, other = matrix(), matrix(1)
    values, form = of_values(dense, by)
    values.requires_grad_()
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    check = torch.autograd.gradcheck
    assert check(lambda v, x: form(v) @ x, (values, x))
    assert check(lambda v, x: torch.addmm(y, form(v), x, alpha=2), (values, x))
    assert check(lambda v, x: x.T @ form(v).t(), (values, x))
    assert check(lambda v, x: form(v) @ x[:, 0], (values, x))
    assert check(lambda v: (form(v) @ form(v * v).t()).to_dense(), (values,))
    assert check(lambda v: (form(v) * form(v)).to_dense(), (values,))
    assert check(lambda v: (form(v) + made(other, by)).to_dense(), (values,))
    assert check(lambda v: (form(v).sin() * other).to_sparse().to_dense(), (values,))
    assert check(lambda v: form(v).to_sparse_csc().t().to_sparse_csc().to_dense(), (values,))
    assert check(lambda v: form(v).sum() + form(v)[1].to_dense().sum(), (values,))
    assert torch.autograd.gradgradcheck(lambda v, x: (form(v) @ x).sin(), (values, x))
    if by == "csr":
        for how in ("sum", "mean", "amax", "amin"):
            assert check(lambda v, x, how=how: torch.sparse.mm(form(v), x, how), (values, x))
        assert check(lambda v, y, x: torch.sparse.sampled_addmm(form(v), y, x.T).values(),
                     (values, y, x))  # fmt: skip
        assert check(lambda v: form(v).sum(0, keepdim=True).to_dense(), (values,))
    z = other.clone().requires_grad_()
    assert check(lambda z: z.sparse_mask(form(values.detach())).to_dense(), (z,))
    steps = torch.tensor([-1, 0, 2, 4])
    assert check(lambda z: torch.sparse.spdiags(z, steps, (5, 4)).to_dense(), (z,))


def test_a_dense_leaf_through_rows():
    dense = matrix().requires_grad_()
    x = torch.randn(5, 3, dtype=torch.float64)
    (torch.sparse.mm(dense.to_sparse_csr(), x) ** 2).sum().backward()
    whole = matrix().requires_grad_()
    ((whole @ x) ** 2).sum().backward()
    assert torch.allclose(dense.grad, torch.where(dense != 0, whole.grad, 0.0))


@pytest.mark.parametrize("by", BY)
def test_leaves(by):
    a = made(matrix(), by).requires_grad_()
    x = torch.randn(5, 2, dtype=torch.float64)
    loss = (a @ x).sum()
    (found,) = torch.autograd.grad(loss, a, retain_graph=True)
    assert found.layout is a.layout
    loss.backward()
    loss = (a @ x).sum().backward()
    assert torch.allclose(a.grad.values(), found.values() * 2)
    assert a.is_leaf and a.grad.layout is a.layout and not a.detach().requires_grad
    optimizer = torch.optim.SGD([a.values()], lr=0.1)
    before = a.to_dense().detach()
    optimizer.step()
    assert torch.allclose(a.to_dense().detach(), before - 0.2 * found.to_dense())
    y = a * 2
    y.retain_grad()
    y.backward(y.detach())
    assert torch.allclose(y.grad.to_dense(), y.to_dense())
    a = made(matrix(), by).requires_grad_()
    handle = a.register_hook(lambda g: g * 3)
    a.sum().backward()
    handle.remove()
    assert (a.grad.values() == 3).all()
    with pytest.raises(RuntimeError, match="in-place operation"):
        a.mul_(2)


@pytest.mark.parametrize("by", BY)
def test_copies(by):
    a = made(matrix(), by)
    for other in (pickle.loads(pickle.dumps(a)), copy.deepcopy(a), a.clone()):
        assert repr(other) == repr(a) and other.values().data_ptr() != a.values().data_ptr()
    assert pickle.loads(pickle.dumps(a.clone().requires_grad_())).requires_grad
    values = torch.tensor([1.0, 2.0])
    b = torch.sparse_csr_tensor([0, 1, 2], [0, 1], values)
    values.mul_(2)
    assert b.to_dense().tolist() == [[2, 0], [0, 4]]  # the memory is shared


def test_duplicates_are_added():
    a = torch.sparse_csr_tensor([0, 3], [1, 0, 1], [1.0, 2.0, 4.0], (1, 3))
    assert a.to_dense().tolist() == [[2, 5, 0]]
    assert (a @ torch.ones(3)).tolist() == [7]
    assert a.to_sparse_csc().values().tolist() == [2, 5]
    assert (a + a.clone()).to_dense().tolist() == [[4, 10, 0]]
    assert (a * torch.sparse_csr_tensor([0, 1], [1], [2.0], (1, 3))).to_dense().tolist() == [
        [0, 10, 0]
    ]


def test_indices_are_checked():
    switch = torch.sparse.check_sparse_tensor_invariants
    unsorted = [0, 2], [1, 0], [1.0, 2.0], (1, 2)
    assert not switch.is_enabled()
    torch.sparse_csr_tensor(*unsorted)
    with switch():
        assert switch.is_enabled()
        with pytest.raises(RuntimeError, match="are sorted and distinct"):
            torch.sparse_csr_tensor(*unsorted)
        with switch(False):
            torch.sparse_csr_tensor(*unsorted)
        assert switch.is_enabled()
    assert not switch.is_enabled()
    with pytest.raises(RuntimeError, match="already activated"), (one := switch()), one:
        pass
    switch.disable()

    @switch()
    def make():
        return torch.sparse_csr_tensor(*unsorted)

    with pytest.raises(RuntimeError, match="are sorted and distinct"):
        make()
    switch.enable()
    try:
        with pytest.raises(RuntimeError, match="are sorted and distinct"):
            torch.sparse_csr_tensor(*unsorted)
    finally:
        switch.disable()
    # What points outside of the matrix is refused in any case.
    for pointers, indices in (([0, 2], [0, 2]), ([0, 9], [0, 1]), ([0, 1, 2, 2], [0, 1])):
        with pytest.raises(RuntimeError):
            torch.sparse_csr_tensor(pointers, indices, [1.0, 2.0], (1, 2), check_invariants=False)


@pytest.mark.parametrize(
    "line",
    [
        "torch.softmax(a, 1)", "a.mean()", "torch.cat([a, a])", "a + a.to_sparse()", "a.max()",
        "torch.sparse.mm(a.t(), a, 'amax')", "a @ a.to_sparse()", "a - a", "a.norm()",
    ],
)  # fmt: skip
def test_what_is_not_there_says_so(line):
    a = matrix(shape=(3, 3)).to_sparse_csr()
    with pytest.raises((NotImplementedError, RuntimeError), match="Hint: "):
        eval(line, {"torch": torch, "a": a})


def test_a_graph_convolution_learns():
    """Rows of a normalised adjacency matrix times features, as graph libraries write it."""
    torch.manual_seed(0)
    adjacency = (torch.rand(30, 30) < 0.15).float() + torch.eye(30)
    a = (adjacency / adjacency.sum(1, keepdim=True)).to_sparse_csr()
    features, labels = torch.randn(30, 4), torch.randn(30, 1)
    layers = torch.nn.Linear(4, 16), torch.nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*layers[0].parameters(), *layers[1].parameters()], lr=0.02)
    losses = []
    for _ in range(60):
        hidden = torch.relu(torch.sparse.mm(a, layers[0](features)))
        loss = F.mse_loss(a @ layers[1](hidden), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.75 * losses[0]


class Fixed(torch.nn.Module):
    def __init__(self, matrix):
        super().__init__()
        self.weight = torch.nn.Parameter(matrix)
        self.register_buffer("mask", matrix.clone())

    def forward(self, x):
        return self.weight @ x + self.mask @ x


@pytest.mark.parametrize("by", BY)
def test_parameters_of_modules(by, tmp_path):
    """A sparse weight: found, trained, saved, loaded, converted."""
    model, other = Fixed(made(matrix(), by)), Fixed(made(matrix(1), by))
    assert [name for name, _ in model.named_parameters()] == ["weight"]
    x = torch.randn(5, 2, dtype=torch.float64)
    model(x).sum().backward()
    assert model.weight.grad.layout is model.weight.layout
    torch.save(model.state_dict(), tmp_path / "model.pt")
    if other.weight._nnz() == model.weight._nnz():
        other.load_state_dict(torch.load(tmp_path / "model.pt"))
    else:
        with pytest.raises(RuntimeError, match="same number of specified elements"):
            other.load_state_dict(torch.load(tmp_path / "model.pt"))
    same = Fixed(made(matrix() * 3, by))
    same.load_state_dict(torch.load(tmp_path / "model.pt"))
    assert torch.equal(same(x), model(x)) and same.weight.requires_grad
    same.float()
    assert same.weight.dtype is same.mask.dtype is torch.float32 and same.weight.requires_grad
    with pytest.raises(RuntimeError, match="incompatible tensor type"):
        same.weight.data = torch.ones(4, 5)


LAYOUTS = {
    "csr": lambda x: x.to_sparse_csr(), "csc": lambda x: x.to_sparse_csc(),
    "bsr": lambda x: x.to_sparse_bsr((2, 1)), "bsc": lambda x: x.to_sparse_bsc((2, 1)),
    "coo": lambda x: x.to_sparse(),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_has_the_dense_derivatives(name):
    """Also through values that are computed, and twice."""
    dense, make = matrix(3, (4, 4)), LAYOUTS[name]
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    model = make(dense)
    values = model._value.inner.detach().clone().requires_grad_()
    check = torch.autograd.gradcheck
    form = model._like
    for function in (
        lambda v, x: form(v) @ x, lambda v, x: x.mT @ form(v).t(), lambda v, x: form(v) @ x[:, 0],
        lambda v, x: (form(v) * dense).to_dense() * x.sum(),
        lambda v, x: (form(v * v) + form(v)).to_dense() @ x,
        lambda v, x: form(v).to_sparse().to_dense() @ x,
        lambda v, x: torch.addmm(x, form(v), x, alpha=2),
    ):  # fmt: skip
        assert check(function, (values, x))
    assert torch.autograd.gradgradcheck(lambda v, x: (form(v) @ x).sin(), (values, x))
    close = torch.testing.assert_close
    close(form(values) @ x, dense @ x)
    close(form(values).t().to_dense(), dense.T)
    close((form(values) * 2 + model).to_dense(), dense * 3)


@pytest.mark.parametrize("name", LAYOUTS)
def test_changes_in_place(name):
    dense, make = matrix(3, (4, 4)), LAYOUTS[name]
    a = make(dense)
    values = a._value.inner
    a.mul_(2)
    assert torch.equal(a.to_dense(), dense * 2) and a._value.inner is values
    a.add_(make(dense), alpha=3)
    torch.testing.assert_close(a.to_dense(), dense * 5)
    a.sin_()
    torch.testing.assert_close(a.to_dense(), (dense * 5).sin())
    leaf = make(dense).requires_grad_()
    for change in (
        lambda t: t.mul_(2),
        lambda t: t.neg_(),
        lambda t: t.add_(a),
        lambda t: t.zero_(),
    ):
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
            change(leaf)
    y = (leaf * 1).mul_(3)  # no leaf: history follows
    y.to_dense().sum().backward()
    assert (leaf.grad._value.inner == 3).all() and leaf.grad.layout is leaf.layout
    with torch.no_grad():
        leaf.mul_(2)
    assert torch.equal(leaf.to_dense().detach(), dense * 2)
    with pytest.raises(RuntimeError, match="can't be cast"):
        make(dense.long()).add_(make(dense))


def test_stacks_of_sparse_matrices():
    x = torch.stack([torch.diag(torch.arange(1.0, 5)), torch.eye(4).flip(0)])
    y = torch.arange(24.0).reshape(2, 4, 3)
    for made in (x.to_sparse_csr(), x.to_sparse_csc(), x.to_sparse()):
        assert torch.equal(torch.bmm(made, y), x @ y)
        assert torch.equal(made @ y, x @ y)
    blocks = torch.stack([torch.eye(4), 2 * torch.eye(4)]).to_sparse_bsr(2)
    assert torch.equal(blocks @ y, torch.stack([y[0], 2 * y[1]]))
    assert torch.equal(blocks[1].to_dense(), 2 * torch.eye(4))
    assert torch.equal(blocks.transpose(1, 2).to_dense(), blocks.to_dense().transpose(1, 2))


def test_gradcheck_of_sparse_tensors():
    check = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
    for make in LAYOUTS.values():
        a = make(matrix(3, (4, 4))).requires_grad_()
        assert check(lambda a: a @ a.to_dense(), a)
        assert check(lambda a: a * 2, (a,))

        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                return g * 2

        with pytest.raises(RuntimeError, match="Jacobian mismatch"):
            check(lambda a, wrong=Wrong: a._like(wrong.apply(a._value.inner)), (a,))


def test_zeros_of_sparse_layouts():
    for layout in (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc):
        for made in (
            torch.zeros(2, 3, layout=layout), torch.zeros_like(torch.ones(2, 3), layout=layout),
            torch.empty((2, 3), layout=layout),
        ):  # fmt: skip
            assert made.layout is layout and made._nnz() == 0
            assert torch.equal(made.to_dense(), torch.zeros(2, 3))
    with pytest.raises(RuntimeError, match="not implemented for sparse layout"):
        torch.ones(2, layout=torch.sparse_coo)


def test_comparisons_name_the_part_that_differs():
    close = torch.testing.assert_close
    x = torch.eye(4)
    for name, make in LAYOUTS.items():
        close(make(x), make(x))
        with pytest.raises(AssertionError, match=f"Sparse {name.upper()} values are not close"):
            close(make(x), make(x * 2))
        with pytest.raises(AssertionError, match="number of specified values in sparse"):
            close(make(x), make(torch.ones(4, 4)))
    with pytest.raises(AssertionError, match="attribute 'layout' do not match"):
        close(x.to_sparse(), x)
