"""Fused operators over axes: every rule follows from one formula with sums over axes."""

import itertools

import numpy as np
import pytest

import tidu
from tidu.cli.ops import all_primitives
from tidu.compiler.calls import optimized
from tidu.compiler.loops import elements
from tidu.core.handle import wrap
from tidu.primitives.fused import Fused
from tidu.primitives.over_axes.operators import (
    Along,
    OverAxes,
    OverSeveralAxes,
    Place,
    along,
    reduction,
    whole,
)

FUSED = {name: prim for _, name, prim in all_primitives() if isinstance(prim, OverAxes)}
SLOPED = {name: prim for name, prim in FUSED.items() if prim.differentiable}
CHOSEN = {"amax", "amin", "largest", "smallest", "median", "nanmedian"}
SHAPE = (3, 5, 4)


def calls(prim):
    """Parameters of some calls."""
    more = {"free": 2.5} if "free" in prim.params else {}
    if isinstance(prim, OverSeveralAxes):
        for axes, keepdims in itertools.product([(1,), (0,), (0, 2), (0, 1, 2)], [False, True]):
            yield {"axes": axes, "keepdims": keepdims, **more}
    elif isinstance(prim, Place):
        for axis, keepdims, largest in itertools.product(range(3), [False, True], [False, True]):
            yield {"axis": axis, "keepdims": keepdims, "largest": largest}
    elif isinstance(prim, Along):
        yield from [{"axis": axis} for axis in range(3)]
    else:
        yield {}


def inputs(prim, dtype=np.float64, shape=SHAPE):
    random = np.random.RandomState(0)
    return [random.uniform(-2, 2, shape).astype(dtype) for _ in prim.inputs]


@pytest.mark.parametrize("name", sorted(set(FUSED) - CHOSEN))
def test_the_kernel_computes_the_formula(name):
    prim = FUSED[name]
    for params in calls(prim):
        xs = inputs(prim)
        if prim.name in ("any", "all"):
            xs = [x > 1.5 for x in xs]
        if prim.name == "arg_extreme":
            xs[0][1, 2, 3] = xs[0][1, 3, 3] = np.nan
            xs[0][0, 0], xs[0][2, :2] = 3, -3
        found = prim.derivation.run([wrap(x) for x in xs], params)
        np.testing.assert_allclose(found.numpy(), prim.eval(*xs, **params), rtol=1e-12)


def saved_of(prim, xs, out):
    return (*xs, out, tuple([x.shape for x in xs]))


@pytest.mark.parametrize("name", SLOPED)
def test_the_rule_is_the_slope_of_the_kernel(name):
    """⟨g, f(x + εd) - f(x - εd)⟩ / 2ε = ⟨rule(g), d⟩ = ⟨g, tangent(d)⟩."""
    prim, random = SLOPED[name], np.random.RandomState(1)
    for params in calls(prim):
        xs = inputs(prim)
        out = prim.eval(*xs, **params)
        g = np.asarray(random.randn(*np.shape(out)))
        for i, rule in enumerate(prim.rules):
            d = random.randn(*SHAPE)
            up, down = [[x + e * d * (i == k) for k, x in enumerate(xs)] for e in (1e-6, -1e-6)]
            slope = (prim.eval(*up, **params) - prim.eval(*down, **params)) / 2e-6
            sent = rule(g, saved_of(prim, xs, out), params)
            assert sent.shape == SHAPE
            tangents = [d if k == i else None for k in range(len(xs))]
            pushed = prim.jvp(tangents, xs, out, params)
            assert np.shape(pushed) == np.shape(out)
            assert np.isclose((sent * d).sum(), (g * slope).sum(), rtol=1e-5, atol=1e-7)
            assert np.isclose((sent * d).sum(), (g * pushed).sum(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", SLOPED)
@pytest.mark.parametrize("shape", [(3, 4), (130, 70)])
def test_kernels_of_rules_compute_the_rules(name, shape):
    """Arrays may take a faster way; tensors take the steps that were derived."""
    prim = SLOPED[name]
    if isinstance(prim, OverSeveralAxes):
        params = {"axes": (0, 1), "keepdims": False} | ({"free": 3} if prim.params else {})
    else:
        params = {"axis": 1} if isinstance(prim, Along) else {}
    xs = inputs(prim, np.float32, shape)
    out = prim.eval(*xs, **params)
    g = np.asarray(np.random.RandomState(2).randn(*np.shape(out)), np.float32)
    for rule in prim.rules:
        fast = rule(g, saved_of(prim, xs, out), params)
        tensors = [wrap(x) for x in xs]
        steps = rule(wrap(g), saved_of(prim, tensors, wrap(out)), params).numpy()
        np.testing.assert_allclose(fast, steps, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SLOPED)
def test_a_rule_reads_what_its_node_keeps(name):
    prim = SLOPED[name]
    more = {"axes", "axis", "keepdims", *[f"{i}_shape" for i in prim.inputs], *prim.params}
    for i, rule in prim.vjp.items():
        read = set(rule.__code__.co_varnames[1 : rule.__code__.co_argcount])
        assert read <= {*prim.saves[i], *more}


def test_rules_are_as_short_as_by_hand():
    written = {name: SLOPED[name].vjp["x"].text for name in ("softmax", "log_softmax", "mse")}
    assert "return out * (t - v0)" in written["softmax"]
    assert "v0 = sum(t * out, axes=axes, keepdims=True)" in written["softmax"]
    assert "return t - (v0 * exp(out))" in written["log_softmax"]
    assert "return (t * (2.0 / n)) * (x - y)" in written["mse"]


def rms(x):
    return (x * x).mean(1).sqrt()


def shifted(x):
    return x - (x * x).sum(1, True) * x.exp()


def apart(x):
    off = x - x.flip(0)
    return (off * off * off).sum()


ROOTS = reduction("rms", "root(mean(x * x, axes))", lambda x, *, axes, keepdims: np.sqrt(
    np.mean(x * x, axis=axes, keepdims=keepdims)), saves=("x", "out"))  # fmt: skip
SHIFTED = along("shifted", "x - sum(x * x, axis) * exp(x)", lambda x, *, axis: x - (x * x).sum(
    axis, keepdims=True) * np.exp(x), saves=("x",))  # fmt: skip
CUBES = whole("cubes", "sum((x - y) * (x - y) * (x - y))", lambda x, y: ((x - y) ** 3).sum())
NEW = {
    "reduction": (lambda x: ROOTS(x, axes=(1,), keepdims=False), rms),
    "along": (lambda x: SHIFTED(x, axis=1), shifted),
    "whole": (lambda x: CUBES(x, x.flip(0)), apart),
}


@pytest.mark.parametrize("kind", NEW)
def test_a_new_operator_is_one_formula(kind):
    made, written = NEW[kind]
    x = tidu.randn(3, 4, dtype=tidu.float64, generator=tidu.Generator().manual_seed(0))
    many = tidu.stack([x, x + 1, x * 2], 1)
    grad = tidu.func.grad
    for use in (
        lambda f: f(x),
        lambda f: grad(lambda a: f(a).sin().sum())(x),
        lambda f: grad(lambda a: grad(lambda b: f(b).sin().sum())(a).sin().sum())(x),
        lambda f: tidu.func.vmap(grad(lambda a: f(a).sin().sum()), 1)(many),
        lambda f: tidu.func.vmap(f, 1, 0)(many),
        lambda f: tidu.func.jvp(f, (x,), (x.cos(),))[1],
        lambda f: tidu.func.jvp(grad(lambda a: f(a).sin().sum()), (x,), (x.cos(),))[1],
        lambda f: tidu.func.jet(f, (x,), ([x.cos(), x.sin(), x],))[1][2],
        lambda f: tidu.compile(lambda a: f(a) * 2)(x),
    ):
        assert tidu.allclose(use(made), use(written), rtol=1e-11, atol=1e-12)


def test_a_rule_that_reads_what_is_not_kept_is_refused():
    prim = along("kept", "x * exp(x) / sum(x, axis)", lambda x, *, axis: x, saves=("out",))
    with pytest.raises(ValueError, match="which is not saved"):
        assert prim.rules


def test_the_norm_of_nothing_has_no_slope():
    for x in (np.zeros((2, 3)), np.array([[0.0, 0, 0], [3, 4, 0]])):
        leaf = tidu.tensor(x, requires_grad=True)
        tidu.linalg.vector_norm(leaf, dim=1).sum().backward()
        np.testing.assert_allclose(leaf.grad.numpy(), x / np.where(x.any(1, keepdims=True), 5, 1))


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_ties_share_evenly(name):
    prim, params = SLOPED[name], {"axes": (0,), "keepdims": False}
    x = np.array([1.0, 3, 3, 3, 1, 1]) if name in ("amin", "smallest") else np.ones(6) * 3
    x = np.array([3.0, 3, 3]) if "median" in name else x
    out = prim.eval(x, **params)
    sent = prim.rules[0](np.float64(6), saved_of(prim, [x], out), params)
    np.testing.assert_array_equal(sent, np.where(x == out, 6 / (x == out).sum(), 0))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weights", ["none", "shared", "own"])
def test_losses_of_many_are_those_of_each(reduction, weights):
    """nll_loss and its transpose under vmap, also with one input shared by all, to second order."""
    random = np.random.RandomState(0)
    x = tidu.from_numpy(random.randn(3, 5, 4))
    target = tidu.from_numpy(random.randint(0, 4, (3, 5)))
    target[1, 2] = -100
    weight = {"none": [], "shared": [x[0, 0].exp()], "own": [x[:, 0].exp()]}[weights]

    def loss(x, target, *weight):
        return tidu.nn.functional.nll_loss(x, target, *weight, reduction=reduction).sin().sum()

    for derivative in (tidu.func.grad(loss), tidu.func.hessian(loss)):
        for axes in ((0, 0), (0, None), (None, 0)):
            axes = (*axes, *[0 if weights == "own" else None for _ in weight])
            given = [a if axis == 0 else a[0] for a, axis in zip((x, target), axes, strict=False)]
            found = tidu.func.vmap(derivative, axes)(*given, *weight)
            each = [
                derivative(*[a if axis is None else a[i]
                             for a, axis in zip((*given, *weight), axes, strict=True)])
                for i in range(3)
            ]  # fmt: skip
            assert tidu.allclose(found, tidu.stack(each), rtol=1e-12, atol=1e-14)


def test_places_and_questions_compile_to_loops():
    x = tidu.from_numpy(inputs(FUSED["mean"], np.float32, (6, 5))[0])
    for y in (x, (x * 3).int(), x.double()):
        for f in (
            lambda x: x.argmax(1),
            lambda x: x.argmin(0, keepdim=True),
            lambda x: x.max(1).indices,
            lambda x: (x > 0).any(1),
            lambda x: (x > 0).all(),
        ):
            found = []
            optimized.WATCHERS.append(lambda name, captured, made, kept=found: kept.append(made))
            try:
                assert tidu.equal(tidu.compile(f, fullgraph=True)(y), f(y))
            finally:
                optimized.WATCHERS.pop()
            steps = found[0].forward.plan.text()
            assert not any(word in steps for word in ("arg_extreme(", "any(", "all(")), steps


def test_the_norm_of_tiny_numbers_has_the_direction_as_its_slope():
    """Whose quotient with the cotangent would overflow."""
    x = tidu.tensor([3e-42, 4e-42], dtype=tidu.float32)
    prim, params = SLOPED["norm2"], {"axes": (0,), "keepdims": False}
    sent = prim.rules[0](np.float32(1e4), (x.numpy(), np.float32(5e-42), None), params)
    np.testing.assert_allclose(sent, [6e3, 8e3], rtol=1e-3)


def test_every_operator_can_be_asked_for_a_loop_over_elements():
    """The formula of `arg_extreme` depends on its params: it was asked for steps it has not got."""
    over_axes = [
        p for _, _, p in all_primitives() if isinstance(p, Fused) and p.kind != "elementwise"
    ]
    assert len(over_axes) > 10 and not any(map(elements.lowering, over_axes))
