"""How recorded values would lie in memory is found without memory to read."""

import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import tidu as torch
from tidu.base.size import view_strides
from tidu.compiler.machine import native
from tidu.primitives import arithmetic, define


@pytest.mark.parametrize("seed", range(200))
def test_strides_of_a_view_are_numpys(seed):
    rng = np.random.default_rng(seed)
    shape = [int(n) for n in rng.choice([1, 2, 3, 4, 6], rng.integers(1, 5))]
    x = np.arange(math.prod(shape), dtype=np.int16).reshape(shape)
    x = x.transpose(rng.permutation(len(shape)))
    if rng.random() < 0.5:
        x = x[tuple(slice(None, None, int(rng.choice([1, 1, -1, 2]))) for _ in shape)]
    if rng.random() < 0.3:
        x = np.broadcast_to(x, (2, *x.shape))
    wanted, left = [], x.size
    while left > 1:
        n = int(rng.choice([n for n in range(1, left + 1) if left % n == 0]))
        wanted.append(n)
        left //= n
    expected = x.reshape(wanted)
    if not np.may_share_memory(expected, x):
        assert view_strides(x.shape, x.strides, wanted) is None
        return
    got = as_strided(x, wanted, view_strides(x.shape, x.strides, wanted))
    assert np.array_equal(got, expected)


_LARGE = """
import numpy as np
from tidu.compiler.recording.turned import Layouts
from tidu.primitives import base
from tidu.program.ir import Equation, Graph
graph = Graph()
x, turned, flat = [graph.variable(shape, np.dtype("f4"))
                   for shape in ((1 << 17, 1 << 16), (1 << 16, 1 << 17), (1 << 33,))]
graph.inputs = [x]
graph.equations = [Equation(base.transpose, [x], [turned], {"axes": (1, 0)}),
                   Equation(base.reshape, [turned], [flat], {"shape": (1 << 33,)})]
layouts = Layouts(graph)
print(layouts.of(turned).flags.c_contiguous, layouts.of(flat).flags.c_contiguous)
"""


def test_a_reshape_whose_elements_move_reads_nothing():
    """There is one byte; NumPy read as many as the array has, which ended the process."""
    run = subprocess.run([sys.executable, "-c", _LARGE], capture_output=True, text=True)
    assert run.stdout.split() == ["False", "True"], run.stderr


def test_the_type_of_a_result_is_computed_once_for_each_kind_of_operands(monkeypatch):
    """While programs are recorded; a number counts with its type, as promotion asks for it."""
    asked, eval_ = [], arithmetic.mul.eval
    monkeypatch.setattr(arithmetic.mul, "eval", lambda *a: asked.append(a) or eval_(*a))
    small, wide = np.ones((2, 3), np.float16), np.ones((3,), np.float64)
    kinds = [(small, small), (small, wide), (small, 3), (small, 3.0), (small, 2j), (True, small)]
    define._type_of.cache_clear()
    for _ in range(2):
        for args in kinds:
            shape, dtype = define.shape_elementwise(arithmetic.mul, args, {})
            assert (shape, dtype) == ((2, 3), np.multiply(*args).dtype)
    assert len(asked) == len(kinds)
    with pytest.raises(ValueError, match="broadcast"):
        define.shape_elementwise(arithmetic.mul, (small, np.ones(4)), {})
    define._type_of.cache_clear()


@pytest.mark.skipif(not native.available(), reason="needs llvmlite")
@pytest.mark.parametrize("function", [
    lambda x, w: (x.transpose(0, 1) @ w).transpose(0, 1).sin(), lambda x, w: x.mT.exp().mT @ w,
    lambda x, w: (x.permute(1, 2, 0).tanh() * 2).permute(2, 0, 1),
])  # fmt: skip
def test_gradients_lie_as_eager_ones_and_take_memory_that_lies_so(function):
    """Between the calls others put gradients there, which lie in order."""
    torch.manual_seed(0)
    x, w = torch.randn(2, 3, 4, dtype=torch.float64).requires_grad_(), torch.randn(4, 4).double()

    def step():
        x.grad = None
        function(x, w).square().sum().backward()

    step()
    expected, compiled = x.grad.clone(), torch.compile(step, fullgraph=True)
    for made in (step, compiled, compiled, step, compiled, compiled):
        x.grad = torch.zeros(2, 3, 4, dtype=torch.float64)
        made()
        assert torch.allclose(x.grad, expected, rtol=1e-12, atol=1e-14)
        assert x.grad.stride() == expected.stride()


@pytest.mark.skipif(not native.available(), reason="needs llvmlite")
@pytest.mark.parametrize("draw", [
    lambda v: torch.bernoulli(v.sigmoid()), lambda v: torch.normal(v, 1.0), torch.poisson,
    lambda v: v + torch.bernoulli(torch.full_like(v, 0.5)), torch.rand_like,
    lambda v: torch.nn.functional.dropout(v, 0.5),
])  # fmt: skip
def test_draws_lie_as_eager_ones(draw):
    v = torch.arange(20.0, dtype=torch.float64).reshape(5, 4).mT
    torch.manual_seed(3)
    expected, compiled = draw(v), torch.compile(draw, fullgraph=True)
    for _ in range(2):
        torch.manual_seed(3)
        found = compiled(v)
        assert torch.equal(found, expected) and found.stride() == expected.stride()
