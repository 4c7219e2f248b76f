"""Compiled functions that switch modules between training and evaluation."""

import pytest

import tidu as torch
from tidu import nn


def program():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))
    updates = torch.optim.SGD(model.parameters(), 0.1)

    def step(x):
        model.train()
        updates.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        updates.step()
        return loss

    def answer(x):
        model.eval()
        with torch.no_grad():
            return model(x)

    return model, step, answer


@pytest.mark.filterwarnings("error")
def test_switches_are_recorded():
    """Each call finds what the other left; neither runs eagerly."""
    (model, step, answer), (other, plain, told) = program(), program()
    compiled, asked = [torch.compile(f, fullgraph=True) for f in (step, answer)]
    x = torch.randn(5, 3)
    for run, ask, net in ((plain, told, other), (compiled, asked, model)):
        torch.manual_seed(1)
        found = []
        for _ in range(6):
            loss = run(x).detach()
            assert net.training and net[1].training and net[2].training
            found += [loss, ask(x)]
            assert not (net.training or net[1].training or net[2].training)
        if run is plain:
            expected = found
    torch.testing.assert_close(found, expected)
    assert [len(v) for f in (compiled, asked) for v in f.versions.values()] == [2, 1]


def test_a_switch_of_a_part():
    """One that is given, and one that the function leaves as it found it."""
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))

    @torch.compile(fullgraph=True)
    def f(x):
        was = model[0].training
        model[0].eval()
        y = model(x)
        model[0].train(was)
        model[1].train(not model[1].training)
        return y

    x, seen = torch.ones(64), []
    for _ in range(6):
        y = f(x)
        seen.append((set(y.tolist()), model[0].training, model[1].training))
    assert seen == [({0.0, 2.0}, True, False), ({1.0}, True, True)] * 3
