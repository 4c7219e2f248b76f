"""Arithmetic on the elements of a convolution is computed as soon as a part of them is whole."""

import math

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.graphs.steps import Convolution, Fused
from tidu.compiler.loops import convolution, winograd

F, nn = torch.nn.functional, torch.nn
TYPES = [(torch.float32, 2e-5), (torch.float64, 1e-12)]
# (images, channels, out, size of the kernel, options): Winograd's sums, with rows that end within
# a vector and a last row alone; direct; a plain product; groups; one and three dimensions.
CASES = {
    "winograd": (2, 32, 48, (33, 39), (3, 3), {"padding": 1}),
    "winograd of groups": (3, 32, 64, (21, 30), (3, 3), {"padding": (0, 1), "groups": 2}),
    "direct": (2, 5, 7, (19, 23), (3, 2), {"padding": (1, 0)}),
    "stride": (2, 6, 9, (25, 28), (3, 3), {"stride": (2, 3), "padding": 1}),
    "dilation": (2, 6, 9, (25, 28), (3, 3), {"dilation": (2, 3), "padding": 2, "groups": 3}),
    "product": (3, 32, 20, (12, 13), (1, 1), {}),
    "product of many": (2, 64, 72, (12, 13), (1, 1), {"groups": 2}),
    "one dimension": (3, 16, 17, (203,), (5,), {"padding": 2}),
    "three dimensions": (2, 4, 6, (7, 9, 11), (3, 2, 3), {"padding": 1}),
}


def given(case, dtype, gradients=False):
    """(x, weight, bias, options) of a case."""
    count, fan_in, fan_out, size, kernel, options = CASES[case]
    torch.manual_seed(3)
    x = torch.randn(count, fan_in, *size, dtype=dtype)
    w = torch.randn(fan_out, fan_in // options.get("groups", 1), *kernel, dtype=dtype) / 8
    bias = torch.randn(fan_out, dtype=dtype)
    return [t.requires_grad_(gradients) for t in (x, w, bias)], options


def convolve(x, w, bias, options):
    return (F.conv1d, F.conv2d, F.conv3d)[x.dim() - 3](x, w, bias, **options)


def epilogues(made):
    """The names of the equations of each convolution's epilogue."""
    steps = [s for p in made for s in p.plan.steps if isinstance(s, Convolution)]
    return [{e.prim.name for e in s.equations} for s in steps]


def test_what_is_told_of_a_convolution_with_an_epilogue(made):
    """It is no call as in eager; one without an epilogue is."""
    (x, w, bias), options = given("winograd", torch.float32)
    torch.compile(lambda x: convolve(x, w, bias, options).relu())(x)
    assert made[-1].summary().endswith("0 products, 1 convolutions")
    assert "0: convolution " in made[-1].plan.text() and "call" not in made[-1].plan.text()
    torch.compile(lambda x: convolve(x, w, bias, options))(x)
    assert made[-1].summary().endswith("0 products; as in eager: convolution")
    assert "0: call " in made[-1].plan.text()


def same(function, *operands, tolerance):
    """Calls of a compiled function, the short way at last, against eager ones, what is written
    included."""
    compiled = torch.compile(function, fullgraph=True)
    for _ in range(4):
        mine, theirs = [[t.clone() for t in operands] for _ in range(2)]
        found, exact = compiled(*mine), function(*theirs)
        found, exact = [r if isinstance(r, tuple) else (r,) for r in (found, exact)]
        for a, b in zip([*found, *mine], [*exact, *theirs], strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance * 30)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
def test_operands_of_every_kind(case, dtype, tolerance, made):
    (x, w, bias), options = given(case, dtype)
    shape = convolve(x, w, bias, options).shape
    channel = torch.randn(shape[1], *(1,) * len(shape[2:]), dtype=dtype)
    image = torch.randn(shape[0], 1, *(1,) * len(shape[2:]), dtype=dtype)
    whole, number = torch.randn(shape, dtype=dtype), torch.tensor(1.5, dtype=dtype)
    last = torch.randn(*shape[:1], *shape[2:], shape[1], dtype=dtype).movedim(-1, 1)
    mask = torch.rand(shape) > 0.5

    def function(x, w, bias, channel, image, whole, number, last, mask):
        y = convolve(x, w, bias, options)
        y = (y * channel + image) * number - last
        return torch.where(mask, F.relu(y + whole), y * 2)

    same(function, x, w, bias, channel, image, whole, number, last, mask, tolerance=tolerance)
    (names,) = epilogues(made)
    assert {"mul", "add", "sub", "relu", "where"} <= names
    assert not any(isinstance(s, Fused) for p in made for s in p.plan.steps)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), TYPES)
def test_gradients(case, dtype, tolerance, made):
    """What the way back reads is stored by the same pass; its own mask is applied in one, too."""
    (x, w, bias), options = given(case, dtype, gradients=True)

    def function(x, w, bias):
        y = F.relu(convolve(F.relu(x * 2), w, bias, options))
        return y * y, y

    compiled, found = torch.compile(function, fullgraph=True), []
    for way in (compiled, compiled, compiled, function):
        for t in (x, w, bias):
            t.grad = None
        square, y = way(x, w, bias)
        (square.sum() + y.sin().sum()).backward()
        found.append([square.detach(), y.detach(), x.grad, w.grad, bias.grad])
    *several, exact = found
    for results in several:
        for a, b in zip(results, exact, strict=True):
            scale = tolerance * float(b.abs().max())
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=scale)
    assert {"relu", "mul"} <= epilogues(made)[-1] | epilogues(made)[0]
    assert any("where" in names for names in epilogues(made))


def test_what_is_read_elsewhere_is_stored(made):
    (x, w, bias), options = given("winograd", torch.float32)

    def function(x, w, bias):
        before = convolve(x, w, bias, options)
        return before, F.relu(before), before.sum((0, 2, 3))

    same(function, x, w, bias, tolerance=3e-5)
    assert epilogues(made) == [{"relu"}]


def test_batch_norm_in_eval_and_a_residual(made):
    """What is computed of each channel only comes before the convolution."""
    torch.manual_seed(0)
    layer, norm = nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32).eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    x = torch.randn(4, 32, 20, 21)

    def function(x):
        with torch.no_grad():
            return F.relu(norm(layer(x)) + x)

    same(function, x, tolerance=3e-5)
    assert epilogues(made) == [{"mul", "add", "relu"}]
    assert all(s.shape == (32,) for s in made[0].plan.steps if isinstance(s, Fused))


def test_what_is_not_plain_is_left_to_the_loop_behind(made):
    (x, w, bias), options = given("direct", torch.float32)

    def function(x, w, bias, r):
        return F.gelu(convolve(x, w, bias, options) * 2 + r)

    same(function, x, w, bias, torch.randn(2, 7, 19, 22), tolerance=3e-5)
    assert epilogues(made) == []


def test_an_operand_that_lies_unevenly_is_read_by_a_loop(made):
    """Rows of a wider array, and one value for each row."""
    (x, w, bias), options = given("direct", torch.float32)

    def function(x, w, bias, wide, rows):
        y = convolve(x, w, bias, options) * 2
        return y + wide[..., 3:], y - rows

    same(function, x, w, bias, torch.randn(2, 7, 19, 25), torch.randn(19, 1), tolerance=3e-5)
    assert epilogues(made) == [{"mul"}]


def test_an_operand_made_after_the_convolution_waits(made):
    """A product of the results is known only when all are there."""
    (x, w, bias), options = given("direct", torch.float32)

    def function(x, w, bias, v):
        y = convolve(x, w, bias, options) * 2
        return F.relu(y - (y.flatten(1) @ v)[:, :, None, None])

    size = convolve(x, w, bias, options)[0].numel()
    same(function, x, w, bias, torch.randn(size, 1) / size, tolerance=3e-5)
    assert epilogues(made) == [{"mul"}]


def test_what_is_added_up_is_left_to_the_loop_that_adds(made):
    """Whether it is wanted besides or not."""
    (x, w, bias), options = given("direct", torch.float32)

    def wanted(x, w, bias):
        y = convolve(x, w, bias, options) * 2
        return y, y.mean((0, 2, 3))

    def mean(x, w, bias):
        return F.relu(convolve(x, w, bias, options) * 2).mean((2, 3))

    for function in (wanted, mean):
        same(function, x, w, bias, tolerance=3e-5)
    assert epilogues(made) == []


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", ["winograd", "direct", "product", "one dimension"])
def test_sizes_that_vary(case, kind, made):
    """The same steps for all of them, large or small; there and back."""
    (x, w, bias), options = given(case, kind)

    def gradients(x):
        x = x.clone().requires_grad_()
        y = F.relu(convolve(x, w, bias, options) * 0.5 + 0.1)
        y.mul(y.detach()).sum().backward()
        return y.detach(), x.grad

    compiled = torch.compile(gradients, dynamic=True, fullgraph=True)
    for count in (len(x), len(x) + 3, 1):
        given_ = torch.cat([x] * 4)[:count]
        for a, b in zip(compiled(given_), gradients(given_), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=3e-5, atol=3e-5)
    assert all(p.varying for p in made)
    found = epilogues(made)
    assert found and all(one == found[0] for one in found) and "relu" in found[0]


@pytest.mark.parametrize("case", ["winograd", "direct", "product", "one dimension"])
def test_what_is_not_finite(case, made):
    """An infinity in one image leaves the others as they are; what the epilogue makes infinite is
    no reason to compute anything again, and what it makes finite still is one."""
    (x, w, bias), options = given(case, torch.float32)
    place = (slice(None), 0, *(3,) * (x.dim() - 2))
    x[(1, *place[1:])] = math.inf

    def function(x, w, bias):
        y = convolve(x, w, bias, options)
        return torch.where(y.abs() < 1e30, y, -1.0), F.relu(y) * 1e39, y == math.inf

    same(function, x, w, bias, tolerance=3e-5)
    assert len(epilogues(made)) == 1


def test_the_test_for_finite_sums_sees_the_sums_alone(made, monkeypatch):
    (x, w, bias), options = given("winograd", torch.float32)
    broken, was = [], winograd.convolve

    def told(*args):
        broken.append(was(*args))
        return broken[-1]

    monkeypatch.setattr(winograd, "convolve", told)
    compiled = torch.compile(lambda x, w, bias: convolve(x, w, bias, options) * math.inf)
    compiled(x, w, bias)
    x[1, 2, 3, 4] = math.nan
    compiled(x, w, bias)
    assert [found.tolist() for found in broken] == [[], [1]]


def test_numpy_convolves_what_the_loops_do_not(made, monkeypatch):
    (x, w, bias), options = given("direct", torch.float32)
    monkeypatch.setattr(convolution, "into", lambda *args, **params: None)
    same(lambda x, w, b: F.relu(convolve(x, w, b, options)) + 1, x, w, bias, tolerance=3e-5)
    assert epilogues(made) == [{"relu", "add"}]


def test_halves_are_convolved_as_before(made):
    (x, w, bias), options = given("direct", torch.float32)
    x, w, bias = [t.bfloat16() for t in (x, w, bias)]
    compiled = torch.compile(lambda x, w, b: F.relu(convolve(x, w, b, options)))
    exact = F.relu(convolve(x, w, bias, options))
    assert (compiled(x, w, bias).float() - exact.float()).abs().max() <= 0.02 * exact.abs().max()


@pytest.mark.parametrize("case", ["winograd", "direct", "product", "stride"])
def test_one_thread_gives_the_same_bits(case, made):
    (x, w, bias), options = given(case, torch.float32)
    compiled = torch.compile(lambda x, w, b: F.relu(convolve(x, w, b, options) * 3) - 1)
    threads = torch.get_num_threads()
    many = compiled(x, w, bias)
    try:
        torch.set_num_threads(1)
        alone = compiled(x, w, bias)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(many, alone)
    assert epilogues(made)


def test_a_residual_written_in_place(made):
    """An input that is overwritten by what was computed from it."""
    (x, w, bias), options = given("winograd", torch.float32)

    def function(x, w, bias, total):
        total += F.relu(convolve(x, w, bias, options))
        return total * 2

    same(function, x, w, bias, torch.randn(2, 48, 33, 39), tolerance=3e-5)
