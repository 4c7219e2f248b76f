"""A traced program is a graph: it prints, it runs, and gradients inside it are traced with it."""

import numpy as np
import pytest

import tidu as torch
from tidu.program.evaluate import evaluate
from tidu.transforms.trace import trace

F32 = np.dtype(np.float32)


def loss(x, w):
    return ((x @ w).tanh() ** 2).mean()


def backward_inside(x, w):
    w.requires_grad_()
    loss(x, w).backward()
    return w.grad


PROGRAMS = {
    "loss": loss,
    "gradient": torch.func.grad(loss, argnums=1),
    "backward": backward_inside,
    "hessian": torch.func.hessian(lambda x, w: loss(x, w), argnums=1),
    "per example": torch.func.vmap(torch.func.grad(loss, argnums=1), in_dims=(0, None)),
    "directional": lambda x, w: torch.func.jvp(lambda v: loss(x, v), (w,), (w,))[1],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_graph_computes_what_was_traced(name):
    x, w = torch.randn(4, 3), torch.randn(3)
    program = PROGRAMS[name]
    graph = trace(program, ((4, 3), F32), ((3,), F32))
    (found,) = evaluate(graph, [x._value, w._value])
    expected = program(x, w.clone())
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_the_text_of_a_gradient():
    graph = trace(torch.func.grad(lambda x: (x * x).sum()), ((3,), F32))
    text = str(graph)
    assert text.startswith("graph(a: float32[3]):\n")
    assert "b: float32[3] = mul(a, a)" in text
    assert text.splitlines()[-1].startswith("  return ")


def test_a_write_through_a_view_is_traced():
    def program(x):
        y = torch.zeros(3)
        y[1] = x.sum()
        return y * 2

    graph = trace(program, ((2,), F32))
    (found,) = evaluate(graph, [np.array([1, 2], np.float32)])
    assert found.tolist() == [0, 6, 0]


def test_asking_for_a_value_while_tracing_is_an_error():
    with pytest.raises(RuntimeError, match="value of a tensor was asked for"):
        trace(lambda x: x.sum().item(), ((2,), F32))
