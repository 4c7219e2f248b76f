"""An optimizer's update is recorded once and copied: the graph is what each run would leave."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls import optimized
from tidu.compiler.recording import tracing
from tidu.compiler.recording.repeats import Repeats
from tidu.program.ir import Variable

OPTIMIZERS = [
    (torch.optim.Adam, {}), (torch.optim.AdamW, {"amsgrad": True}),
    (torch.optim.Adam, {"weight_decay": 0.1, "maximize": True}), (torch.optim.NAdam, {}),
    (torch.optim.RAdam, {}), (torch.optim.Adamax, {}), (torch.optim.Adadelta, {}),
    (torch.optim.Adagrad, {"lr_decay": 0.1}), (torch.optim.RMSprop, {"centered": True}),
    (torch.optim.RMSprop, {"momentum": 0.9}), (torch.optim.SGD, {"momentum": 0.9}),
]  # fmt: skip


class Net(torch.nn.Module):
    """Parameters of many shapes: without axes, of one element, turned, used twice."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(5, 4), torch.nn.LayerNorm(4), torch.nn.Tanh(), torch.nn.Linear(4, 4)
        )
        self.scale = torch.nn.Parameter(torch.tensor(1.5))
        self.one = torch.nn.Parameter(torch.ones(1))
        self.turned = torch.nn.Parameter(torch.ones(4, 3).t())
        self.wide = torch.nn.Parameter(torch.ones(4, dtype=torch.float64))
        self.idle = torch.nn.Parameter(torch.ones(2))

    def forward(self, x):
        y = self.layers(x) * self.scale + self.one
        return (y @ self.turned.t()).square().mean() + self.wide.square().sum() * y.mean()


def told(graph):
    """A graph without the names of its variables; a constant is its value."""
    names = {v: f"input {k}" for k, v in enumerate(graph.inputs)}
    names |= {c: f"{c.constant.dtype}{c.constant.tolist()}" for c in graph.constants}
    lines = []
    for e in graph.equations:
        ins = [names[i] if isinstance(i, Variable) else repr(i) for i in e.ins]
        for k, v in enumerate(e.outs):
            names[v] = f"{len(lines)}.{k}: {v.element_type}{v.shape}"
        lines.append((e.prim.name, *ins, repr(e.params), *[names[v] for v in e.outs]))
    return lines, [names[o] if isinstance(o, Variable) else o for o in graph.outputs]


def trained(make, options):
    """(the graph that was recorded, losses and parameters after some steps)."""
    torch.manual_seed(0)
    model, graphs = Net(), []
    updates, x = make(model.parameters(), lr=0.05, **options), torch.randn(6, 5)
    rates = torch.optim.lr_scheduler.StepLR(updates, 2)

    @torch.compile
    def step():
        updates.zero_grad()
        loss = model(x)
        loss.backward()
        updates.step()
        return loss

    note = lambda name, captured, compiled: graphs.append(told(captured.graph))
    optimized.WATCHERS.append(note)
    try:
        losses = []
        for _ in range(5):
            losses.append(step().item())
            rates.step()
    finally:
        optimized.WATCHERS.remove(note)
    return graphs, [*losses, *[v for p in model.parameters() for v in p.flatten().tolist()]]


@pytest.mark.slow
@pytest.mark.parametrize("make, options", OPTIMIZERS)
def test_copied_updates_are_those_recorded_one_by_one(make, options, monkeypatch):
    copies, copy = [], Repeats._copy
    monkeypatch.setattr(tracing, "KEPT", ())  # as before another test has made a float8
    monkeypatch.setattr(Repeats, "_copy", lambda *a: copies.append(a) or copy(*a))
    graphs, numbers = trained(make, options)
    counted = make is not torch.optim.SGD
    assert (len(copies) >= 5 * len(graphs)) is counted
    with monkeypatch.context() as patch:
        patch.setattr(tracing.RunTracer, "repeats", lambda self: None)
        other, same = trained(make, options)
    assert graphs == other and len(graphs) > 0
    np.testing.assert_array_equal(numbers, same)


class Normed(torch.optim.Adam):
    """A user's, whose update has the norm of the gradient in it."""

    @staticmethod
    def formula(k, numbers, p, g, *state):
        torch.optim.Adam.formula(k, numbers, p, g, *state)
        k.add(p, g * (1 / (1 + (g * g).sum() ** 0.5)), -0.1)


def test_a_formula_of_the_users_is_recorded_each_time(monkeypatch):
    copies, copy = [], Repeats._copy
    monkeypatch.setattr(Repeats, "_copy", lambda *a: copies.append(a) or copy(*a))
    trained = []
    for compiled in (True, False):
        weights = [torch.full((3, 4), k + 1.0, requires_grad=True) for k in range(4)]
        updates = Normed(weights, lr=0.01)
        graphs = []

        @torch.compile
        def step(weights=weights, updates=updates):
            updates.zero_grad()
            sum([(w**3).sum() for w in weights]).backward()
            updates.step()

        with monkeypatch.context() as patch:
            if not compiled:
                patch.setattr(tracing.RunTracer, "repeats", lambda self: None)
            note = lambda name, captured, compiled, graphs=graphs: graphs.append(
                told(captured.graph)
            )
            optimized.WATCHERS.append(note)
            for _ in range(3):
                step()
            optimized.WATCHERS.remove(note)
        trained.append([graphs, *[w.tolist() for w in weights]])
    assert trained[0] == trained[1] and trained[0][0]
    assert not copies
