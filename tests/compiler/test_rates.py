"""Numbers of parameter groups that schedulers change: rates, momentum, betas and decays."""

import copy

import numpy as np
import pytest

import tidu as torch

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=1e-2, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.01, weight_decay=1e-2),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.01, weight_decay=1e-2),
}


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=30).step


def cycles(optimizer):
    return torch.optim.lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, step_size_up=5).step


def decays(optimizer):
    def step():
        for group in optimizer.param_groups:
            group["weight_decay"] = (group["weight_decay"] or 1e-3) * 1.1

    return step


def trained(make, schedule, wrap, calls=12):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 2))
    model.double()
    x = torch.randn(9, 5, dtype=torch.float64)
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.02}]
    optimizer = make(groups)
    after, runs = schedule(optimizer), []

    def step():
        runs.append(1)
        del runs[1:]
        optimizer.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    run, losses = wrap(step), []
    for k in range(calls):
        losses.append(run().item())
        after() if schedule is not by_hand else after(k)
    states = [t for p in model.parameters() for t in optimizer.state[p].values()]
    return run, losses, [*model.parameters(), *states]


def compared(make, schedule):
    _, expected, tensors = trained(make, schedule, lambda f: f)
    run, losses, others = trained(make, schedule, torch.compile)
    assert losses == pytest.approx(expected, rel=1e-11)
    for a, b in zip(others, tensors, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("schedule", [one_cycle, cycles, decays])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_programs_serve_a_schedule(name, schedule):
    run = compared(OPTIMIZERS[name], schedule)
    (kept,) = run.versions.values()
    assert len(kept) <= 2 and not run.instead


def by_hand(optimizer):
    def step(call):
        first, second = optimizer.param_groups
        first["momentum"] = (0.9, 0.8, 0.7, 0.0, 0.0, 0.5, 0.9)[call % 7]
        second["momentum"] = (0.9, 0.9, 0.9, 0.5)[call % 4]

    return step


def test_no_momentum_is_another_program():
    """Zero is not computed with: a momentum's buffer stays as it is meanwhile."""
    run = compared(lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9), by_hand)
    assert not run.instead


def test_other_numbers_are_constants_still():
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.AdamW(model.parameters(), eps=1e-8)
    x = torch.ones(2, 3)

    @torch.compile
    def step():
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()

    before = copy.deepcopy(model.state_dict())
    for eps in (1e-8, 1e-3, 1e3):
        optimizer.param_groups[0]["eps"] = eps
        step()
    (kept,) = step.versions.values()
    assert len(kept) == 3 and not torch.equal(before["weight"], model.weight)


def test_betas_of_another_kind_are_met_again():
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=0.1)

    def step():
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
        return weight.detach().clone()

    run = torch.compile(step)
    for betas in ((0.9, 0.99), (0.8, 0.99), (0.7, 0.98)):
        optimizer.param_groups[0]["betas"] = betas
        run()
    saved = copy.deepcopy((optimizer.state_dict(), weight.detach().clone()))
    optimizer.param_groups[0]["betas"] = (0.0, 0.99)
    found = run()
    optimizer.load_state_dict(saved[0])
    with torch.no_grad():
        weight.copy_(saved[1])
    optimizer.param_groups[0]["betas"] = (0.0, 0.99)
    torch.testing.assert_close(found, step())


@pytest.mark.parametrize(("make", "third"), [
    (lambda p: torch.optim.SGD(p, lr=0.1), np.float32(0.5)),  # Adam's are computed with in its type
    (lambda p: torch.optim.AdamW(p, lr=0.1, amsgrad=True), np.float64(0.5)),
])  # fmt: skip
def test_a_rate_of_another_kind(make, third):
    """An int, a number of NumPy's, a tensor: none is read as what it is not."""
    tensor = torch.tensor(0.5, dtype=torch.float64)
    rates = (0.1, 0.2, 1, third, 0.3, tensor, np.float64(0.25), 0.1, 0)
    found = []
    for wrap in (lambda f: f, torch.compile):
        weight = torch.linspace(1, 2, 5, dtype=torch.float64).requires_grad_()
        optimizer, values = make([weight]), []

        @wrap
        def step(weight=weight, optimizer=optimizer):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()

        for rate in rates:
            optimizer.param_groups[0]["lr"] = rate
            for _ in range(3):
                step()
                values.append(weight.detach().clone())
        found.append(torch.stack(values))
    torch.testing.assert_close(*found, rtol=1e-12, atol=0)
