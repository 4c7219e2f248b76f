"""Optimizers that a program brings itself, compiled whole: each call reads the learning rate."""

import warnings

import pytest

import tidu as torch
from tidu.compiler.calls.optimized import counts

UPDATES = {
    "add_": lambda p, g, lr: p.add_(g, alpha=-lr),
    "add_, old": lambda p, g, lr: p.add_(-lr, g),
    "sub_": lambda p, g, lr: p.sub_(g, alpha=lr),
    "data": lambda p, g, lr: p.data.sub_(lr * g),
    "copy_": lambda p, g, lr: p.copy_(p.add(g, alpha=-lr)),
    "rsub": lambda p, g, lr: p.copy_(-torch.rsub(p, g, alpha=lr)),
    "addcmul_": lambda p, g, lr: p.addcmul_(g, g, value=-lr),
    "addcdiv_": lambda p, g, lr: p.addcdiv_(g, g.abs() + 1, value=-lr),
    "addcdiv_, old": lambda p, g, lr: p.addcdiv_(-lr, g, g.abs() + 1),
    "decay": lambda p, g, lr: p.mul_(1 - lr * 0.1).add_(g, alpha=-lr),
    "lerp_": lambda p, g, lr: p.lerp_(g, lr),
    "foreach": lambda p, g, lr: torch._foreach_add_([p], [g], alpha=-lr),
}


def optimizer_of(update):
    class Own(torch.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    update(p, p.grad, group["lr"])

    return Own


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_a_schedule_needs_no_second_version(update, dtype):
    trained = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model, x = torch.nn.Linear(3, 3, dtype=dtype), torch.randn(5, 3, dtype=dtype)
        optimizer = optimizer_of(update)(model.parameters(), 0.1)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

        def step(model=model, x=x, optimizer=optimizer):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the old forms
            step()
        schedule.step()
        run = torch.compile(step, fullgraph=True) if compiled else step
        before = counts()["captured"]
        for _ in range(4):
            run()
            schedule.step()
        assert counts()["captured"] - before == compiled
        trained.append([p.detach() for p in model.parameters()])
    for eager, other in zip(*trained, strict=True):
        bound = 1e-12 if dtype is torch.float64 else 1e-6
        assert torch.allclose(eager, other, rtol=bound, atol=bound)


def test_integers_take_no_rate_that_is_a_float():
    model = torch.nn.Linear(2, 2)
    counts = torch.zeros(2, dtype=torch.int64)

    def update(p, g, lr):
        counts.add_(torch.ones(2, dtype=torch.int64), alpha=lr)

    optimizer = optimizer_of(update)(model.parameters(), 0.1)
    for run in (optimizer.step, torch.compile(optimizer.step)):
        with pytest.raises(
            RuntimeError, match="argument alpha must not be a floating point number"
        ):
            run()
    assert counts.tolist() == [0, 0]
