"""Formulas of traced gradients: their text computes the gradient, and so does SymPy."""

import math

import numpy as np
import pytest

import tidu as torch
from tidu.func import symbolic

sympy = pytest.importorskip("sympy")

SCALAR = {
    "polynomial": lambda x, y: x**2 + y**3 - 2 * x * y,
    "quotient": lambda x, y: (x - y) / (x + y) / (1 + x * x),
    "trigonometric": lambda x, y: torch.sin(x * y) * torch.cos(y) + torch.tan(x / 2),
    "exponential": lambda x, y: torch.exp(-x * y) + torch.log(x) * y**x,
    "network": lambda x, y: torch.sigmoid(torch.tanh(x) * y) + torch.nn.functional.softplus(x - y),
    "root": lambda x, y: torch.sqrt(x * x + y * y) + torch.rsqrt(x) + torch.hypot(x, y),
    "branches": lambda x, y: torch.where(x > y, x * y, x - y) + torch.maximum(x, 2 * y).abs(),
    "special": lambda x, y: torch.erf(x) * torch.lgamma(y + 1) + torch.digamma(x + y),
    "repeated": lambda x, y: torch.sin(torch.sin(torch.sin(x * y))) ** 3,
}
FUNCTIONS = {
    "exp": math.exp, "log": math.log, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "tanh": math.tanh, "sqrt": math.sqrt, "erf": math.erf, "pi": math.pi, "abs": abs,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)), "lgamma": math.lgamma, "maximum": max,
    "sign": lambda v: math.copysign(1, v) if v else 0, "minimum": min,
    "digamma": lambda v: float(sympy.digamma(v)),
    "polygamma": lambda n, v: float(sympy.polygamma(n, v)),
}  # fmt: skip


@pytest.mark.parametrize("function", SCALAR.values(), ids=SCALAR)
def test_text_and_sympy_compute_the_gradient(function):
    at = {"x": 0.7, "y": 1.3}
    tensors = [torch.tensor(v, dtype=torch.float64) for v in at.values()]
    form = symbolic(function, *tensors)
    expected = torch.func.grad(function, argnums=(0, 1))(*tensors)
    for word, gradient in zip(at, expected, strict=True):
        found = form.gradient[word]
        assert eval(found.text(), FUNCTIONS, at) == pytest.approx(gradient.item(), rel=1e-12)
        values = {sympy.Symbol(k, real=True): v for k, v in at.items()}
        by_sympy = float(found.sympy().subs(values))
        assert by_sympy == pytest.approx(gradient.item(), rel=1e-12)
        assert found.latex().count("{") == found.latex().count("}")


@pytest.mark.parametrize("function", SCALAR.values(), ids=SCALAR)
def test_sympy_differentiates_the_value_to_the_same(function):
    """SymPy's own derivative of our value against our traced derivative."""
    form = symbolic(function, 0.7, 1.3)
    value = form.value.sympy()
    x, y = sympy.symbols("x y", real=True)
    for word, symbol in (("x", x), ("y", y)):
        theirs = sympy.diff(value, symbol).subs({x: 0.7, y: 1.3})
        ours = form.gradient[word].sympy().subs({x: 0.7, y: 1.3})
        assert float(ours) == pytest.approx(float(theirs), rel=1e-10)


TENSORS = {
    "layer": lambda x, w: (torch.tanh(w @ x) ** 2).sum(),
    "mse": lambda x, w: torch.nn.functional.mse_loss(w @ x, x[:2]),
    "cross_entropy": lambda x, w: torch.nn.functional.cross_entropy(w, torch.tensor([2, 0])),
    "norm": lambda x, w: x.norm() * w.amax() + w.mean(0).prod(),
    "moves": lambda x, w: (torch.cat([x, x.flip(0)]).cumsum(0)[1:4] * w[0, [2, 0, 1]]).sum(),
    "softmax": lambda x, w: (torch.softmax(w, 1) @ x).sum(),
    "linear": lambda x, w: torch.nn.functional.linear(x, w, x[:2]).square().mean(),
}


@pytest.mark.slow
@pytest.mark.parametrize("function", TENSORS.values(), ids=TENSORS)
def test_tensors_give_an_expression_for_each_element(function):
    generator = np.random.default_rng(0)
    tensors = [torch.tensor(generator.normal(size=s)) for s in ((3,), (2, 3))]
    form = symbolic(function, *tensors, names=["x", "w"])
    expected = torch.func.grad(function, argnums=(0, 1))(*tensors)
    values = {}
    for word, tensor in zip("xw", tensors, strict=True):
        for place in np.ndindex(*tensor.shape):
            symbol = sympy.Symbol("_".join([word, *map(str, place)]), real=True)
            values[symbol] = tensor.numpy()[place]
    for word, gradient in zip("xw", expected, strict=True):
        found = form.gradient[word].sympy()
        numbers = [float(sympy.N(sympy.sympify(e).subs(values))) for e in np.ravel(found)]
        np.testing.assert_allclose(numbers, gradient.numpy().ravel(), rtol=1e-9, atol=1e-12)
    assert str(form) and form.latex()


def test_sharing_undoes_the_swell():
    def chain(x):
        for _ in range(8):
            x = x * torch.sin(x)
        return x

    form = symbolic(chain, 0.5)
    assert form.size > 50_000 > 60 > form.shared_size
    names = {}
    for line in str(form).splitlines():
        word, _, text = line.partition(" = ")
        names[word] = eval(text, FUNCTIONS, {**names, "x": 0.5})
    x = torch.tensor(0.5, dtype=torch.float64)
    assert names["d/dx"] == pytest.approx(torch.func.grad(chain)(x).item(), rel=1e-12)
    assert len(form.operations()) == form.shared_size


def test_names_and_refusals():
    form = symbolic(lambda *xs: xs[0] * xs[1], 1.0, 2.0)
    assert list(form.gradient) == ["x0", "x1"] and form.gradient["x0"].text() == "x1"
    with pytest.raises(RuntimeError, match="scalar Tensor"):
        symbolic(lambda x: x * 2, torch.ones(3))
    with pytest.raises(RuntimeError, match="value of a tensor"):
        symbolic(lambda x: x if x > 0 else -x, 1.0)
    with pytest.raises(NotImplementedError, match="svd"):
        symbolic(lambda m: torch.linalg.svdvals(m).sum(), torch.ones(2, 2)).value.sympy()
