"""Fused operators: every rule follows from one formula; a new activation is one line."""

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import tidu
from tidu.base.process.start import silence_own_arithmetic
from tidu.cli.ops import all_primitives, print_matrix
from tidu.compiler.loops.elements import lowering
from tidu.core.modes import listen, unlisten
from tidu.core.primitive import Derived
from tidu.primitives import comparison
from tidu.primitives.define import elementwise
from tidu.primitives.derivation import Recorder
from tidu.primitives.fused import Fused, fused
from tidu.primitives.orders import excludes
from tidu.primitives.over_axes.operators import OverAxes, reduction

FUSED = {
    name: prim
    for _, name, prim in all_primitives()
    if isinstance(prim, Fused) and not isinstance(prim, OverAxes)
}
PARAMS = {
    "leaky_relu": {"slope": 0.01}, "softplus": {"beta": 2.0, "threshold": 20.0},
    "elu": {"alpha": 1.5, "scale": 1.1, "inner": 0.7}, "hardtanh": {"low": -1.0, "high": 1.5},
    "softshrink": {"bound": 0.5}, "hardshrink": {"bound": 0.5}, "clamp": {"low": -1.0, "high": 2.0},
}  # fmt: skip


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])
POSITIVE = {
    "log", "log1p", "log2", "log10", "rsqrt", "reciprocal", "fmod", "remainder", "entr", "digamma",
    "xlog1py",
}  # fmt: skip
UNIT, BOTH, SOME = (0, 1), (-1, 1), (-5, 5)
WITHIN = {
    "acos": BOTH, "asin": BOTH, "atanh": BOTH, "erfinv": BOTH, "ndtri": UNIT, "logit": UNIT,
    "erfcx": SOME, "ndtr": SOME,
}  # fmt: skip
SMALL = {"left_shift", "right_shift"}


def points(prim):
    """Within the domain of each, on each piece of the formula."""
    random = np.random.RandomState(0)
    if prim.element_type is np.int64:
        least, most = (0, 20) if prim.name in SMALL else (-40, 40)
        return [random.randint(least, most, 64) for _ in prim.inputs]
    low, high = WITHIN.get(prim.name, (0 if prim.name in POSITIVE else -20, 20))
    return [low + random.uniform(0.005, 0.995, 64) * (high - low) for _ in prim.inputs]


@pytest.mark.parametrize("name", FUSED)
def test_the_kernel_computes_the_formula(name):
    prim, params = FUSED[name], PARAMS.get(name, {})
    xs = points(prim)
    found = np.asarray(prim.eval(*xs, **params))
    if prim.inverse:
        value = prim.derivation.value(*xs, found)
        return np.testing.assert_allclose(value, xs[0], rtol=1e-12, atol=1e-14)
    value = prim.derivation.value(*xs, **params)
    assert (np.asarray(value).dtype.kind == "b") == (found.dtype.kind == "b")
    np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-14)


QUESTIONS = {
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit,
    "logical_not": np.logical_not, "gt": np.greater, "ge": np.greater_equal, "ne": np.not_equal,
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_of_what_is_no_number(name):
    prim, wanted = FUSED[name], QUESTIONS[name]
    xs = [x.ravel() for x in np.meshgrid(*[SPECIAL] * len(prim.inputs))]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(prim.eval(*xs), wanted(*xs))
        np.testing.assert_array_equal(prim.derivation.value(*xs), wanted(*xs))


def test_what_no_gradient_passes_is_listed():
    bits = {"bitwise_or", "bitwise_xor", "left_shift", "right_shift", "lcm"}
    others = {"floor_divide", "zeros_like", *bits}
    assert {n for n, prim in FUSED.items() if not prim.differentiable} == others | set(QUESTIONS)


@pytest.mark.parametrize("name", [n for n, prim in FUSED.items() if prim.differentiable])
def test_the_rule_is_the_slope_of_the_kernel(name):
    prim, params = FUSED[name], PARAMS.get(name, {})
    xs, step = points(prim), 1e-6
    for i, rule in enumerate(prim.rules):
        if rule is None:
            assert prim.inputs[i] not in prim.saves
            continue
        high, low = [[x + s * step * (k == i) for k, x in enumerate(xs)] for s in (1, -1)]
        with np.errstate(all="ignore"):
            slope = (prim.eval(*high, **params) - prim.eval(*low, **params)) / (2 * step)
            sent = rule(np.ones(64), (*xs, prim.eval(*xs, **params), None), params)
        near = np.abs(slope - sent) <= 1e-6 * np.maximum(1, np.abs(slope))
        assert near.mean() > 0.95  # a jump may lie between the two points


@pytest.mark.parametrize("name", [n for n, prim in FUSED.items() if prim.differentiable])
def test_a_rule_reads_what_its_node_keeps(name):
    prim = FUSED[name]
    for i, rule in prim.vjp.items():
        read = set(rule.__code__.co_varnames[1 : rule.__code__.co_argcount])
        assert read <= {*prim.saves[i], *prim.params}


WRITTEN = {  # PyTorch's own, which read the result
    ("expm1", "x"): "t * (out + 1)",
    ("tan", "x"): "t * ((out * out) + 1)",
    ("tanh", "x"): "t * (1 - (out * out))",
    ("sigmoid", "x"): "t * ((1 - out) * out)",
    ("hypot", "y"): "t * (y / out)",
    ("relu", "x"): "masked(t, out != 0)",
    ("ndtri", "x"): "t * (exp((out * out / 2.0)) * 2.5066282746310007)",
    ("erfcx", "x"): "t * (((out * x) * 2) - 1.1283791670955126)",
    ("spherical_bessel_j0", "x"): "t * masked(((cos(x) - out) / x), x != 0)",
    ("logaddexp", "x"): "t * sigmoid((x - y))",
    ("logaddexp", "y"): "t * (sigmoid(y - x))",  # 1 - sigmoid(x - y) would lose its digits
    ("maximum", "x"): "cleared(where((x == y), (t / 2), t), (x < y))",
    ("clamp_low", "y"): "masked(t, (x < y))",
    ("clamp_between", "low"): "masked(t, ((x < low) & (low < high)))",
    ("clamp_between", "high"): "masked(t, ((x > high) | (high < low)))",
    ("nextafter", "x"): "masked(t, x != y)",
    ("xlog1py", "x"): "cleared((t * log1p(y)), ((x == 0) & (y <= -1.0)))",
    ("xlog1py", "y"): "t * (x / (y + 1))",  # NaN at x = 0, y = -1
    ("log", "x"): "t / x",
    ("atan", "x"): "t / ((x * x) + 1)",
    ("atanh", "x"): "t / (1 - (x * x))",
    ("asin", "x"): "t * rsqrt((1 - (x * x)))",
    ("asinh", "x"): "t * rsqrt((1 + (x * x)))",
    ("erfinv", "x"): "t * (exp((out * out)) * 0.886226925452758)",
    ("logit", "x"): "where(((x >= 0) & (x <= 1)), (t / ((1 - x) * x)), (zeros_like(t) + nan))",
}  # fmt: skip


@pytest.mark.parametrize("name, of", WRITTEN)
def test_rules_that_are_derived(name, of):
    prim = FUSED[name]
    assert prim.rules
    text = prim.vjp[of].text.partition("return ")[2].strip()
    assert text in (WRITTEN[name, of], f"({WRITTEN[name, of]})")


def test_conditions_that_exclude_one_another():
    recorder = Recorder()
    x, y, z = [recorder.symbol(name) for name in "xyz"]

    def less(a, b, strict=True):
        return recorder.step(comparison.lt if strict else comparison.le, [a, b])

    def both(a, b):
        return recorder.step(comparison.bitwise_and, [a, b])

    def either(a, b):
        return recorder.step(comparison.bitwise_or, [a, b])

    assert excludes(less(x, y), less(y, x)) and excludes(less(x, y), less(y, x, False))
    assert not excludes(less(x, y, False), less(y, x, False))  # both hold where they are equal
    assert excludes(both(less(x, y, False), less(y, z, False)), less(z, x))
    assert not excludes(both(less(x, y), less(y, z)), less(x, z))
    assert excludes(less(x, y), recorder.step(comparison.eq, [y, x]))
    assert excludes(less(x, 1), less(2, x)) and not excludes(less(x, 2), less(1, x))
    assert excludes(either(less(x, y), less(z, y)), both(less(y, x), less(y, z)))
    assert not excludes(either(less(x, y), less(z, y)), less(y, x))
    assert not excludes(less(x, y), recorder.step(comparison.isnan, [x]))


def test_a_new_activation_is_one_formula():
    """mish, with all its rules, beside the same written with the library's functions."""
    mish = fused("mish", "x * tanh(log(1 + exp(x)))")
    written = lambda x: x * tidu.tanh(tidu.log(1 + tidu.exp(x)))
    x = tidu.linspace(-3, 3, 7, dtype=tidu.float64)
    grad = tidu.func.grad
    for made in (
        lambda f: f(x),
        lambda f: tidu.func.vmap(grad(f))(x),
        lambda f: tidu.func.vmap(grad(grad(f)))(x),
        lambda f: tidu.func.jvp(f, (x,), (x,))[1],
        lambda f: tidu.func.jet(f, (x[4],), ([x[5], x[3], x[2]],))[1][2],
        lambda f: tidu.compile(lambda a: f(a) * 2)(x),
    ):
        assert tidu.allclose(made(lambda a: mish(a)), made(written), rtol=1e-12, atol=1e-13)
    assert lowering(mish) is not None
    leaf = x.clone().requires_grad_()
    assert type(mish(leaf).grad_fn).__name__ == "MishBackward0"


def test_a_rule_that_reads_what_is_not_kept_is_refused():
    prim = fused("twice_sine", "2 * sin(x)", saves={"x": ("out",)})
    with pytest.raises(ValueError, match="which is not saved"):
        assert prim.rules


def test_threads_that_ask_for_the_first_rule_at_once():
    def work():
        gate.wait()
        found.append(prim.rules[0](np.ones(()), (None, np.float64(0.25), None), {}).item())

    was, found = sys.getswitchinterval(), []
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(60):
            prim = fused("logistic", "exp(x) / (1 + exp(x))", saves={"x": ("out",)})
            gate = threading.Barrier(6)
            threads = [threading.Thread(target=work) for _ in range(6)]
            [t.start() for t in threads]
            [t.join() for t in threads]
    finally:
        sys.setswitchinterval(was)
    assert found == [0.1875] * 360


def test_rules_are_found_without_scipy():
    """Compiled programs have loops for these functions, and need it not at all."""
    program = (
        "import sys, tidu.primitives.functions as f\n"
        "assert all(p.rules for p in (f.digamma, f.erfc, f.erfinv, f.lgamma, f.polygamma))\n"
        "assert 'scipy.special' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_value_is_what_the_formula_says():
    """Only derivatives are cancelled: a quotient by zero stays one."""
    prim = fused("there", "x / y * y", inputs=("x", "y"))
    with np.errstate(all="ignore"):
        assert np.isnan(prim.eval(np.zeros(1), np.zeros(1)))
    assert prim.vjp["x"] and prim.rules and prim.vjp["x"].text.endswith("return t\n")


def test_two_quotients_by_the_same():
    """Each could be written with the other, again and again."""
    prim = fused("both", "x / z * y + y / z", inputs=("x", "y", "z"))
    x, y, z = np.float64(2), np.float64(3), np.float64(4)
    sent = [rule(np.float64(1), (x, y, z, None, None), {}) for rule in prim.rules]
    np.testing.assert_allclose(sent, [y / z, (x + 1) / z, -(x * y + y) / z**2], rtol=1e-15)


def test_rules_divide_by_zero_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silence_own_arithmetic()
        for function in (lambda x: tidu.hypot(x, x), tidu.sinc, tidu.rsqrt, tidu.logit):
            x = tidu.zeros(3, requires_grad=True)
            function(x).sum().backward()
            assert x.grad is not None


def test_an_inverse_is_the_formula_solved():
    """The cube root, by what it is the inverse of."""
    root = fused("cbrt", "out * out * out", np.cbrt, saves={"x": ("out",)}, inverse=True)
    x = tidu.tensor([-8.0, 1.0, 27.0], dtype=tidu.float64, requires_grad=True)
    (first,) = tidu.autograd.grad(root(x).sum(), x, create_graph=True)
    (second,) = tidu.autograd.grad(first.sum(), x)
    assert tidu.allclose(first, 1 / (3 * root(x) ** 2))
    # Which is the kernel's to the last digit: 3 + 2**-51 for 27 where there is no AVX-512.
    assert np.array_equal(root(x).detach().numpy(), np.cbrt([-8.0, 1.0, 27.0]))
    np.testing.assert_array_max_ulp(root(x).detach().numpy(), np.array([-2.0, 1.0, 3.0]), 1)
    assert tidu.allclose(second, -2 / (9 * root(x) ** 5))


def test_infinities_meet_no_zero():
    """A piece that is not taken sends nothing, whatever it would be there."""
    prim = fused("guarded", "x * log(x) if x > 0 else 0")
    for x, slope in ((0.0, 0.0), (-1.0, 0.0), (1.0, 1.0)):
        with np.errstate(all="ignore"):
            sent = prim.rules[0](np.array([1.0]), (np.array([x]), None, None), {})
        assert sent[0] == slope


def test_halves_are_rounded_once():
    by_hand = elementwise("silu", FUSED["silu"].eval, x=lambda t, x: FUSED["silu"].rules[0](
        t, (x, None, None), {}))  # fmt: skip
    x = tidu.randn(2000, generator=tidu.Generator().manual_seed(0)).to(tidu.float16)
    exact = tidu.func.vmap(tidu.func.grad(tidu.nn.functional.silu))(x.double()).half()
    found = {}
    for prim in (FUSED["silu"], by_hand):
        leaf = x.clone().requires_grad_()
        prim(leaf).backward(tidu.ones_like(x))
        found[prim] = (leaf.grad != exact).sum().item()
    assert found[FUSED["silu"]] < 10 < 100 < found[by_hand]


@pytest.mark.parametrize("prim", [
    fused("thrice", "3 * x * x"), reduction("squares", "sum(x * x, axes)", None, saves=("x",)),
], ids=lambda prim: prim.name)  # fmt: skip
def test_listeners_hear_nothing_of_a_derivation(prim):
    heard = []

    class Listener:
        def applied(self, prim, args, params, result):
            heard.append(prim.name)

    listener = Listener()
    listen(listener)
    try:
        assert prim.rules
    finally:
        unlisten(listener)
    assert not heard


def test_the_matrix_lists_formulas(capsys):
    print_matrix(all_primitives())
    listed = capsys.readouterr().out.partition("fused operators")[2]
    for _, name, prim in all_primitives():
        if isinstance(prim, (Fused, OverAxes)) and isinstance(prim, Derived):
            assert f"{name} " in listed and prim.told in listed


@pytest.mark.parametrize("dtype", [tidu.float64, tidu.float32, tidu.float16, tidu.bfloat16])
@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin", "clamp_min", "clamp_max"])
def test_which_of_two_zeros_is_the_same_compiled(name, dtype):
    operator = getattr(tidu, name)
    run = tidu.compile(lambda x, y: operator(x, y), fullgraph=True, dynamic=True)
    for count in (1, 2, 9, 33, 100):
        x = tidu.tensor(([0.0, -0.0, 0.0, -0.0, 1.0, -1.0, tidu.nan] * 15)[:count], dtype=dtype)
        for a, b in ((x[:, None], x[None]), (x.clone(), x.flip(0)), (x, x.roll(1)), (x, -x[:1])):
            signs = operator(a, b).signbit()
            assert signs.equal(run(a, b).signbit())
            if name.startswith("f"):  # the first of equals, at any length
                both = (a == b).expand_as(signs)
                assert signs[both].equal(a.signbit().expand_as(signs)[both])
