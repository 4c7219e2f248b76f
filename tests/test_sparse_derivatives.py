"""Sparse Jacobians and Hessians: equal to dense ones, in as many passes as colours."""

import numpy as np
import pytest
from scipy import sparse

import tidu as torch
from tidu.func import (
    grad,
    hessian,
    hessian_sparsity,
    jacobian_sparsity,
    jacrev,
    sparse_hessian,
    sparse_jacobian,
)
from tidu.func.colouring import columns_of, read_symmetric, star_of

D = torch.float64


def data(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


IMAGE = data(1, 1, 3, seed=5)
FUNCTIONS = {  # name: (function of 8 numbers, elements beyond the true ones)
    "chain": (lambda x: x[1:] * x[:-1], 0),
    "mirror": (lambda x: torch.sin(x) * x.flip(0), 0),
    "softmax": (lambda x: torch.softmax(x.reshape(2, 4), 1), 0),
    "matmul": (lambda x: x.reshape(2, 4) @ x.reshape(4, 2), 0),
    "matmul with a constant": (lambda x: data(2, 2) @ x.reshape(2, 4), 0),
    "linear": (lambda x: torch.nn.functional.linear(x.reshape(4, 2), data(3, 2)), 0),
    "stack": (lambda x: torch.stack([x.sum(), x[0]]), 0),
    "norms": (lambda x: x.reshape(2, 4).norm(dim=1), 0),
    "cat": (lambda x: torch.cat([x[:2], x[5:] * x[2], torch.ones(2, dtype=D)]), 0),
    "index_add": (lambda x: torch.zeros(8, dtype=D).index_add(0, torch.arange(8) // 2, x) ** 2, 0),
    "scatter_add": (lambda x: torch.zeros(4, dtype=D).scatter_add(0, torch.arange(8) % 4, x), 0),
    "gather": (lambda x: x.gather(0, torch.tensor([3, 3, 0])) * x[0], 0),
    "conv1d": (lambda x: torch.nn.functional.conv1d(x.reshape(1, 1, 8), IMAGE), 0),
    "in place": (lambda x: _written(x), 0),
    "pieces": (lambda x: torch.relu(x) + torch.where(x > 0, x.roll(1), x.roll(2)), 10),
    "cumsum": (lambda x: torch.cumsum(x, 0), 28),
    "constant": (lambda x: torch.floor(x), 0),
    "constants": (lambda x: x.ceil() + x.trunc() + x.sign() + x.round() + x.frac().sign(), 0),
    "sorted": (lambda x: x[torch.argsort(x)][:3], 0),
    "transposed": (lambda x: x.reshape(2, 2, 2).permute(2, 0, 1).diagonal(dim1=0, dim2=1), 0),
    "split": (lambda x: torch.cat([p * p for p in x.split(3)]).unfold(0, 2, 2), 0),
}


def _written(x):
    y = torch.zeros(8, dtype=D)
    y[2:6] = x[:4] * x[4:]
    y[0] += x[7]
    return y


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobian(name, mode):
    function, beyond = FUNCTIONS[name]
    x = data(8)
    plan = jacobian_sparsity(function, x, mode=mode)
    dense = jacrev(function)(x).reshape(-1, 8).numpy()
    found = sparse_jacobian(function, sparsity=plan)(x)
    assert isinstance(found, sparse.csr_array) and found.shape == dense.shape
    np.testing.assert_allclose(found.toarray(), dense, atol=1e-14)
    assert plan.nnz - np.count_nonzero(dense) == beyond
    again = sparse_jacobian(function, mode=mode, chunk_size=2)(x)
    np.testing.assert_allclose(again.toarray(), dense, atol=1e-14)


HESSIANS = {
    "chain": (lambda x: (x[1:] * x[:-1] ** 2).sum(), 3),
    "arrow": (lambda x: (x[0] * x).sum() + (x**3).sum(), 2),
    "diagonal": (lambda x: torch.sin(x).sum(), 1),
    "products of rows": (lambda x: x.reshape(2, 4).prod(1).sum(), 4),
    "mixed": (lambda x: torch.logsumexp(x[:3], 0) + x[5] * x[6], 3),
    "dense": (lambda x: torch.exp(x.sum()), 8),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_hessian(name):
    function, passes = HESSIANS[name]
    x = data(8)
    plan = hessian_sparsity(function, x)
    np.testing.assert_allclose(
        sparse_hessian(function)(x).toarray(), hessian(function)(x).numpy(), atol=1e-13
    )
    assert plan.passes == passes and plan.mode == "symmetric"


def test_linear_function_has_an_empty_hessian():
    assert hessian_sparsity(torch.sum, data(4)).nnz == 0
    assert sparse_hessian(torch.sum)(data(4)).nnz == 0


# --- bundle adjustment: as many passes as colours at every size -----------------------------------


def rotated(rotation, points):
    """Rodrigues' formula, for many at once."""
    angle = rotation.norm(dim=1, keepdim=True)
    axis = rotation / angle
    cross = torch.linalg.cross(axis, points)
    along = (axis * points).sum(1, keepdim=True)
    return points * angle.cos() + cross * angle.sin() + axis * along * (1 - angle.cos())


def bundle(cameras, points, weights, seen, features):
    """ADBench's BA: 2 errors of projection for each observation, and one for its weight."""
    c, p = cameras[seen[:, 0]], points[seen[:, 1]]
    q = rotated(c[:, :3], p - c[:, 3:6])
    plane = q[:, :2] / q[:, 2:]
    square = (plane * plane).sum(1, keepdim=True)
    lens = 1 + c[:, 9:10] * square + c[:, 10:11] * square * square
    projected = plane * lens * c[:, 6:7] + c[:, 7:9]
    return weights[:, None] * (projected - features), 1 - weights * weights


def problem(cameras, points, observations):
    random = np.random.default_rng(3)
    seen = np.stack([random.integers(cameras, size=observations),
                     random.integers(points, size=observations)], 1)  # fmt: skip
    x = random.normal(size=(points, 3)) + [0, 0, 9]
    return (*[torch.tensor(v) for v in (random.normal(size=(cameras, 11)) * 0.3, x,
            random.uniform(0.5, 1, observations))], torch.tensor(seen),
            torch.tensor(random.normal(size=(observations, 2))))  # fmt: skip


def bundle_of(seen, features):
    return lambda c, p, w: bundle(c, p, w, seen, features)


def test_bundle_adjustment_takes_14_passes_at_every_size():
    """15 numbers enter an observation; of the centre of the image one for each error."""
    counts = []
    for cameras, points, observations in ((2, 5, 12), (6, 40, 160), (20, 300, 1500)):
        c, p, w, seen, features = problem(cameras, points, observations)
        plan = jacobian_sparsity(bundle_of(seen, features), c, p, w, argnums=(0, 1, 2))
        assert plan.shape == (3 * observations, 11 * cameras + 3 * points + observations)
        assert plan.nnz == 2 * observations * 14 + observations
        counts.append(plan.passes)
    assert counts == [14, 14, 14]


def test_bundle_adjustment_is_the_dense_jacobian():
    c, p, w, seen, features = problem(3, 6, 15)
    function = bundle_of(seen, features)
    found = sparse_jacobian(function, argnums=(0, 1, 2))(c, p, w)
    dense = jacrev(function, argnums=(0, 1, 2))(c, p, w)
    rows = [np.concatenate([b.numpy().reshape(n, -1) for b in block], 1)
            for block, n in zip(dense, (30, 15), strict=True)]  # fmt: skip
    np.testing.assert_allclose(found.toarray(), np.concatenate(rows), atol=1e-12)


# --- colourings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_colourings_of_random_matrices(seed):
    random = np.random.default_rng(seed)
    pattern = sparse.csr_array(random.random((40, 30)) < 0.08)
    colours = columns_of(pattern)
    for row in pattern.tolil().rows:
        assert len({colours[j] for j in row}) == len(row)
    square = sparse.csr_array(random.random((40, 40)) < 0.05)
    square = sparse.csr_array(square + square.T)
    star = star_of(square)
    values = np.where(square.toarray(), random.normal(size=(40, 40)), 0)
    values = values + values.T
    seeds = (np.arange(star.max() + 1)[:, None] == star).astype(float)
    found = read_symmetric(square, star, (values @ seeds.T).T)
    np.testing.assert_allclose(found.toarray(), values, atol=1e-14)
    assert star.max() + 1 <= 40


def test_star_colouring_of_many_random_graphs():
    """By its definition: neighbours differ, and no path of four vertices has two colours."""
    for seed in range(60):
        random = np.random.default_rng(seed)
        n = int(random.integers(3, 14))
        graph = np.triu(random.random((n, n)) < random.uniform(0.1, 0.7), 1)
        graph = graph | graph.T
        colours = star_of(sparse.csr_array(graph | np.eye(n, dtype=bool)))
        edges = [(a, b) for a in range(n) for b in range(n) if graph[a, b]]
        assert all(colours[a] != colours[b] for a, b in edges)
        for a, b in edges:
            for c in np.flatnonzero(graph[b]):
                for d in np.flatnonzero(graph[c]):
                    if len({a, b, int(c), int(d)}) == 4:
                        assert len({int(colours[v]) for v in (a, b, c, d)}) > 2


@pytest.mark.slow
def test_a_large_arrow_is_coloured_at_once():
    n = 20_000
    rows = np.concatenate([np.arange(n), np.zeros(n, int), np.arange(n)])
    columns = np.concatenate([np.arange(n), np.arange(n), np.zeros(n, int)])
    arrow = sparse.csr_array((np.ones(3 * n, bool), (rows, columns)), (n, n))
    assert star_of(arrow).max() == 1


def test_symmetry_saves_passes():
    def arrow(x):
        return (x[0] * x).sum() + (x**3).sum()

    x = data(60)
    symmetric = hessian_sparsity(arrow, x).passes
    assert symmetric == 2 and jacobian_sparsity(grad(arrow), x).passes == 60


def test_refusals():
    plan = jacobian_sparsity(torch.sin, data(4))
    with pytest.raises(ValueError, match="4 columns, and the inputs 5"):
        sparse_jacobian(torch.sin, sparsity=plan)(data(5))
    with pytest.raises(ValueError, match="mode must be"):
        jacobian_sparsity(torch.sin, data(4), mode="sideways")
    with pytest.raises(ValueError, match="Expected tensors"):
        jacobian_sparsity(lambda x: 3.0, data(4))
    assert "1 forward pass" in repr(plan)


def test_inputs_without_derivatives():
    with pytest.raises(RuntimeError, match=r"argument 0 is torch.int64"):
        torch.func.sparse_jacobian(lambda x: x * 2)(torch.arange(3))
    with pytest.raises(TypeError, match="argument 0 must be a tensor, got list"):
        torch.func.sparse_jacobian(lambda x: x * 2)([1.0])
    with pytest.raises(RuntimeError, match="Expected all inputs to be real"):
        torch.func.sparse_jacobian(torch.abs)(torch.tensor([1j, 2.0]))
