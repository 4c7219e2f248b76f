"""16-bit floats in compiled programs: loops compute in float32 and round, as eager kernels do."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.graphs.steps import Convolution

F = torch.nn.functional
TYPES = (torch.float16, torch.bfloat16)
SPECIAL = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-40, 6e-8, 3e4, 65519.0]

FUNCTIONS = {
    "arithmetic": lambda x, y: ((x * 0.1 + 1) / 3 - y) * x,
    "one after the other": lambda x, y: [x + y, x - y, x * y, x / y, 1 - x, 1 / x, x**2, -x],
    "steps": lambda x, y: [x.abs(), x.floor(), x.round(), x.sign(), x.relu(), torch.maximum(x, y)],
    "questions": lambda x, y: [x > y, x == y, x != x, torch.isfinite(x), x >= 0.3],
    "choices": lambda x, y: [torch.where(x > y, x, 0.7), torch.where(x > 0, 1.0, 2.0).to(x.dtype)],
    "types": lambda x, y: [
        x.float() * 2, x.double() + 1, x.bool(), (x > 0).to(x.dtype), y.double().to(x.dtype),
        x.to(torch.float16), x.to(torch.bfloat16), (y * 100).to(torch.int32),
    ],
    "views": lambda x, y: [
        (x * 2).t(), x[1:, ::2] + 1, x.reshape(-1, 20) * 2, torch.cat([x, y * 2]),
        (y.t() * 2).reshape(-1) + 1, y.clone(), x.t().contiguous(), x[:, :1] + y,
    ],
    "sums": lambda x, y: [y.sum(), y.sum(0), y.mean(1), y.amax(1), y.amin(0)],
}  # fmt: skip


def _given(kind):
    torch.manual_seed(0)
    x, y = torch.randn(60, 40).to(kind), torch.randn(60, 40).to(kind)
    x[0, : len(SPECIAL)] = torch.tensor(SPECIAL).to(kind)
    return x, y


def _flat(result):
    return result if isinstance(result, list) else [result]


def _same(a, b):
    """Bit by bit, but for which NaN it is."""
    assert a.dtype == b.dtype and a.stride() == b.stride()
    a, b = [t.double().numpy() for t in (a, b)]
    np.testing.assert_array_equal(a, b)
    number = ~np.isnan(a)
    np.testing.assert_array_equal(np.signbit(a)[number], np.signbit(b)[number])


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bit_by_bit_as_eager(name, kind):
    function, (x, y) = FUNCTIONS[name], _given(kind)
    compiled = torch.compile(function, fullgraph=True)
    for given in ((x, y), (x[:3, :1], y[:3, :1]), (x[1, 1], y[1, 1])):
        if name in ("views", "sums") and given[0] is not x:
            continue
        for a, b in zip(_flat(compiled(*given)), _flat(function(*given)), strict=True):
            _same(a, b)


@pytest.mark.parametrize("kind", TYPES)
def test_every_value_is_rounded_to_the_nearest(kind):
    """Of float32, also where it lies between two, is too large or too small, or is no number."""
    bits = np.random.default_rng(0).integers(0, 1 << 32, 1 << 16, dtype=np.uint64)
    ties = (np.arange(1 << 16, dtype=np.uint64) << np.uint64(16)) + np.uint64(0x8000)
    given = np.concatenate([bits, ties, ties + np.uint64(1), ties - np.uint64(1)])
    x = torch.from_numpy(given.astype(np.uint32).view(np.float32))
    found = torch.compile(lambda x: x.to(kind))(x)
    with np.errstate(all="ignore"):
        _same(found, x.to(kind))


def _calls(made):
    return made[-1].summary().partition("as in eager: ")[2].split(", ")


@pytest.mark.parametrize("kind", TYPES)
def test_a_chain_is_one_loop_that_rounds_each_step(kind, made):
    x, y = _given(kind)

    def function(x, y):
        return ((x + 1) * y - x).relu() * 3

    found = torch.compile(function)(x, y)
    assert _calls(made) == [""] and " in 1 loops" in made[-1].summary()
    _same(found, function(x, y))
    once = ((x.float() + 1) * y.float() - x.float()).relu() * 3
    assert not torch.equal(found[1:], once[1:].to(kind))  # it is not rounded at the end alone


def _network():
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 8, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
        torch.nn.AvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(200, 4),
    )  # fmt: skip


def _trained(kind, autocast, compiled):
    """(a step's loss, the gradients) of the network in a type, or in float32 under autocast."""
    model = _network().to(torch.float32 if autocast else kind)
    torch.manual_seed(0)
    x = torch.randn(4, 3, 24, 24).to(torch.float32 if autocast else kind)

    def step():
        with torch.autocast("cpu", dtype=kind if autocast else torch.bfloat16, enabled=autocast):
            loss = model(x).square().sum()
        loss.backward()
        return loss

    loss = (torch.compile(step) if compiled else step)()
    return [t.double().numpy() for t in (loss.detach(), *[p.grad for p in model.parameters()])]


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_convolutions_have_an_epilogue(kind, autocast, made):
    """Convolution, normalization, activation and pooling, there and back: as near to float64's
    numbers as eager ones are."""
    exact = _trained(torch.float64, False, False)
    found, eager = [_trained(kind, autocast, compiled) for compiled in (True, False)]
    unit = 8e-3 if kind is torch.bfloat16 else 1e-3
    for a, b, c in zip(found, eager, exact, strict=True):
        assert abs(a - c).max() <= 1.5 * abs(b - c).max() + unit * abs(c).max()
    step = next(s for s in made[-1].plan.steps if isinstance(s, Convolution))
    assert kind.numpy in {v.element_type for e in step.equations for v in e.outs}
    assert set(_calls(made)) <= {"avg_pool", "avg_pool_backward", "convolution",
                                 "convolution_weight", "max_taps", "taps_place",
                                 "transposed_convolution"}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("compiled", [False, True])
def test_cross_entropy_of_probabilities_has_slopes(dtype, compiled):
    """1e-12, the least that PyTorch divides by, is none of their numbers."""
    unit = torch.finfo(dtype).eps
    target = torch.tensor([0.0, 1.0, 0.3, 0.9, 0.0], dtype=dtype)

    def loss(x):
        return torch.nn.functional.binary_cross_entropy(x, target, reduction="none")

    call = torch.compile(loss, fullgraph=True) if compiled else loss
    for numbers in ([0.1, 0.5, 0.9, 0.25, 0.75], [0.0, 1.0, 0.5, 0.999, 0.001]):
        x = torch.tensor(numbers, dtype=dtype, requires_grad=True)
        wide = x.detach().double().requires_grad_()
        found = call(x)
        found.sum().backward()
        right = torch.nn.functional.binary_cross_entropy(wide, target.double(), reduction="none")
        right.sum().backward()
        torch.testing.assert_close(found.double(), right, rtol=unit, atol=unit)
        torch.testing.assert_close(x.grad.double(), wide.grad, rtol=2 * unit, atol=unit)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("function", [
    torch.nn.functional.softplus, torch.nn.functional.silu, torch.nn.functional.gelu,
    torch.nn.functional.elu,
])  # fmt: skip
def test_gradients_of_fused_functions_are_computed_wide(function, dtype):
    """exp(18) is no float16; the gradient is one."""
    x = torch.tensor([-30.0, -9.0, -0.3, 0.2, 5.0, 11.5, 18.0, 21.0], dtype=dtype)
    x.requires_grad_()
    (expected,) = torch.autograd.grad(function(x).sum(), x)
    (found,) = torch.autograd.grad(torch.compile(function)(x).sum(), x)
    assert found.dtype is dtype and expected.isfinite().all()
    torch.testing.assert_close(found, expected)
