"""Signs of zeros, singular matrices and triangles that nobody reads: as PyTorch, whichever way a
call takes."""

import numpy as np
import pytest

import tidu as torch

WAYS = {
    "eager": lambda f, *args: f(*args),
    "tracked": lambda f, *args: f(*[
        a.clone().requires_grad_() if a.is_floating_point() else a for a in args
    ]),
    "compiled": lambda f, *args: torch.compile(f)(*args),
}  # fmt: skip


@pytest.fixture(params=WAYS)
def run(request):
    return WAYS[request.param]


def negative(tensor):
    return np.signbit(tensor.detach().numpy()).tolist()


@pytest.mark.parametrize("name", ["sum", "mean", "nansum", "nanmean"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_sums_begin_with_zero(name, dtype, run):
    for shape in ((), (1,), (3,)):
        assert not negative(run(getattr(torch, name), torch.full(shape, -0.0, dtype=dtype)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_places_to_which_nothing_is_added_keep_their_sign(dtype, run):
    random = np.random.RandomState(0)
    for _ in range(20):
        x, source = [torch.tensor(random.choice([0.0, -0.0, 1.0, -1.0], shape)).to(dtype)
                     for shape in ((4, 5), (6, 5))]  # fmt: skip
        index = torch.tensor(random.randint(0, 4, (6, 5)))
        wanted = x.numpy().copy()
        for i, j in np.ndindex(6, 5):
            wanted[index[i, j].item(), j] += source.numpy()[i, j]
        got = run(lambda x, s, index=index: x.scatter_add(0, index, s), x, source)
        assert np.array_equal(got.detach().numpy(), wanted)
        assert negative(got) == np.signbit(wanted).tolist()


@pytest.mark.parametrize("name", ["median", "nanmedian"])
def test_a_median_of_zeros_is_the_one_of_a_stable_order(name, run):
    random = np.random.RandomState(1)
    for n in range(1, 9):
        x = random.choice([0.0, -0.0], n)
        assert negative(run(getattr(torch, name), torch.tensor(x))) == np.signbit(x[(n - 1) // 2])


WHOLE = {
    "short": (-25536, 25536, 300, -300), "char": (64, -64, 44, -44), "byte": (64, 192, 44, 212),
    "int": (40000, -40000, 300, -300),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_numbers_that_are_too_large_lose_their_upper_bits(name, dtype):
    x = torch.tensor([40000.0, -40000.0, 300.0, -300.0] * 5).to(dtype)
    cast = torch.compile(lambda x: getattr(x * 1, name)())
    assert cast(x).tolist() == getattr(x, name)().tolist() == [*WHOLE[name]] * 5


SINGULAR = [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 1.0], [0.0, 2.0]]]


def test_singular_matrices_are_told(run):
    a, b = torch.tensor(SINGULAR), torch.ones(3, 2, 1)
    assert run(lambda a: torch.linalg.inv_ex(a).info, a).tolist() == [0, 2, 1]
    assert run(lambda a: torch.linalg.solve_ex(a, b).info, a).tolist() == [0, 2, 1]
    for batched in (torch.vmap(lambda a: torch.linalg.inv_ex(a).info),
                    torch.vmap(lambda a: torch.linalg.solve_ex(a, b[0]).info)):  # fmt: skip
        assert run(batched, a).tolist() == [0, 2, 1]
    columns = torch.vmap(lambda b: torch.linalg.solve_ex(a[1], b).info)
    assert run(columns, b).tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match=r"lu_factor: \(Batch element 1\): U\[2,2\] is zero"):
        run(lambda a: torch.linalg.lu_factor(a).LU, a)
    with pytest.raises(RuntimeError, match=r"lu_factor: \(Batch element 1\): U\[2,2\] is zero"):
        run(torch.vmap(lambda a: torch.linalg.lu_factor(a).LU), a)


def test_a_factor_is_read_by_one_triangle(run):
    lower = torch.tensor([[2.0, float("nan")], [1.0, 3.0]], dtype=torch.float64)
    b = torch.ones(2, 1, dtype=torch.float64)
    whole = lower.tril() @ lower.tril().mT
    assert torch.allclose(run(torch.cholesky_inverse, lower), torch.linalg.inv(whole))
    found = run(lambda low: torch.cholesky_solve(b, low), lower)
    assert torch.allclose(found, torch.linalg.solve(whole, b))
    upper = lambda high: torch.cholesky_inverse(high, upper=True)
    assert torch.allclose(run(upper, lower.mT), torch.linalg.inv(whole))


def test_a_factor_with_zeros_on_its_diagonal_is_refused(run):
    factors = torch.tensor([[[1.0, 5.0], [1.0, 3.0]], [[1.0, 5.0], [1.0, 0.0]]])
    refused = "{}The diagonal element 2 is zero"
    for given, where in ((factors, r"cholesky_inverse: \(Batch element 1\): "), (factors[1], "")):
        with pytest.raises(torch.linalg.LinAlgError, match=refused.format(where)):
            run(torch.cholesky_inverse, given)


def test_a_factor_is_not_squared(run):
    """float32 has 7 digits, and so has the solution, whatever the condition (here 1e6)."""
    random = np.random.RandomState(0)
    turned = np.linalg.qr(random.standard_normal((6, 6)))[0]
    whole = turned * np.logspace(0, 6, 6) @ turned.T
    factor = torch.tensor(np.linalg.cholesky(whole)).float()
    b = random.standard_normal((6, 1))
    right = torch.tensor(b).float()
    for found, wanted in (
        (run(lambda low: torch.cholesky_solve(right, low), factor),
         np.linalg.solve(whole, b)),
        (run(torch.cholesky_inverse, factor), np.linalg.inv(whole)),
    ):  # fmt: skip
        np.testing.assert_allclose(found.detach().numpy(), wanted, 0, 2e-6 * np.abs(wanted).max())
