"""Places of maxima that the way there keeps for the way back: eager's numbers, without what was
pooled."""

import numpy as np
import pytest

import tidu as torch
from tidu.base.dtypes import HALVES
from tidu.compiler.loops import convolution, maxima, pooling, winograd
from tidu.compiler.loops.elements import half_serves
from tidu.compiler.machine import native

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not native.available(), reason="needs llvmlite")]  # fmt: skip
F = torch.nn.functional

WINDOWS = [  # kernel, stride, padding, dilation
    (2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 1), (2, 1, 0, 2), ((2, 3), (1, 2), (1, 0), (2, 1)),
    (5, 3, 2, 2), (2, 3, 0, 1), ((1, 4), (1, 4), 0, 1),
]  # fmt: skip
KINDS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
SHAPES = [(4, 5, 24, 26), (2, 3, 9, 11)]  # large enough for loops, and too small


def drawn(shape, kind, seed=0):
    """Ties, zeros of both signs, infinities, NaN."""
    data = np.random.default_rng(seed).integers(-3, 4, shape).astype("f8")
    flat = data.reshape(-1)
    flat[::5] = -0.0
    flat[::101], flat[3::97], flat[::53] = np.nan, np.inf, -np.inf
    data[0, 0] = -np.inf
    return torch.tensor(data).to(kind)


def same(a, b):
    np.testing.assert_array_equal(a.double().numpy(), b.double().numpy())


def loaded(kind):
    """Whether loops read the type: float16 takes instructions of the processor."""
    return kind.numpy not in HALVES or half_serves(kind.numpy)


def equations(made):
    return [e.prim.name for p in made for e in p.graph.equations]


def pooled(x, g, windows):
    """The maxima of x · 2, which eager keeps for the way back, and the gradient."""
    x = x.clone().requires_grad_()
    y = F.max_pool2d(x * 2, *windows)
    y.backward(g)
    return y.detach(), x.grad


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_one_program(windows, kind, shape, made):
    x = drawn(shape, kind)
    y = F.max_pool2d(x, *windows)
    g = torch.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape))).to(kind)
    expected = pooled(x, g, windows)
    for a, b in zip(torch.compile(pooled, fullgraph=True)(x, g, windows), expected, strict=True):
        same(a, b)
    names = equations(made)
    served = x.numel() >= pooling.LEAST and loaded(kind)
    assert ("max_taps" in names and "taps_place" in names) == served
    assert ("max_pool" in names or "max_pool_backward" in names) != served


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("dynamic", [False, True])
def test_a_backward_pass_of_its_own(windows, kind, dynamic, made):
    """Between the two programs are bytes, not what was pooled."""
    function = torch.compile(lambda x: F.max_pool2d(x * 2, *windows), fullgraph=True,
                             dynamic=dynamic)  # fmt: skip
    for count in (4, 6):
        x = drawn((count, 5, 24, 26), kind).requires_grad_()
        y = function(x)
        g = torch.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape))).to(kind)
        y.backward(g)
        for a, b in zip((y.detach(), x.grad), pooled(x.detach(), g, windows), strict=True):
            same(a, b)
    taps = [e for p in made for e in p.graph.equations if e.prim is maxima.taps_place]
    assert bool(taps) == loaded(kind)
    handed = {v.shape for p in made for v in p.graph.inputs} | {
        o.shape for p in made for o in p.graph.outputs}  # fmt: skip
    assert tuple(y.shape) in handed
    saved = [v for p in made for v in p.graph.inputs if v.element_type == maxima.BYTE]
    assert len(saved) == len(taps)


@pytest.mark.parametrize("windows", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_loops_give_what_numpy_does(windows, kind, monkeypatch):
    both = lambda n: n if isinstance(n, tuple) else (n, n)
    kernel, stride, padding, dilation = map(both, windows)
    x = drawn((4, 5, 24, 26), kind)
    size = tuple(F.max_pool2d(x, *windows).shape[2:])
    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
             "size": size}  # fmt: skip
    x = x._value
    g = np.random.default_rng(2).integers(-9, 9, (4, 5, *size)).astype(x.dtype)
    found = maxima.max_taps.eval(x, **given)
    back = maxima.taps_place.eval(g, found[1], **given, shape=x.shape)
    monkeypatch.setattr(pooling, "LEAST", 1 << 30)
    for a, b in zip(found, maxima.max_taps.eval(x, **given), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.astype("f8"), b.astype("f8"))
    again = maxima.taps_place.eval(g, found[1], **given, shape=x.shape)
    np.testing.assert_array_equal(back.astype("f8"), again.astype("f8"))


@pytest.mark.parametrize("dims", [1, 3])
def test_lines_and_volumes(dims, made):
    pool = {1: F.max_pool1d, 3: F.max_pool3d}[dims]
    x = drawn((3, 4, *{1: (700,), 3: (9, 8, 12)}[dims]), torch.float32)

    def gradient(x):
        x = x.clone().requires_grad_()
        y = pool(x * 2, 3, 2, 1)
        y.mul(y.detach().isfinite()).nan_to_num().square().sum().backward()
        return y.detach(), x.grad

    for a, b in zip(torch.compile(gradient)(x), gradient(x), strict=True):
        same(a, b)
    assert "taps_place" in equations(made)


def test_what_else_is_read_stays(made):
    """Of two gradients of one maximum, and of one that is differentiated alone."""
    x = drawn((4, 5, 24, 26), torch.float64).nan_to_num(1, 2, -2)

    def twice(x):
        x = x.clone().requires_grad_()
        h = x * 2
        y = F.max_pool2d(h, 2)
        (a,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
        (b,) = torch.autograd.grad((y * y).sum(), x)
        return h.detach(), a, b

    for a, b in zip(torch.compile(twice)(x), twice(x), strict=True):
        same(a, b)
    assert equations(made).count("max_taps") == 1
    assert equations(made).count("taps_place") == 2


def test_windows_of_many_elements_are_left_alone(made):
    x = drawn((2, 3, 40, 41), torch.float32)
    windows = ((20, 8), 4)
    g = torch.ones_like(F.max_pool2d(x, *windows))
    for a, b in zip(torch.compile(pooled)(x, g, windows), pooled(x, g, windows), strict=True):
        same(a, b)
    assert "max_taps" not in equations(made)


# --- maxima of convolutions -----------------------------------------------------------------------


@pytest.fixture
def always(monkeypatch):
    """Winograd's sums at every size."""

    def gains(shape, channels, out, kernel, stride, dilation, groups, weigh=False):
        return kernel == (3, 3) and stride == (1, 1) and dilation == (1, 1)

    monkeypatch.setattr(winograd, "gains", gains)
    monkeypatch.setattr(convolution, "LEAST", 0)
    monkeypatch.setattr(convolution, "FEW", 0)
    monkeypatch.setattr(pooling, "LEAST", 0)


def convolved(x, w, b, g, groups, padding):
    x, w = [t.clone().requires_grad_() for t in (x, w)]
    y = F.max_pool2d(F.conv2d(x, w, b, padding=padding, groups=groups), 2)
    y.backward(g)
    return y.detach(), x.grad, w.grad


CONVOLUTIONS = [
    # images, channels in and out of a group, groups, size, padding
    (1, 1, 1, 1, (4, 4), 0), (2, 3, 5, 1, (7, 9), 1), (3, 17, 9, 1, (5, 70), (1, 0)),
    (2, 4, 33, 2, (12, 6), (2, 1)), (5, 16, 13, 3, (6, 8), (0, 2)), (2, 40, 65, 1, (29, 31), 1),
    (2, 3, 4, 1, (39, 67), 0),
]  # fmt: skip


def operands(case, broken=False, bias=True):
    count, fan_in, fan_out, groups, size, padding = case
    random = np.random.default_rng(5)
    draw = lambda *shape: random.integers(-3, 4, shape).astype("f4")  # sums are exact: many ties
    x, w, b = draw(count, fan_in * groups, *size), draw(fan_out * groups, fan_in, 3, 3), None
    x[:, :, :2] *= -0.0
    if broken:
        x[0, 0, 3, 2], x[-1, 0, 2, 3] = np.nan, np.inf
    b = draw(fan_out * groups) if bias else None
    x, w, b = [None if t is None else torch.tensor(t) for t in (x, w, b)]
    size = F.max_pool2d(F.conv2d(x, w, b, padding=padding, groups=groups), 2).shape
    return x, w, b, torch.tensor(random.standard_normal(tuple(size)).astype("f4")), groups, padding


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("broken", [True, False])
def test_of_convolutions(case, bias, broken, always, made):
    """To the bit, as the sums are the same; odd rows and columns are left out."""
    given = operands(case, broken, bias)
    expected = convolved(*given)
    for a, b in zip(torch.compile(convolved, fullgraph=True)(*given), expected, strict=True):
        same(a, b)
    names = equations(made)
    assert "convolution_largest" in names and "max_taps" not in names


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("broken", [True, False])
def test_of_convolutions_without_places(case, broken, always, made):
    x, w, b, _, groups, padding = operands(case, broken)
    function = lambda x: F.relu(F.max_pool2d(F.conv2d(x, w, b, padding=padding, groups=groups), 2))
    same(torch.compile(function, fullgraph=True)(x), function(x))
    assert [len(e.outs) for p in made for e in p.graph.equations
            if e.prim is maxima.convolution_largest] == [1]  # fmt: skip


def test_of_a_convolution_that_is_read_elsewhere(always, made):
    x, w, b, *_ = operands(CONVOLUTIONS[1])

    def both(x):
        y = F.conv2d(x, w, b, padding=1)
        return F.max_pool2d(y, 2), y.sum(1)

    for a, b_ in zip(torch.compile(both)(x), both(x), strict=True):
        same(a, b_)
    assert "convolution_largest" not in equations(made)


@pytest.mark.parametrize("options", [{"kernel_size": 3}, {"kernel_size": 2, "stride": 1},
                                     {"kernel_size": 2, "ceil_mode": True},
                                     {"kernel_size": 2, "padding": 1}], ids=str)  # fmt: skip
def test_other_windows_are_pooled_apart(options, always, made):
    x, w, b, *_ = operands(CONVOLUTIONS[1])
    function = lambda x: F.max_pool2d(F.conv2d(x, w, b, padding=1), **options)
    same(torch.compile(function)(x), function(x))
    assert "convolution_largest" not in equations(made)


@pytest.mark.parametrize("how", [{"stride": 2}, {"dilation": 2}, {"kind": torch.float64},
                                 {"kind": torch.bfloat16}], ids=str)  # fmt: skip
def test_other_convolutions_are_pooled_apart(how, always, made):
    how = dict(how)
    kind = how.pop("kind", torch.float32)
    x, w, b = [t.to(kind) for t in operands(CONVOLUTIONS[5])[:3]]
    function = lambda x: F.max_pool2d(F.conv2d(x, w, b, **how), 2)
    same(torch.compile(function)(x), function(x))
    assert "convolution_largest" not in equations(made)


def test_what_loops_do_not_serve(always, monkeypatch):
    """The same by the functions that eager calls."""
    x, w, b, _, groups, _ = operands(CONVOLUTIONS[2], True)
    padding = (1, 0)
    params = {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": groups,
              "size": (5, 68)}  # fmt: skip
    given = [t._value for t in (x, w, b)]
    y = [np.empty((3, 9, 2, 34), "f4"), np.empty((3, 9, 2, 34), np.int8)]
    assert convolution.largest(y, *given, **params) is y
    again = maxima.convolution_largest.eval(*given, **params, places=True)
    for a, b_ in zip(y, again, strict=True):
        np.testing.assert_array_equal(a, b_)
    monkeypatch.setattr(winograd, "gains", lambda *_: False)
    assert convolution.largest(y, *given, **params) is None
