"""Numbers at the edge: special values, 16-bit rounding, equal numbers, large sizes, layouts."""

import math

import numpy as np
import pytest

import tidu as torch

INF, NAN = math.inf, math.nan


def gradient(function, *values):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    function(x).sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize(
    "function, at, slope",
    [
        (torch.acosh, -2.0, 1 / math.sqrt(3)), (torch.acosh, -INF, 0.0), (torch.acosh, 1.0, INF),
        (torch.logit, -1.0, NAN), (torch.logit, 1.5, NAN), (torch.logit, 0.0, INF),
        (torch.logit, 0.25, 1 / 0.1875), (torch.angle, NAN, 0.0),
        (lambda x: torch.logaddexp(x, torch.zeros_like(x)), INF, 1.0),
        (lambda x: torch.logaddexp2(x, x.detach() * 0 - INF), 2.0, 1.0),
        (lambda x: torch.logaddexp(x, torch.full_like(x, INF)), 3.0, 0.0),
    ],
)  # fmt: skip
def test_slopes_at_special_values(function, at, slope):
    np.testing.assert_allclose(gradient(function, at), [slope], rtol=1e-12)


def test_values_at_special_values():
    assert torch.lgamma(torch.tensor(-INF)).item() == INF
    tiny = torch.tensor(1e-310, dtype=torch.float64)
    assert torch.lgamma(tiny).item() == pytest.approx(-math.log(1e-310))
    small = torch.logaddexp(torch.tensor(-100.0, dtype=torch.float64), tiny * 0)
    assert small.item() == pytest.approx(math.exp(-100), rel=1e-12)
    assert torch.special.spherical_bessel_j0(torch.tensor(INF)).item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
@pytest.mark.parametrize("dim", [0, 1, None])
def test_equal_numbers_do_not_vary(dtype, dim):
    x = torch.full((1000, 7), 0.1, dtype=dtype)
    assert not torch.var(x, dim).any() and not torch.std(x, dim).any()


def test_variance_of_other_numbers_is_as_before():
    x = torch.tensor([[1.0, 2.0, 4.0], [0.1, 0.1, 0.1]], dtype=torch.float64, requires_grad=True)
    torch.var(x, 1).sum().backward()
    np.testing.assert_allclose(x.grad[0], np.array([-4, -1, 5]) / 3)
    # PyTorch's own gradient of equal numbers: their mean is rounded.
    assert x.grad[1].abs().max() <= 2**-56


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_are_rounded_once(dtype):
    random = np.random.RandomState(0)
    a, b, c = [torch.tensor(random.uniform(0.1, 3, 500), dtype=dtype) for _ in range(3)]
    wide = [t.float() for t in (a, b, c)]
    F = torch.nn.functional
    for function in (
        torch.lerp, torch.addcmul, torch.addcdiv,
        lambda x, y, z: x * 0.1, lambda x, y, z: x / 0.3, lambda x, y, z: 0.7 * x,
        lambda x, y, z: F.mish(x), lambda x, y, z: F.silu(x), lambda x, y, z: F.logsigmoid(x),
        lambda x, y, z: F.leaky_relu(-x, 0.03), lambda x, y, z: F.glu(x),
        lambda x, y, z: torch.addmm(x[:4].view(2, 2), y[:6].view(2, 3), z[:6].view(3, 2)),
        lambda x, y, z: torch.linalg.vector_norm(x, 3), lambda x, y, z: torch.cumprod(x[:9], 0),
        lambda x, y, z: torch.logcumsumexp(x, 0), lambda x, y, z: torch.logaddexp(x, y),
    ):  # fmt: skip
        short, expected = function(a, b, c), function(*wide).to(dtype)
        assert short.dtype is dtype
        np.testing.assert_array_equal(short.float().numpy(), expected.float().numpy())
    x = a.clone().requires_grad_()
    assert (x * 0.1).grad_fn.name() == "MulBackward0"


HUGE = 1 << 40


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.zeros(HUGE, HUGE), lambda: torch.ones(1).expand(HUGE, HUGE),
        lambda: torch.ones(2).repeat(HUGE, HUGE), lambda: torch.eye(HUGE, HUGE),
        lambda: torch.linspace(0, 1, 1 << 62), lambda: torch.arange(0, 1e30),
        lambda: torch.ones(4).as_strided((HUGE, HUGE), (0, 0)),
        lambda: torch.ones(2).resize_(HUGE, HUGE),
        lambda: torch.cat([torch.ones(1).expand(1 << 58)] * 4),
        lambda: torch.outer(torch.ones(1).expand(HUGE), torch.ones(1).expand(HUGE)),
        lambda: torch.nn.functional.pad(torch.ones(2, 2), (1 << 61, 1 << 61)),
        lambda: torch.ones(2).repeat_interleave(1 << 62),
        lambda: torch.diag_embed(torch.ones(1).expand(HUGE)),
        lambda: torch.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2), padding=1 << 61),
    ],
)  # fmt: skip
def test_sizes_that_overflow_are_refused(call):
    with pytest.raises(RuntimeError, match="overflow"):
        call()


def test_layouts():
    x = torch.arange(12.0).view(3, 4).t()
    for keeps in (x.exp(), x * 2, x.flip(0), x.clone(), x + x):
        assert keeps.stride() == x.stride()
    for rows in (
        torch.softmax(x, 0), torch.log_softmax(x, 1), x.cumsum(0), x.cumprod(1), torch.cat([x, x]),
        torch.stack([x, x]), torch.cummax(x, 0).values,
    ):  # fmt: skip
        assert rows.is_contiguous()


def test_vmap_of_functions_that_read_numbers():
    x = torch.tensor([[1.0, 1.0, 2.0], [3.0, 2.0, 2.0]])
    assert torch.vmap(torch.mode)(x).values.tolist() == [1.0, 2.0]
    assert torch.vmap(lambda r: torch.histc(r, 2, 0, 4))(x).tolist() == [[2, 1], [0, 3]]
    counts = torch.vmap(lambda r: torch.bincount(r, minlength=4))(x.long())
    assert counts.tolist() == [[0, 2, 1, 0], [0, 0, 2, 1]]
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        torch.vmap(lambda r: torch.bincount(r))(x.long())
    nested = torch.vmap(torch.vmap(lambda r: torch.mode(r).indices))(x.view(2, 1, 3))
    assert nested.tolist() == [[1], [2]]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_gradients_of_the_parts_of_a_complex_number_have_their_type(kind, compiled):
    def size(x, y):
        return torch.complex(x, y.sin() + 0).abs().sum()

    x, y = (torch.tensor([3.0, 4.0], dtype=kind, requires_grad=True) for _ in range(2))
    (torch.compile(size) if compiled else size)(x, y).backward()
    assert x.grad.dtype is y.grad.dtype is kind
    part = y.detach().sin()
    length = (x.detach() ** 2 + part**2).sqrt()
    near = {"rtol": 4e-3 if kind is torch.float16 else 1e-6, "atol": 0}
    torch.testing.assert_close(x.grad, x.detach() / length, **near)
    torch.testing.assert_close(y.grad, part / length * y.detach().cos(), **near)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float8_e4m3fn, torch.int64])
def test_complex_numbers_have_no_parts_of_other_types(kind):
    x = torch.ones(2)
    for parts in ((x, x.to(kind)), (x.to(kind), x), (x.to(kind), x.to(kind))):
        for function in (torch.complex, torch.compile(torch.complex)):
            with pytest.raises(RuntimeError, match="to be Half, Float or Double tensors but got"):
                function(*parts)


@pytest.mark.parametrize("shape", [(2, 3, 0), (0, 3, 2), (2, 4, 0, 2)])
def test_norms_of_no_elements(shape):
    F, x = torch.nn.functional, torch.randn(shape, dtype=torch.float64, requires_grad=True)
    for function in (lambda x: F.group_norm(x, 1), lambda x: F.layer_norm(x, shape[-1:])):
        y = function(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == x.shape


@pytest.mark.parametrize("function", [torch.sign, torch.sgn])
def test_signs_of_truth_values_have_their_own_memory(function):
    for x in (torch.tensor([True, False]), torch.tensor(True), torch.ones(3, 4, dtype=torch.bool)):
        y = function(x)
        assert torch.equal(x, y)
        y.fill_(False)
        assert x.any() and function(x[..., None]).is_contiguous()
