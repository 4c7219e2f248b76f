"""Losses of classes without a called step, and the error for a class that is none."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lowered import of, steps_called

import tidu as torch

pytestmark = pytest.mark.slow

F = torch.nn.functional
TARGETS = ((7, ()), (7, (5,)), (7, (4, 3)))  # classes; cases


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore", [-100, 2])
@pytest.mark.parametrize("classes,cases", TARGETS)
def test_nothing_is_left_to_numpy(classes, cases, ignore, weighted, reduction):
    x = of(*cases[:1], classes, *cases[1:]).requires_grad_()
    target = torch.tensor(np.random.RandomState(0).randint(0, classes, cases))
    if ignore == -100 and cases:
        target.reshape(-1)[::3] = ignore
    weight = of(classes).abs() * (torch.arange(classes) != 1) if weighted else None

    def loss(x):
        return F.cross_entropy(x, target, weight, ignore_index=ignore, reduction=reduction)

    assert steps_called(loss, x) == []
    seed = torch.ones_like(loss(x)) * 1.5
    got, expected = torch.compile(loss)(x), loss(x)
    torch.testing.assert_close(got, expected, equal_nan=True)
    for a, b in zip(torch.autograd.grad(got, x, seed), torch.autograd.grad(expected, x, seed),
                    strict=True):  # fmt: skip
        torch.testing.assert_close(a, b, equal_nan=True)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))


def test_a_wrong_class_stops_the_step_before_anything_is_written():
    model, other = network(), network()
    x, target = of(9, 6, dtype=torch.float32), torch.arange(9) % 4
    optimizer = torch.optim.Adam(model.parameters())
    reference = torch.optim.Adam(other.parameters())

    def training(model, optimizer):
        def step(target):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            return loss

        return step

    step, eager = torch.compile(training(model, optimizer)), training(other, reference)
    for k in range(9):
        if k % 3 == 2:
            wrong = target.clone()
            wrong[4], wrong[6] = 4 + k, -7
            before = [p.detach().clone() for p in model.parameters()]
            with pytest.raises(IndexError) as got:
                step(wrong)
            with pytest.raises(IndexError) as expected:
                eager(wrong)
            assert str(got.value) == str(expected.value)
            assert f"Target {4 + k} is out of bounds" in str(got.value)
            assert all(bool((a == b).all()) for a, b in zip(before, model.parameters(),
                                                            strict=True))  # fmt: skip
        torch.testing.assert_close(step(target), eager(target), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", range(1, 9))
def test_as_many_checks_as_there_are_losses(count):
    """Also with loops between them, whose sizes the machine code reads."""

    def losses(x, targets):
        return sum(F.nll_loss(x * i, t) for i, t in enumerate(targets))

    x, targets = of(9, 5), [torch.arange(9) % (k % 5 + 1) for k in range(count)]
    run = torch.compile(losses, dynamic=True, fullgraph=True)
    torch.testing.assert_close(run(x, targets), losses(x, targets))
    targets[-1] = targets[-1] + 5
    with pytest.raises(IndexError, match="out of bounds"):
        run(x, targets)


def clipped_training():
    torch.manual_seed(0)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
        return loss, norm

    return model, optimizer, step


def test_a_norm_that_is_not_finite_stops_before_the_step():
    model, optimizer, step = clipped_training()
    eager, _, eagerly = clipped_training()
    compiled = torch.compile(step, fullgraph=True)
    x, y = torch.randn(6, 4), torch.randn(6, 2)
    bad = y.clone()
    bad[0, 0] = float("inf")
    for target in (y, y, y, bad, y, bad, y):
        weights = [p.detach().clone() for p in model.parameters()]
        if target is y:
            torch.testing.assert_close(compiled(x, y), eagerly(x, y))
            continue
        for run in (compiled, eagerly):
            with pytest.raises(RuntimeError, match=r"The total norm of order 2\.0"):
                run(x, target)
        assert all(map(torch.equal, weights, model.parameters()))
    for one, other in zip(model.state_dict().values(), eager.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)
    assert "1 version" in compiled.explain() and optimizer.state
