"""Jacobians start from unit vectors, kept as one row: the same numbers as from dense batches."""

import pytest

import tidu as torch
from tidu.core.modes import listen, unlisten
from tidu.transforms import units

F = torch.nn.functional
FIXED = torch.tensor([[0.3, 0.1, -0.2, 0.4], [0.5, -0.4, 0.2, 0.1], [0.1, 0.6, 0.7, -0.3]]).double()
POINT = torch.tensor([0.5, -0.7, 1.2, 0.3], dtype=torch.float64)

# One for each rule of `on_units`, and programs of several.
FUNCTIONS = {
    "mul": lambda x: x * FIXED[0] * x.sin(),
    "mul by wider": lambda x: x * FIXED,
    "mul by number": lambda x: 3 * x * 2.5,
    "div": lambda x: x / FIXED[1] / (2 + x * x),
    "add": lambda x: x.sin() + x * 2 - x.exp(),
    "rsub": lambda x: 1 - x * x,
    "neg": lambda x: -x,
    "select": lambda x: torch.where(x > 0, x * x, x.exp()),
    "select rows": lambda x: torch.where(FIXED > 0, x, x * 2),
    "relu": lambda x: F.relu(x) * x,
    "masked": lambda x: x.masked_fill(x > 1, 0.0) + x,
    "cast": lambda x: x.float().double() * x,
    "reshape": lambda x: (x.reshape(2, 2) * x.view(2, 2)).reshape(4),
    "transposed": lambda x: x.reshape(2, 2).T * 2,
    "sum": lambda x: x.sum() * x,
    "sum keepdim": lambda x: x.sum(0, keepdim=True) * x,
    "sum of rows": lambda x: x.reshape(2, 2).sum(1),
    "matrix times": lambda x: FIXED @ x,
    "tanh of matrix times": lambda x: torch.tanh(FIXED @ x.sin()),
    "row times matrix": lambda x: x[None] @ FIXED.T,
    "matrix times column": lambda x: FIXED @ x[:, None],
    "vector times matrix": lambda x: x @ FIXED.T,
    "linear": lambda x: F.linear(x, FIXED, FIXED[:, 0]).sigmoid(),
    "linear, rows": lambda x: F.linear(x[None], FIXED),
    "linear, own weight": lambda x: F.linear(x, x.outer(x)),
    "product": lambda x: x.prod() * x,
    "indexed": lambda x: x[[2, 0, 0]] * x[1:],
    "in place": lambda x: x.clone().mul_(2).add_(x),
    "scalar": lambda x: (x**3).sum(),
    "several": lambda x: (x * 2, x.sum()),
    "constant": lambda x: torch.ones(2, dtype=torch.float64),
    "itself": lambda x: x,
}


def dense(transform):
    """The transform with every batch of unit vectors made dense before anything is computed."""

    def run(*args):
        was, units._RULES = units._RULES, {}
        try:
            return transform(*args)
        finally:
            units._RULES = was

    return run


def all_equal(got, want):
    return all(
        torch.equal(a, b) or torch.allclose(a, b, rtol=1e-13, atol=1e-15)
        for a, b in zip(torch.utils._pytree.tree_leaves(got),
                        torch.utils._pytree.tree_leaves(want), strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_numbers_are_those_of_dense_batches(name):
    f = FUNCTIONS[name]
    of_sum = lambda x: sum(part.sum() for part in torch.utils._pytree.tree_leaves(f(x)))
    for transform in (torch.func.jacrev(f), torch.func.jacfwd(f), torch.func.hessian(of_sum),
                      torch.func.jacrev(torch.func.jacrev(of_sum)),
                      torch.func.jacfwd(torch.func.jacfwd(f))):  # fmt: skip
        got, want = transform(POINT), dense(transform)(POINT)
        assert all_equal(got, want)
    rows = torch.stack([POINT, POINT * 0.9])
    of_rows = torch.func.vmap(torch.func.jacrev(f))
    assert all_equal(of_rows(rows), dense(of_rows)(rows))


def test_a_jacobian_of_a_layer_takes_no_product(monkeypatch):
    """Each row of tanh's Jacobian times the matrix is a row of the matrix, scaled."""
    seen = []

    class Listener:
        def applied(self, prim, args, params, result):
            seen.append((prim.name, [tuple(getattr(a, "shape", ())) for a in args]))

        pass_begins = pass_ends = visited = lambda self, *args: None

    listener = Listener()
    listen(listener)
    try:
        torch.func.jacrev(lambda x: torch.tanh(FIXED @ x))(POINT)
    finally:
        unlisten(listener)
    assert ("mv", [(4, 3), (3, 3)]) not in seen and seen


def test_zeros_stay_zeros_beside_infinite_slopes():
    jacobian = torch.func.jacrev(torch.sqrt)(torch.tensor([0.0, 4.0]))
    assert jacobian.tolist() == [[float("inf"), 0.0], [0.0, 0.25]]


def test_a_hook_that_writes_into_a_unit_vector():
    def f(x):
        y = x * 2
        y.register_hook(lambda g: g.mul_(3))
        return y * 1

    assert torch.func.jacrev(f)(POINT).tolist() == (6 * torch.eye(4)).tolist()
