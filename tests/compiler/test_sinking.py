"""What a derivative needs is computed where it is used, in one loop with it."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.execution import segments
from tidu.compiler.execution.program import Program
from tidu.compiler.graphs.steps import Fused
from tidu.compiler.loops.nests import Nest, Place
from tidu.compiler.machine import native
from tidu.primitives.arithmetic import add, mul
from tidu.primitives.functions import tanh
from tidu.primitives.structural import barrier
from tidu.program.ir import Equation, Graph

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")
F = torch.nn.functional


def loops_of(name, step, made):
    """The loops with this operation, each the names of its operations."""
    made.clear()
    torch.compile(step)()
    steps = [s for p in made for s in p.plan.steps if isinstance(s, Fused)]
    names = [[e.prim.name for e in s.equations] for s in steps]
    return [n for n in names if name in n]


def network(activation):
    torch.manual_seed(0)
    x = torch.randn(16, 32)
    weights = [torch.randn(32, 32).mul_(0.2).requires_grad_() for _ in range(3)]

    def step():
        h = x
        for w in weights:
            w.grad = None
            h = activation(h @ w)
        h.square().sum().backward()
        return [w.grad for w in weights]

    return step


def test_a_derivative_is_in_the_loop_of_its_product(made):
    found = loops_of("erf", network(F.gelu), made)
    # The last layer's stands beside the loss; the other two are multiplied where they are computed.
    assert len(found) == 3 and all(names[-1] == "mul" for names in found[1:])
    assert all("erf" not in names for names in loops_of("gelu", network(F.gelu), made)[:2])


@pytest.mark.parametrize("activation", [F.gelu, torch.tanh, F.silu, F.relu, F.softplus, F.elu])
def test_gradients_are_those_of_eager(activation):
    wanted = network(activation)()
    for got, exact in zip(torch.compile(network(activation))(), wanted, strict=True):
        np.testing.assert_allclose(got.numpy(), exact.numpy(), rtol=2e-4, atol=2e-5)


def test_a_source_that_is_written_meanwhile():
    """What is held back reads what its source held before."""

    def run(compiled):
        torch.manual_seed(1)
        p, w = torch.randn(8, 8), torch.randn(8, 8)

        def step(p, w):
            slope = torch.exp(p * 2) + 1
            p.mul_(3.0)
            return (p @ w) * slope

        out = (torch.compile(step) if compiled else step)(p, w)
        return out.numpy(), p.numpy()

    for got, exact in zip(run(True), run(False), strict=True):
        np.testing.assert_allclose(got, exact, rtol=1e-5)


def test_what_lies_in_one_place_is_read_once():
    graph, kind = Graph(), np.dtype(np.float32)
    x, y = graph.inputs = [graph.variable((64, 32), kind) for _ in range(2)]

    def put(prim, *ins):
        out = graph.variable((64, 32), kind)
        graph.equations.append(Equation(prim, list(ins), [out], {}))
        return out

    again = put(barrier, x)
    graph.outputs = [put(add, put(mul, put(tanh, x), y), again)]
    program = Program(graph)
    assert len(program.numbers) == 3 * 2  # slot and offset of two operands and a result
    a, b = [np.random.default_rng(k).standard_normal((64, 32)).astype(kind) for k in range(2)]
    (found,) = program([a, b])
    np.testing.assert_allclose(found, np.tanh(a) * b + a, rtol=1e-4, atol=1e-5)
    # Which operand it shares is part of what makes loops alike.
    (step,), place = program.plan.steps, Place(0, 0, (32, 1), "f32")
    forms = [segments._form(step, Nest((64, 32), {x: place, y: place}, None, same={again: other}))
             for other in (x, y)]  # fmt: skip
    assert forms[0] != forms[1]
