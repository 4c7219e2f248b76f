"""Optimizers and schedules. Recorded values are PyTorch 2.13's."""

import copy

import numpy as np
import pytest

import tidu as torch
from tidu import nn
from tidu.optim import kernels, lr_scheduler, tensor_rates

# w starts as [1, -2], gradients are w's own values; w after three steps.
RECORDED = {
    "SGD(w, lr=0.1)": [0.729, -1.458],
    "SGD(w, lr=0.1, momentum=0.9)": [0.486, -0.972],
    "Adam(w, lr=0.1)": [0.7015863, -1.7006234],
    "AdamW(w, lr=0.1)": [0.6989112, -1.6949446],
    "RMSprop(w, lr=0.01)": [0.7799823, -1.7753495],
    "Adagrad(w, lr=0.1)": [0.7804562, -1.7758214],
}


@pytest.mark.parametrize("text", RECORDED)
def test_three_steps(text):
    w = [nn.Parameter(torch.tensor([1.0, -2.0]))]
    optimizer = eval(text, {**vars(torch.optim), "w": w})
    for _ in range(3):
        optimizer.zero_grad()
        (0.5 * w[0] * w[0]).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(w[0].detach().numpy(), RECORDED[text], rtol=2e-5)


def state_of(size, **options):
    random = np.random.default_rng(0)
    w = nn.Parameter(torch.from_numpy(random.standard_normal(size).astype(np.float32)))
    optimizer = torch.optim.Adam([w], lr=0.1, **options)
    for _ in range(2):
        w.grad = torch.from_numpy(random.standard_normal(size).astype(np.float32))
        optimizer.step()
    return w.detach().numpy().copy()


@pytest.mark.parametrize("size", [(700, 500), (3, 70001)])
def test_blocks_and_threads_change_nothing(size, monkeypatch):
    cut = state_of(size, weight_decay=0.1)
    monkeypatch.setattr(kernels, "BLOCK", 10**9)
    np.testing.assert_array_equal(cut, state_of(size, weight_decay=0.1))


def test_arrays_and_tensors_read_the_formula_alike():
    plain = state_of((7, 5), amsgrad=True)
    random = np.random.default_rng(0)
    w = torch.from_numpy(random.standard_normal((7, 5)).astype(np.float32))
    m, v, top = (torch.zeros(7, 5) for _ in range(3))
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.1, amsgrad=True)
    group = optimizer.param_groups[0]
    for step in (1, 2):
        g = torch.from_numpy(random.standard_normal((7, 5)).astype(np.float32))
        optimizer.formula(kernels.TENSORS, optimizer.numbers(group, step), w, g, m, v, top)
    np.testing.assert_allclose(w.numpy(), plain, rtol=1e-5, atol=1e-7)


def test_backward_notices_the_step():
    w = nn.Parameter(torch.ones(3))
    loss = (w * w).sum()
    w.grad = torch.ones(3)
    torch.optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_state_goes_round():
    w = nn.Parameter(torch.ones(2))
    first = torch.optim.Adam([w], lr=0.5)
    w.grad = torch.ones(2)
    first.step()
    saved = copy.deepcopy(first.state_dict())
    second = torch.optim.Adam([w], lr=0.1)
    second.load_state_dict(saved)
    assert second.param_groups[0]["lr"] == 0.5
    assert second.state[w]["step"].item() == 1.0
    np.testing.assert_array_equal(
        second.state[w]["exp_avg"].numpy(), first.state[w]["exp_avg"].numpy()
    )
    second.step()
    assert first.state[w]["step"].item() == 1.0  # the saved state was copied


def test_closure_and_hooks():
    w, seen = nn.Parameter(torch.ones(1)), []
    optimizer = torch.optim.SGD([w], lr=0.1)
    optimizer.register_step_pre_hook(lambda o, a, k: seen.append("before"))
    optimizer.register_step_post_hook(lambda o, a, k: seen.append("after"))

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        seen.append("loss")
        return loss

    assert optimizer.step(closure).item() == 1.0
    assert seen == ["before", "loss", "after"]
    assert round(w.item(), 6) == 0.8


def test_own_optimizer():
    class Plain(torch.optim.Optimizer):
        def __init__(self, params, lr=1.0):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad, alpha=-group["lr"])

    w = nn.Parameter(torch.ones(2))
    w.grad = torch.ones(2)
    optimizer = Plain([w], lr=0.25)
    optimizer.step()
    assert w.tolist() == [0.75, 0.75]
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0, 0.0]


def test_groups():
    a, b = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([{"params": [a], "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": b})
    a.grad, b.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    assert a.item() == 0.5 and round(b.item(), 6) == 0.9


def test_warns_of_a_schedule_before_the_optimizer():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        scheduler.step()


def test_cosine_schedule():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    found = []
    for _ in range(4):
        optimizer.step()
        scheduler.step()
        found += scheduler.get_last_lr()
    np.testing.assert_allclose(found, [0.8535534, 0.5, 0.1464466, 0.0], atol=1e-7)


def test_averages_of_whole_numbers():
    """Means of whole numbers are cut off, as PyTorch's: a batch norm's count stays where it was."""
    model = nn.BatchNorm1d(2)
    functions = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), None
    averages = [torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=f, use_buffers=True)
                for f in functions]  # fmt: skip
    for _ in range(4):
        model(torch.ones(3, 2) * 2)
        for averaged in averages:
            averaged.update_parameters(model)
    found = [averaged.module.num_batches_tracked.item() for averaged in averages]
    assert found == [1, 1]
    means = [averaged.module.running_mean.tolist() for averaged in averages]
    np.testing.assert_allclose(means, [[0.29414001] * 2, [0.45244998] * 2], rtol=1e-5)


def test_means_of_lists():
    average = torch.optim.swa_utils.get_swa_multi_avg_fn()
    values = [torch.tensor([1 + 2j])]
    average(values, [torch.tensor([3j])], torch.tensor(2))
    np.testing.assert_allclose(values[0].numpy(), [0.6666667 + 2.3333333j], rtol=1e-6)
    with pytest.raises(RuntimeError, match="alpha must not be a floating point number"):
        average([torch.tensor([5])], [torch.tensor([9])], 2)


@pytest.mark.parametrize("betas", [(0, 0.9), (0.5, 0), (0, 0)])
def test_betas_are_floats(betas):
    with pytest.raises(ValueError, match="betas must be either both floats or both Tensors"):
        torch.optim.Adam([nn.Parameter(torch.ones(1))], betas=betas)


@pytest.mark.parametrize("computed", [False, True])
def test_a_gradient_that_requires_one_is_added_to(computed):
    """As in PyTorch: in its memory, and it is tracked as it was."""
    w = torch.ones(2, 3, requires_grad=True)
    grad = torch.ones(3, 2, requires_grad=True).t().detach().requires_grad_()
    grad = grad * 1 if computed else grad
    w.grad = grad
    (w * 2).sum().backward()
    assert w.grad is grad
    assert grad.tolist() == [[3.0] * 3] * 2
    assert grad.stride() == (1, 2)
    assert grad.requires_grad
    assert (grad.grad_fn is not None) == computed


@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
def test_a_sparse_gradient_is_refused_before_anything_is_changed(make):
    dense, table = torch.ones(3, requires_grad=True), torch.nn.Embedding(4, 3, sparse=True)
    optimizer = make([dense, table.weight])
    (dense * table(torch.tensor([1]))).sum().backward()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step()
    assert dense.tolist() == [1.0, 1.0, 1.0]
    assert all(not state for state in optimizer.state.values())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rate", ["tensor", "NumPy's"])
def test_rates_in_float32_are_computed_with_in_float32(rate, compiled):
    lr = torch.tensor(0.1) if rate == "tensor" else np.float32(0.1)
    w = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    updates = torch.optim.AdamW([w], lr=lr, weight_decay=0.3, eps=0.0)

    def step():
        updates.zero_grad()
        w.sum().backward()
        updates.step()

    run = torch.compile(step, fullgraph=True) if compiled else step
    expected, f32 = 2.0, np.float32
    for i in range(1, 5):
        run()
        keep, size = 1 - f32(0.1) * f32(0.3), f32(0.1) / f32(1 - 0.9**i)
        mean, square = 1 - 0.9**i, 1 - 0.999**i
        expected = expected * float(keep) - float(size) * mean / (square**0.5 / square**0.5)
        assert w.item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("number", [0.3, 3, True, np.float64(0.3), np.int64(3), np.float16(0.3)])
def test_arithmetic_with_a_rounded_rate_is_of_its_type(kind, number):
    lr = tensor_rates.Rounded(kind(0.1))
    other = kind(number)
    found = [lr + number, number + lr, lr - number, number - lr, lr * number, number * lr,
             lr / number, number / lr, lr**number, number**lr, -lr / lr]  # fmt: skip
    own = kind(0.1)
    expected = [own + other, other + own, own - other, other - own, own * other, other * own,
                own / other, other / own, own**other, other**own, kind(-1)]  # fmt: skip
    assert [type(one.value) for one in found] == [kind] * len(found)
    assert [one.value for one in found] == expected
    assert all(type(tensor_rates.plain(one)) is float for one in found)
    assert min(lr, number) is lr and max(number, lr) is number and float(lr) == float(own)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "ASGD",
                                  "RMSprop", "Adadelta", "SGD", "Adafactor", "Muon"])  # fmt: skip
@pytest.mark.parametrize("rate", ["tensor", "NumPy's"])
def test_options_of_numpy_are_numbers_beside_a_rate_in_float32(name, rate):
    def trained(number):
        w = torch.full((2, 2), 2.0, dtype=torch.float64, requires_grad=True)
        lr = torch.tensor(0.1) if rate == "tensor" else np.float32(0.1)
        updates = getattr(torch.optim, name)([w], lr=lr, weight_decay=number(0.3))
        for _ in range(3):
            updates.zero_grad()
            (w * w).sum().backward()
            updates.step()
        return w.tolist()

    assert trained(float) == trained(np.float64)
