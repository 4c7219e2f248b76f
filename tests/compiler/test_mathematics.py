"""The compiler's own polynomials: units in the last place, over the whole line, and at its ends."""

import numpy as np
import pytest
import scipy.special as special

from tidu.compiler.loops import exponentials
from tidu.compiler.loops.mathematics import FUNCTIONS
from tidu.compiler.loops.pointwise import pointwise
from tidu.compiler.machine import kernels
from tidu.compiler.machine.code import Code, Value
from tidu.primitives import functions
from tidu.program.ir import Equation, Graph

pytestmark = pytest.mark.slow

_KERNELS = {}


def kernel(name, dtype, count=1):
    key = name, dtype
    if key not in _KERNELS:
        graph = Graph()
        graph.inputs = [graph.variable((4,), np.dtype(dtype)) for _ in range(count)]
        out = graph.variable((4,), np.dtype(dtype))
        graph.equations.append(Equation(getattr(functions, name), graph.inputs, [out], {}))
        graph.outputs = [out]
        _KERNELS[key] = pointwise(graph)
    return _KERNELS[key]


def run(name, *inputs):
    inputs = [np.ascontiguousarray(i) for i in inputs]
    out = np.empty_like(inputs[0])
    kernel(name, out.dtype, len(inputs))(out, *inputs, out.size)
    return out


def every_float32(step):
    """Bit patterns of float32 at an odd stride: all signs, exponents, NaN and infinities."""
    return np.arange(0, 1 << 32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)


def units(got, exact):
    """The distance in units of the last place of the exact value, where both are finite."""
    kind = got.dtype.type
    with np.errstate(over="ignore"):
        rounded = exact.astype(kind)
    finite = np.isfinite(rounded) & np.isfinite(got)
    spacing = np.spacing(np.abs(rounded[finite])).astype(np.float64)
    distance = np.abs(got[finite].astype(exact.dtype) - exact[finite]).astype(np.float64)
    return float((distance / spacing).max()), rounded


EXACT = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "log2": np.log2, "log10": np.log10, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "erf": special.erf, "erfc": special.erfc,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tan": np.tan, "asin": np.arcsin,
    "acos": np.arccos, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erfinv": special.erfinv,
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_float32(name):
    x = every_float32(1021)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(np.float64))
    got = run(name, x)
    if name == "sigmoid":  # 1 / (1 + inf) is 0 where the exact value is subnormal, as PyTorch's
        x, exact, got = [a[~(x < -87)] for a in (x, exact, got)]
    worst, rounded = units(got, exact)
    assert worst <= 4, worst
    assert np.array_equal(np.isnan(got), np.isnan(rounded))
    infinite = np.isinf(rounded) | np.isinf(got)
    near = np.abs(exact[infinite]) > 3.4028e38
    assert np.all((got[infinite] == rounded[infinite]) | near)
    zero = (rounded == 0) & (got == 0)
    assert np.array_equal(np.signbit(got[zero]), np.signbit(rounded[zero]))


@pytest.mark.parametrize("name", [n for n in EXACT if n[:3] != "erf"])
def test_float64(name):
    rng = np.random.default_rng(1)
    x = np.concatenate([
        rng.standard_normal(60000), rng.standard_normal(60000) * 30, rng.uniform(-1, 1, 60000),
        rng.standard_normal(20000) * np.exp(rng.uniform(-600, 600, 20000)),
        [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 709.7, -745.0, 1e300],
    ])  # fmt: skip
    got = run(name, x)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(np.longdouble))
    if name == "sigmoid":
        x, exact, got = [a[~(x < -700)] for a in (x, exact, got)]
    worst, rounded = units(got, exact)
    assert worst <= 4, worst
    assert np.array_equal(np.isnan(got), np.isnan(rounded))


def test_erf_in_float64():
    x = np.concatenate([np.linspace(-7, 7, 200001), [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-300]])
    got, exact = run("erf", x), special.erf(x)
    finite = ~np.isnan(x)
    assert np.all(np.abs(got - exact)[finite] <= 4 * np.spacing(np.abs(exact))[finite])
    assert np.isnan(got[~finite]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atan2(dtype):
    rng = np.random.default_rng(6)
    y, x = rng.standard_normal((2, 200000)) * 10.0 ** rng.integers(-20, 20, (2, 200000))
    y, x = y.astype(dtype), x.astype(dtype)
    worst, _ = units(run("atan2", y, x), np.arctan2(y.astype(np.longdouble), x))
    assert worst <= 4, worst


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atan2_of_special_values(dtype):
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    ends = np.array([*SPECIAL, tiny, -tiny, huge, -huge], dtype)
    y, x = [a.ravel() for a in np.meshgrid(ends, ends)]
    got, exact = run("atan2", y, x), np.arctan2(y, x)
    np.testing.assert_allclose(got, exact, rtol=4 * np.finfo(dtype).eps, atol=4 * tiny)
    number = ~np.isnan(got)
    assert np.array_equal(np.signbit(got[number]), np.signbit(exact[number]))


ENDS = {
    "asin": ([1, -1, 1.5, -0.0], [np.pi / 2, -np.pi / 2, np.nan, -0.0]),
    "acos": ([1, -1, 1.5, 0], [0.0, np.pi, np.nan, np.pi / 2]),
    "acosh": ([1, 0.5, -3, np.inf], [0.0, np.nan, np.nan, np.inf]),
    "atanh": ([1, -1, 1.5, -0.0], [np.inf, -np.inf, np.nan, -0.0]),
    "asinh": ([np.inf, -np.inf, 0, -0.0], [np.inf, -np.inf, 0.0, -0.0]),
    "erfinv": ([1, -1, 1.5, -0.0], [np.inf, -np.inf, np.nan, -0.0]),
    "erfc": ([np.inf, -np.inf, 0, 30], [0.0, 2, 1, 0.0]),
    "log1p": ([-1, -2, np.inf, -0.0], [-np.inf, np.nan, np.inf, -0.0]),
    "log": ([0, -0.0, -1, np.inf], [-np.inf, -np.inf, np.nan, np.inf]),
    "tan": ([np.inf, -np.inf, 0, -0.0], [np.nan, np.nan, 0.0, -0.0]),
    "sinh": ([np.inf, -np.inf, 0, -0.0], [np.inf, -np.inf, 0.0, -0.0]),
    "cosh": ([np.inf, -np.inf, 0, -0.0], [np.inf, np.inf, 1, 1]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ENDS)
def test_ends(name, dtype):
    x, exact = [np.array([*v, np.nan], dtype) for v in ENDS[name]]
    got = run(name, x)
    np.testing.assert_array_equal(got, exact)
    assert np.array_equal(np.signbit(got[:-1]), np.signbit(exact[:-1])) or np.isnan(exact).any()


def test_functions_of_one_argument_share_a_polynomial():
    m = Code(lanes=8)
    x, y = [Value(m, "f32", 8, name) for name in ("%x", "%y")]
    FUNCTIONS["exp"](m, x)
    alone = m.text("").count("@llvm.fma")
    for name in ("tanh", "sigmoid", "expm1"):
        FUNCTIONS[name](m, x)
    assert m.text("").count("@llvm.fma") < 2 * alone
    before = m.text("").count("@llvm.fma")
    FUNCTIONS["exp"](m, y)
    assert m.text("").count("@llvm.fma") == before + alone
    m.label("elsewhere")  # a loop or a branch: what was computed before may not have run
    FUNCTIONS["exp"](m, x)
    assert m.text("").count("@llvm.fma") == before + 2 * alone


SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e30, -1e30, np.inf, -np.inf, np.nan]
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_power_of_special_values(dtype):
    x, y = [a.ravel().astype(dtype) for a in np.meshgrid(SPECIAL, SPECIAL)]
    with np.errstate(all="ignore"):
        got, exact = run("pow", x, y), np.power(x, y)
    np.testing.assert_allclose(got, exact, rtol=4 * np.finfo(dtype).eps, atol=0)
    assert np.array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(exact[~np.isnan(got)]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_power_without_instructions_for_exponents(dtype, monkeypatch):
    monkeypatch.setattr(exponentials, "_at_once", lambda x: False)
    monkeypatch.setattr(kernels, "decided", lambda *given: None)
    monkeypatch.setitem(globals(), "_KERNELS", {})
    test_power_of_special_values(dtype)
    big, small = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    x, y = np.array([[4, 100], [7, 900], [big, 9], [big, -9], [small, 9], [0.5, big]], dtype).T
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run("pow", x, y), np.power(x, y))


@pytest.mark.parametrize("most", [1, 4, 100])
def test_power(most):
    rng = np.random.default_rng(0)
    x = every_float32(4099)
    x = x[x > 0]
    y = rng.uniform(-most, most, x.size).astype(np.float32)
    with np.errstate(all="ignore"):
        worst, _ = units(run("pow", x, y), np.power(x.astype(np.longdouble), y))
    assert worst <= 1, worst
