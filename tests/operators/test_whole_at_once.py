"""Whole numbers, truth values, inner products and comparisons of few elements are computed at once:
as the general way computes them."""

import operator
import warnings

import numpy as np
import pytest

import tidu
from tidu.core.modes import UNHURRIED, listen, unlisten

TYPES = [tidu.int64, tidu.bool, tidu.int32, tidu.uint8, tidu.float32]
FUNCTIONS = {
    **{f.__name__: f for f in (operator.add, operator.sub, operator.mul, operator.and_,
                               operator.or_, operator.xor)},
    "reflected": lambda x, y: y + x, "subtracted from": lambda x, y: y - x,
    "and, reflected": lambda x, y: y & x,
    **{name: getattr(tidu, name) for name in (
        "add", "sub", "mul", "bitwise_and", "bitwise_or", "bitwise_xor", "logical_and",
        "logical_or", "logical_xor", "equal", "dot", "matmul", "gcd")},
    "with a factor": lambda x, y: tidu.add(x, y, alpha=3),
    "into another": lambda x, y: tidu.mul(x, y, out=tidu.empty(0, dtype=x.dtype)),
    "and, into another": lambda x, y: tidu.bitwise_and(x, y, out=tidu.empty(0, dtype=x.dtype)),
    "dot, into another": lambda x, y: tidu.dot(x, y, out=tidu.empty(0, dtype=x.dtype)),
    "not": lambda x, y: ~x, "bitwise_not": lambda x, y: tidu.bitwise_not(x),
    "logical_not": lambda x, y: tidu.logical_not(x),
    "not, into another": lambda x, y: tidu.logical_not(x, out=tidu.empty(0)),
}  # fmt: skip
OTHERS = {
    "itself": lambda x: x,
    "a copy": lambda x: x.clone(),
    "a row": lambda x: x[:1],
    "another type": lambda x: x.to(tidu.int32),
    "floats": lambda x: x.double() + 0.5,
    "another size": lambda x: tidu.ones(5, dtype=x.dtype),
    "no axes": lambda x: tidu.tensor(3).to(x.dtype),
    "a number": lambda x: 3,
    "a negative number": lambda x: -3,
    "a large number": lambda x: 1 << 62,
    "a number too large": lambda x: 1 << 70,
    "a truth": lambda x: True,
    "a fraction": lambda x: 2.5,
    "a complex number": lambda x: 1j,
    "an array": lambda x: np.ones(x.shape, np.int64),
    "NumPy's number": lambda x: np.int64(2),
    "a text": lambda x: "3",
    "nothing": lambda x: None,
}
FORMS = {
    "vector": lambda x: x,
    "matrix": lambda x: x.reshape(2, 3),
    "transpose": lambda x: x.reshape(2, 3).t(),
    "every second": lambda x: x[::2],
    "expanded": lambda x: x[:1].expand(4),
    "largest": lambda x: x * 0 + (1 << 62 if x.dtype is tidu.int64 else 1),
    "no axes": lambda x: x[2],
    "empty": lambda x: x[:0],
}


def outcome(function, form, other, dtype, general):
    x = FORMS[form](tidu.tensor([0, 1, 2, -1, 4, 5]).to(dtype))
    try:
        y = OTHERS[other](x)
    except IndexError:
        return None
    if general:
        listen(UNHURRIED)
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            z = function(x, y)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        if general:
            unlisten(UNHURRIED)
    heard = [str(w.message) for w in heard]
    if not isinstance(z, tidu.Tensor):
        return type(z), repr(z), heard
    return z.dtype, z.shape, z.stride(), repr(z.tolist()), heard


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_the_general_way(name, form):
    for dtype in TYPES:
        for other in OTHERS:
            short, general = (
                outcome(FUNCTIONS[name], form, other, dtype, general) for general in (False, True)
            )
            assert short == general, (dtype, other)


def test_under_vmap_and_in_a_compiled_function():
    x, m = tidu.arange(6).reshape(2, 3), tidu.arange(6).reshape(2, 3) > 2
    f = lambda x, m: (x * x + 1 - x, ~m & (x > 1))
    plain = f(x, m)
    for g in (tidu.vmap(f), tidu.compile(f)):
        assert [t.tolist() for t in g(x, m)] == [t.tolist() for t in plain]


def test_inner_products_that_are_tracked():
    x, y = tidu.ones(3, requires_grad=True), tidu.arange(3.0)
    z = x @ y
    z.backward()
    assert z.grad_fn.name() == "DotBackward0" and x.grad.tolist() == [0, 1, 2]
