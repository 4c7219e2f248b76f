"""LSTM and GRU inside compiled functions: one step each way, with eager's numbers."""

import itertools

import pytest

import tidu as torch
from tidu.compiler.machine import native

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not native.available(), reason="needs llvmlite")]

CASES = list(itertools.product(("LSTM", "GRU"), (1, 2), (False, True), (True, False),
                               (torch.float32, torch.float64)))  # fmt: skip


def layer_of(kind, layers, two_ways, bias, dtype):
    torch.manual_seed(1)
    layer = getattr(torch.nn, kind)(5, 8, num_layers=layers, bidirectional=two_ways, bias=bias)
    return layer.to(dtype), torch.randn(6, 3, 5, dtype=dtype, requires_grad=True)


def trained(case, compiled):
    """Losses of a step with everything in it, and gradients of a backward pass outside."""
    layer, x = layer_of(*case)
    updates = torch.optim.SGD(layer.parameters(), lr=0.01)

    def step():
        updates.zero_grad()
        x.grad = None
        outputs, state = layer(x)
        state = state[0] if isinstance(state, tuple) else state
        loss = (outputs * outputs).sum() + state.sin().sum()
        loss.backward()
        updates.step()
        return loss

    forward = lambda x: layer(x)[0].sum()
    if compiled:
        step, forward = torch.compile(step), torch.compile(forward, fullgraph=True)
    losses = torch.stack([step().detach() for _ in range(4)])
    x.grad = None
    layer.zero_grad()
    forward(x).backward()
    return [losses, x.grad, *[p.grad for p in layer.parameters()]], step


@pytest.mark.parametrize("case", CASES, ids=str)
def test_compiled_is_eager(case):
    (wanted, _), (got, step) = trained(case, False), trained(case, True)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if case[-1] is torch.float32 else {"rtol": 1e-10}
    for a, b in zip(wanted, got, strict=True):
        assert torch.allclose(a, b, **tolerance)
    assert "as in eager" not in step.explain()


def test_second_derivatives_go_through_the_steps():
    layer, x = layer_of("LSTM", 1, False, True, torch.float64)

    def second():
        x.grad = None
        (g,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
        (g * g).sum().backward()

    second()
    wanted = x.grad.clone()
    torch.compile(second)()
    assert torch.allclose(x.grad, wanted, rtol=1e-10)
    inner = torch.func.grad(lambda x: layer(x)[0].sum())
    assert torch.allclose(torch.compile(inner)(x.detach()), inner(x.detach()), rtol=1e-10)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_gradients_of_weights_are_products_of_the_program(kind, made):
    """Their threads are the loops'; those of NumPy would wake for them within the kernel's call."""
    layer, x = layer_of(kind, 1, False, True, torch.float32)

    def step():
        layer.zero_grad()
        (layer(x)[0] ** 2).sum().backward()

    step()
    wanted, step = [p.grad.clone() for p in layer.parameters()], torch.compile(step)
    step()
    for p, g in zip(layer.parameters(), wanted, strict=True):
        assert torch.allclose(p.grad, g, rtol=1e-4, atol=1e-5)
    calls = [e for p in made for e in p.graph.equations if e.prim.name.endswith("_backward")]
    assert calls and not any(any(e.params["needs"][-2:]) for e in calls)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("sizes", [(9, 13, 40), (3, 32, 64), (2, 1, 150)], ids=str)
def test_sizes_that_fill_no_panel_and_cotangents_between_others(kind, sizes):
    """Threads share the cases, the last panel is not full, and what arrives lies by cases."""
    steps, count, hidden = sizes
    torch.manual_seed(2)
    layer = getattr(torch.nn, kind)(7, hidden, batch_first=True)
    x, wanted = torch.randn(count, steps, 7), torch.randn(count, steps, hidden)
    start = torch.randn(1, count, hidden, requires_grad=True)
    everything = [start, *layer.parameters()]

    def step():
        outputs, state = layer(x, (start, start * 2) if kind == "LSTM" else start)
        last = state[1] if kind == "LSTM" else state
        return torch.autograd.grad((outputs * wanted).sum() + last.sin().sum(), everything)

    compiled = torch.compile(step)
    for a, b in zip(step(), compiled(), strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4)
    assert "as in eager" not in compiled.explain()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_outputs_are_the_callers_own(kind):
    """What the way back keeps does not lie in them."""
    torch.manual_seed(3)
    layer, x = getattr(torch.nn, kind)(5, 40), torch.randn(4, 13, 5, requires_grad=True)
    everything = [x, *layer.parameters()]
    wanted = torch.autograd.grad((layer(x)[0] ** 2).sum(), everything)
    outputs, _ = torch.compile(lambda x: layer(x))(x)
    (g,) = torch.autograd.grad((outputs**2).sum(), outputs)
    outputs.data.zero_()
    for a, b in zip(wanted, torch.autograd.grad(outputs, everything, g), strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_gradient_that_is_differentiated(case, batch_first):
    layer, x = layer_of(*case)
    layer.batch_first = batch_first

    def penalty():
        layer.zero_grad()
        x.grad = None
        (first,) = torch.autograd.grad(layer(x)[0].sin().sum(), [x], create_graph=True)
        first.square().sum().backward()

    penalty()
    expected = [p.grad.clone() for p in (*layer.parameters(), x)]
    compiled = torch.compile(penalty, fullgraph=True)
    for _ in range(3):
        compiled()
        for wanted, p in zip(expected, (*layer.parameters(), x), strict=True):
            scale = wanted.abs().max().item()
            bound = 1e-12 if wanted.dtype is torch.float64 else 2e-5
            assert (p.grad - wanted).abs().max() <= bound * max(scale, 1e-3)
