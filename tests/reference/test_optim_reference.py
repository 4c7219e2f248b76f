"""Optimizers and schedules against PyTorch: parameters, state, text, saved state."""

import numpy as np
import pytest

import tidu
import tidu.nn
import tidu.optim

torch = pytest.importorskip("torch")

OPTIMIZERS = [
    "SGD(p, lr=0.1)",
    "SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01)",
    "SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True)",
    "SGD([{'params': p[:1], 'lr': 0.5}, {'params': p[1:]}], lr=0.1)",
    "Adam(p, lr=0.01)",
    "Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True)",
    "Adam(p, lr=0.01, maximize=True)",
    "AdamW(p, lr=0.01)",
    "AdamW(p, lr=0.01, amsgrad=True)",
    "RMSprop(p)",
    "RMSprop(p, momentum=0.9, weight_decay=0.1)",
    "RMSprop(p, centered=True)",
    "Adagrad(p)",
    "Adagrad(p, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.2)",
    "Adadelta(p)",
    "Adadelta(p, weight_decay=0.1, lr=0.5)",
    "Adamax(p, weight_decay=0.1)",
    "NAdam(p, weight_decay=0.1)",
    "NAdam(p, weight_decay=0.1, decoupled_weight_decay=True)",
    "RAdam(p, weight_decay=0.1)",
    "RAdam(p, lr=0.01, decoupled_weight_decay=True, weight_decay=0.1)",
    "ASGD(p, weight_decay=0.1, t0=3)",
    "Rprop(p)",
    "Adafactor(p)",
    "Adafactor(p, lr=0.1, weight_decay=0.1, d=2.0, beta2_decay=-0.5, maximize=True)",
]

SCHEDULES = [
    "StepLR(o, 3)",
    "MultiStepLR(o, [2, 5, 5])",
    "ConstantLR(o, total_iters=4)",
    "LinearLR(o, 0.25, total_iters=6)",
    "ExponentialLR(o, 0.9)",
    "CosineAnnealingLR(o, 5, eta_min=0.001)",
    "CosineAnnealingWarmRestarts(o, 3, 2)",
    "LambdaLR(o, lambda e: 0.9**e)",
    "MultiplicativeLR(o, lambda e: 0.95)",
    "OneCycleLR(o, 0.5, 20)",
    "OneCycleLR(o, 0.5, 20, three_phase=True, anneal_strategy='linear')",
    "CyclicLR(o, 0.01, 0.1, step_size_up=3, mode='triangular2')",
    "CyclicLR(o, 0.01, 0.1, step_size_up=3, mode='exp_range', gamma=0.9, step_size_down=2)",
    "PolynomialLR(o, 8, 2.0)",
    "SequentialLR(o, [LinearLR(o, 0.1, total_iters=3), ExponentialLR(o, 0.9)], [4])",
    (
        "SequentialLR(o, [ConstantLR(o, 0.1, total_iters=3), CosineAnnealingLR(o, 9), "
        "ExponentialLR(o, 0.5)], [3, 7])"
    ),
    "ChainedScheduler([LinearLR(o, 0.1, total_iters=3), ExponentialLR(o, 0.9)])",
]


def trained(library, text, dtype, shape):
    """(optimizer, parameters) after eight steps with the same gradients."""
    random = np.random.default_rng(0)
    p = [
        library.nn.Parameter(library.from_numpy(np.array(random.standard_normal(s), dtype)))
        for s in (shape, (5,), ())
    ]
    optimizer = eval(text, {**vars(library.optim), "p": p})
    for step in range(8):
        for parameter in p:
            grad = np.array(random.standard_normal(tuple(parameter.shape)), dtype)
            parameter.grad = library.from_numpy(grad)
        if step == 5:
            p[1].grad = None
        optimizer.step()
    return optimizer, p


@pytest.mark.parametrize("shape", [(3, 4), (200, 200)], ids=["small", "blocks"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", OPTIMIZERS)
def test_optimizer(text, dtype, shape):
    ours, p = trained(tidu, text, dtype, shape)
    theirs, q = trained(torch, text, dtype, shape)
    tolerance = {"rtol": 2e-4, "atol": 2e-6} if dtype == "float32" else {"rtol": 1e-9}
    assert repr(ours) == repr(theirs)
    for a, b in zip(p, q, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), **tolerance)
    mine, wanted = ours.state_dict(), theirs.state_dict()
    assert mine["param_groups"] == wanted["param_groups"]
    assert list(mine["state"]) == list(wanted["state"])
    for key, state in wanted["state"].items():
        assert sorted(mine["state"][key]) == sorted(state)
        for name, value in state.items():
            got = mine["state"][key][name]
            assert str(got.dtype) == str(value.dtype), name
            np.testing.assert_allclose(got.numpy(), value.numpy(), err_msg=name, **tolerance)


COMPLEX = [
    "SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1)",
    "Adam(p, lr=0.1, amsgrad=True, weight_decay=0.1)",
    "AdamW(p, lr=0.1)",
    "RMSprop(p, lr=0.02, centered=True, momentum=0.3)",
    "Adagrad(p, lr=0.1, lr_decay=0.1)",
    "Adadelta(p, lr=2.0)",
    "Adamax(p, lr=0.1)",
    "NAdam(p, lr=0.1, weight_decay=0.1)",
    "RAdam(p, lr=0.1)",
    "ASGD(p, lr=0.05, t0=1)",
    "Rprop(p, lr=0.02)",
]


def complex_losses(library, text, turned, compiled=False):
    """(losses of steps, complex parameter) of one beside a real one; `turned`: it is transposed."""
    random = np.random.default_rng(0)
    values = library.from_numpy(random.standard_normal((3, 4)) + 1j)
    c = (values.t() if turned else values).requires_grad_()
    d = library.ones(3, dtype=library.float64, requires_grad=True)
    p = [c, d]
    optimizer = eval(text, {**vars(library.optim), "p": p})

    def step():
        optimizer.zero_grad()
        loss = (c - 2j).abs().pow(2).sum() + c.real.pow(4).sum() + d.pow(2).sum()
        loss.backward()
        optimizer.step()
        return loss

    step = library.compile(step) if compiled else step
    return [step().item() for _ in range(5)], library.view_as_real(c.detach()).numpy()


@pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned"])
@pytest.mark.parametrize("text", COMPLEX)
def test_complex_parameters(text, turned):
    wanted = complex_losses(torch, text, turned)
    for compiled in (False, True):
        found = complex_losses(tidu, text, turned, compiled)
        for mine, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-8, err_msg=f"compiled: {compiled}")


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs(search):
    found = []
    for library in (tidu, torch):
        x = library.tensor([-1.5, 2.0, 0.3], dtype=library.float64, requires_grad=True)
        optimizer = library.optim.LBFGS(
            [x], lr=1 if search else 0.02, max_iter=15, line_search_fn=search
        )
        calls = []

        def closure(x=x, optimizer=optimizer, calls=calls):
            optimizer.zero_grad()
            first, second = x[1] - x[0] ** 2, x[2] - x[1] ** 2
            loss = 100 * first**2 + (1 - x[0]) ** 2 + 100 * second**2
            loss.backward()
            calls.append(loss.item())
            return loss

        for _ in range(3):
            optimizer.step(closure)
        found.append((x.detach().numpy().copy(), len(calls)))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-8)
    assert found[0][1] == found[1][1]


def rates(library, text, optimizer_text):
    w, v = (library.nn.Parameter(library.ones(2)) for _ in range(2))
    o = eval(optimizer_text, {**vars(library.optim), "w": w, "v": v})
    scheduler = eval(text, {**vars(library.optim.lr_scheduler), "o": o})
    seen = []
    for _ in range(15):
        o.step()
        scheduler.step()
        for group in o.param_groups:
            seen += [group["lr"], group.get("momentum", 0), *group.get("betas", ())]
        seen += scheduler.get_last_lr()
    return seen, scheduler.state_dict()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "optimizer",
    [
        "SGD([{'params': [w]}, {'params': [v], 'lr': 0.3}], lr=0.1, momentum=0.9)",
        "Adam([w], lr=0.1)",
    ],
    ids=["SGD", "Adam"],
)
@pytest.mark.parametrize("text", SCHEDULES)
def test_schedule(text, optimizer):
    ours, state = rates(tidu, text, optimizer)
    theirs, wanted = rates(torch, text, optimizer)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert set(state) == set(wanted)


def test_plateau():
    found = []
    for library in (tidu, torch):
        o = library.optim.SGD([library.nn.Parameter(library.ones(2))], lr=1.0)
        s = library.optim.lr_scheduler.ReduceLROnPlateau(o, patience=1, cooldown=1, factor=0.5)
        seen = []
        for measure in (1, 0.9, 0.9, 0.9, 0.9, 0.8, 0.85, 0.86, 0.9, 0.9, 0.9, 0.9):
            s.step(measure)
            seen.append(o.param_groups[0]["lr"])
        found.append((seen, s.state_dict()))
    assert found[0] == found[1]


ERRORS = [
    "SGD([], lr=0.1)", "SGD(w[0], lr=0.1)", "SGD(w, lr=-1)", "SGD(w, momentum=-1)",
    "SGD(w, weight_decay=-1)", "SGD(w, nesterov=True)", "SGD([3])", "SGD([w[0] * 2])",
    "SGD([{'params': w}, {'params': w}])", "SGD([{'lr': 1}])", "SGD(w).add_param_group(3)",
    "SGD([{'params': set(w)}])", "Adam(w, lr=-1)", "Adam(w, betas=(1, 0.9))", "Adam(w, eps=-1)",
    "SGD(w).load_state_dict({'param_groups': [{}, {}], 'state': {}})",
    "SGD(w).load_state_dict({'param_groups': [{'params': [1, 2]}], 'state': {}})",
    "lr_scheduler.StepLR(3, 1)", "lr_scheduler.OneCycleLR(SGD(w), 0.1)",
    "lr_scheduler.LinearLR(SGD(w), 2.0)", "lr_scheduler.ReduceLROnPlateau(SGD(w), factor=2.0)",
]  # fmt: skip


def error_of(library, code):
    w = [library.nn.Parameter(library.ones(2))]
    try:
        eval(code, {**vars(library.optim), "w": w})
    except Exception as error:
        return type(error).__name__, str(error).split("\nHint")[0]
    return None


@pytest.mark.parametrize("code", ERRORS)
def test_error(code):
    assert error_of(tidu, code) == error_of(torch, code) is not None


@pytest.mark.parametrize(
    "text",
    ["Muon([p])", "Muon([p], lr=0.1, nesterov=False, adjust_lr_fn='match_rms_adamw')",
     "Muon([p], momentum=0.5, weight_decay=0.0, ns_steps=3)"],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(4, 6), (7, 3)])
def test_muon(text, shape):
    found = []
    for library in (tidu, torch):
        random = np.random.default_rng(0)
        p = library.nn.Parameter(library.from_numpy(random.standard_normal(shape).astype("f")))
        optimizer = eval(text, {**vars(library.optim), "p": p})
        for _ in range(10):
            p.grad = library.from_numpy(random.standard_normal(shape).astype("f"))
            optimizer.step()
        found.append((p.detach().numpy(), optimizer))
    # The orthogonal factor is computed in bfloat16 on both sides.
    size = found[1][1].param_groups[0]["lr"] * 10
    np.testing.assert_allclose(found[0][0], found[1][0], atol=0.02 * size)
    assert repr(found[0][1]) == repr(found[1][1])


def test_sparse_adam():
    found = []
    for library in (tidu, torch):
        library.manual_seed(0)
        table = library.nn.Embedding(6, 3, sparse=True)
        optimizer = library.optim.SparseAdam(table.parameters(), lr=0.1)
        for rows in ([1, 2, 2], [4], [2, 5], [1]) * 3:
            optimizer.zero_grad()
            (table(library.tensor(rows)) ** 2).sum().backward()
            optimizer.step()
        found.append(table.weight.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", ["", "avg_fn=S.get_ema_avg_fn(0.9)", "use_buffers=True",
                                     "multi_avg_fn=S.get_ema_multi_avg_fn(0.8)"])  # fmt: skip
def test_averaged_model(options):
    found = []
    for library in (tidu, torch):
        library.manual_seed(0)
        S = library.optim.swa_utils
        model = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4))
        averaged = eval(f"S.AveragedModel(model, {options})", {"S": S, "model": model})
        data = [library.randn(8, 3) for _ in range(6)]
        optimizer = library.optim.SGD(model.parameters(), lr=0.1)
        schedule = S.SWALR(optimizer, 0.5, anneal_epochs=3)
        rates = []
        for x in data:
            optimizer.zero_grad()
            (model(x) ** 3).mean().backward()
            optimizer.step()
            averaged.update_parameters(model)
            schedule.step()
            rates += schedule.get_last_lr()
        S.update_bn(data, averaged)
        found.append((rates, {k: v.numpy() for k, v in averaged.state_dict().items()}))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    assert list(found[0][1]) == list(found[1][1])
    for name, value in found[1][1].items():
        np.testing.assert_allclose(found[0][1][name], value, rtol=1e-4, atol=1e-6, err_msg=name)
