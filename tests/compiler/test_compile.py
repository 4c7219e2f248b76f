"""compile(): whole steps, modules, guards, what it refuses, and what it leaves as it was."""

import copy
import inspect
import warnings

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls.optimized import counts

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, 0.05),
    "momentum": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": lambda p: torch.optim.Adam(p, 0.01),
    "AdamW": lambda p: torch.optim.AdamW(p, 0.01, amsgrad=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.9, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 0.05),
    "Adadelta": lambda p: torch.optim.Adadelta(p),
    "Adamax": lambda p: torch.optim.Adamax(p),
}


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))


def training(make, model, count, compiled):
    optimizer = make(model.parameters())
    torch.manual_seed(1)
    x, y = torch.randn(32, 10), torch.randn(32, 1)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = torch.compile(step) if compiled else step
    return [run().item() for _ in range(count)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_whole_step_with_its_optimizer(name):
    eager, compiled = network(), network()
    expected = training(OPTIMIZERS[name], eager, 8, False)
    memory = [p.data_ptr() for p in compiled.parameters()]
    before = counts()["compiled"]
    got = training(OPTIMIZERS[name], compiled, 8, True)
    assert counts()["compiled"] - before >= 5
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    for a, b in zip(compiled.parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)
    assert memory == [p.data_ptr() for p in compiled.parameters()]


def test_a_module():
    model = network()
    compiled = torch.compile(copy.deepcopy(model))
    x = torch.randn(4, 10, requires_grad=True)
    z = x.detach().clone().requires_grad_()
    for _ in range(3):
        model(x).sum().backward()
        compiled(z).sum().backward()
    torch.testing.assert_close(x.grad, z.grad)
    for a, b in zip(model.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert isinstance(compiled, torch.nn.Module)


def test_running_statistics_and_modes():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    other = copy.deepcopy(model)
    compiled = torch.compile(other)
    for _ in range(4):
        x = torch.randn(8, 4)
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other[1].running_mean, model[1].running_mean)
    assert other[1].num_batches_tracked == 4
    model.eval(), compiled.eval()
    torch.testing.assert_close(compiled(x), model(x), rtol=1e-5, atol=1e-6)


def test_after_many_draws():
    """The stream's words lie elsewhere then, and no draw is seen where there is none."""
    torch.randn(1 << 17)
    before = counts()["compiled"]
    step, x = torch.compile(lambda x: x.sin() * 2, fullgraph=True), torch.randn(3)
    for _ in range(2):
        torch.testing.assert_close(step(x), x.sin() * 2)
    assert counts()["compiled"] > before


def test_gradients_accumulate_in_the_same_tensor():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    step = torch.compile(lambda: (w * w).sum().backward())
    w.grad = torch.zeros(2)
    kept = w.grad
    for _ in range(3):
        step()
    assert w.grad is kept and kept.tolist() == [6, 12]


def test_writes_reach_the_caller():
    def f(x, y):
        x.add_(1)
        x[0] = y.sum()
        return x * 2

    x, y, again = torch.zeros(3), torch.ones(2), torch.zeros(3)
    compiled, view = torch.compile(f), x[1:]
    for _ in range(2):
        torch.testing.assert_close(compiled(x, y), f(again, y))
    assert x.tolist() == again.tolist() == [2, 2, 2] and view.tolist() == [2, 2]


def test_swapped_tensors():
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])

    def swap():
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)

    compiled = torch.compile(swap)
    compiled()
    assert a.tolist() == [3, 4] and b.tolist() == [1, 2]


def test_results_are_no_aliases():
    x = torch.ones(3)
    f = torch.compile(lambda x: (x * 1, x + 0, torch.zeros(2)))
    a, b, c = f(x)
    a += 1
    b += 1
    c += 1
    assert x.tolist() == [1, 1, 1] and f(x)[2].tolist() == [0, 0]
    view = torch.compile(lambda x: x.view(3, 1))(x)
    view += 1
    assert x.tolist() == [2, 2, 2]


def test_a_change_of_shape_constant_or_mode_compiles_again():
    state = {"factor": 2.0}
    f = torch.compile(lambda x: x * state["factor"])
    assert f(torch.ones(2)).tolist() == [2, 2]
    state["factor"] = 3.0
    assert f(torch.ones(2)).tolist() == [3, 3]
    assert f(torch.ones(3)).tolist() == [3, 3, 3]
    assert not f(torch.ones(2)).requires_grad and f(torch.ones(2, requires_grad=True)).requires_grad
    with torch.no_grad():
        assert not f(torch.ones(2, requires_grad=True)).requires_grad
    assert "compiled again" in f.explain() and "state['factor'] is now 3.0" in f.explain()


def test_a_replaced_parameter_is_seen():
    layer = torch.nn.Linear(2, 1)
    f = torch.compile(layer)
    f(torch.ones(1, 2))
    layer.weight = torch.nn.Parameter(torch.zeros(1, 2))
    layer.bias.data = torch.ones(1)
    assert f(torch.ones(1, 2)).tolist() == [[1.0]]


def test_transforms_inside_and_autograd_functions():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x

    x = torch.linspace(-1, 1, 5)
    for f in (
        torch.func.vmap(torch.func.grad(lambda v: v.sin())),
        torch.func.hessian(lambda v: (v.sin() * v).sum()),
        lambda v: torch.func.jvp(torch.tanh, (v,), (v,))[1],
    ):
        torch.testing.assert_close(torch.compile(f, fullgraph=True)(x), f(x))
    z = x.clone().requires_grad_()
    torch.compile(lambda v: Cube.apply(v).sum(), fullgraph=True)(z).backward()
    torch.testing.assert_close(z.grad, 3 * x * x)


def test_values_that_decide_are_told_with_their_line():
    def f(x):
        if x.sum() > 0:
            return x * 2
        return x

    with pytest.warns(UserWarning, match=r"the value of a tensor decides(.|\n)*if x.sum\(\) > 0"):
        compiled = torch.compile(f)
        assert compiled(torch.ones(2)).tolist() == [2, 2]
    assert compiled(-torch.ones(2)).tolist() == [-1, -1]
    with pytest.raises(RuntimeError, match="cannot be compiled as one graph"):
        torch.compile(f, fullgraph=True)(torch.ones(2))


def test_random_numbers_keep_their_stream():
    def f(x):
        noise = torch.randn(3) + torch.rand(3)
        torch.rand(2)  # not used, but drawn
        return torch.nn.functional.dropout(x, 0.5), noise, torch.bernoulli(x * 0.3)

    compiled, found = torch.compile(f, fullgraph=True), []
    for run in (f, compiled):
        torch.manual_seed(1)
        found.append([*run(torch.ones(20)), *run(torch.ones(20)), torch.rand(2)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)
    own = torch.Generator().manual_seed(5)
    draw = torch.compile(lambda: torch.randn(4, generator=own), fullgraph=True)
    got = [draw(), draw()]
    again = torch.Generator().manual_seed(5)
    for g in got:
        assert torch.equal(g, torch.randn(4, generator=again))


def test_learning_rates_of_a_scheduler_do_not_compile_again():
    losses = []
    for compiled in (False, True):
        model = network()
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        torch.manual_seed(1)
        x = torch.randn(8, 10)

        def step(model=model, optimizer=optimizer, x=x):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        run = torch.compile(step) if compiled else step
        found = []
        for _ in range(6):
            found.append(run().item())
            scheduler.step()
        losses.append(found)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    assert "compiled again" not in run.explain() and "1 version" in run.explain()


def test_the_users_errors_stay_his():
    w = torch.ones(3)
    f = torch.compile(lambda x: x @ w)
    with pytest.raises(RuntimeError, match=r"inconsistent tensor size|size mismatch"):
        f(torch.ones(2))
    assert w.tolist() == [1, 1, 1] and f(torch.ones(3)).item() == 3


def test_a_failed_trial_leaves_no_trace():
    calls, w = [], torch.ones(2, requires_grad=True)

    def f():
        with torch.no_grad():
            w.add_(1)
        calls.append(1)
        if w.sum() > 100:
            w.add_(1)
        return w

    with pytest.warns(UserWarning):
        torch.compile(f)()
    assert w.tolist() == [2, 2] and len(calls) == 1


def test_backward_twice_is_refused_as_eager():
    x = torch.ones(2, requires_grad=True)
    f = torch.compile(lambda x: (x * x).sum())
    y = f(x)
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()
    y = f(x)
    with torch.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    with pytest.raises(RuntimeError, match="does not currently support double backward"):
        torch.autograd.grad(f(x), x, create_graph=True)


def test_disabled():
    def f(x):
        return x + 1

    assert torch.compile(f, disable=True) is f and torch.compile(f, backend="eager") is f
    plain = torch.compiler.disable(f)
    with pytest.warns(UserWarning, match=r"compiler\.disable"):
        assert torch.compile(lambda x: plain(x) * 2)(torch.ones(1)).item() == 4


def test_decorator_options_and_methods():
    class Model:
        def __init__(self):
            self.scale = torch.tensor(3.0)

        @torch.compile
        def run(self, x, *, power=1):
            return (x * self.scale) ** power

    model = Model()
    assert model.run(torch.ones(2)).tolist() == [3, 3]
    assert model.run(torch.ones(2), power=2).tolist() == [9, 9]
    model.scale = torch.tensor(1.0)
    assert model.run(torch.ones(2)).tolist() == [1, 1]


def test_a_compiled_method_is_a_method():
    class Model:
        scale = 2.0

        @torch.compile
        def run(self, x, power=1):
            """What it does."""
            return (x * self.scale) ** power

    model = Model()
    run = model.run
    assert (run.__name__, run.__doc__, run.__self__) == ("run", "What it does.", model)
    assert (
        inspect.ismethod(run)
        and run == model.run
        and str(inspect.signature(run)) == ("(x, power=1)")
    )
    again = torch.compile(run)  # counts for itself
    for scale in (2.0, 3.0):
        model.scale = scale
        assert again(torch.ones(1)).item() == run(torch.ones(1)).item() == scale
    assert torch.compile(again, fullgraph=True).function == again.function


SCALE = 2.0


class Scaled(torch.nn.Module):
    shift = 1.0

    def forward(self, x):
        return x * SCALE + self.shift


def test_globals_and_attributes_of_classes_are_watched(monkeypatch):
    model = torch.compile(Scaled())
    assert model(torch.ones(2)).tolist() == [3, 3]
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert model(torch.ones(2)).tolist() == [6, 6]
    monkeypatch.setattr(Scaled, "shift", 0.0)
    assert model(torch.ones(2)).tolist() == [5, 5]


def test_arrays_that_become_tensors_run_eagerly():
    data = np.ones(3, np.float32)
    f = torch.compile(lambda x: x + torch.from_numpy(data))
    with pytest.warns(UserWarning, match="NumPy array"):
        assert f(torch.ones(3)).tolist() == [2, 2, 2]
    data[:] = 5
    assert f(torch.ones(3)).tolist() == [6, 6, 6]


def test_writes_into_arguments_of_any_layout():
    def f(x, y):
        x.add_(y)

    compiled = torch.compile(f)
    layouts = (
        lambda: torch.zeros(2, 3), lambda: torch.zeros(3, 2).t(), lambda: torch.zeros(2, 6)[:, ::2],
    )  # fmt: skip
    for make in layouts:
        x, again = make(), make()
        y = torch.arange(6.0).reshape(2, 3)
        for _ in range(2):
            compiled(x, y)
            f(again, y)
        assert torch.equal(x, again)
    a, b = torch.arange(4.0), torch.arange(4.0)
    compiled(torch.zeros(3), torch.ones(3))
    compiled(a[1:].clone(), a[:3])
    compiled(a[1:], a[1:].clone())
    f(b[1:], b[1:].clone())
    assert torch.equal(a, b)


def test_types_of_creation_follow_the_default():
    f = torch.compile(lambda: torch.ones(2))
    assert f().dtype is torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert f().dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_tensors_that_are_kept_for_the_next_call():
    class Cell:
        def __init__(self):
            self.hidden, self.seen = torch.zeros(2), [None, torch.zeros(())]

        def step(self, x):
            self.hidden = torch.tanh(self.hidden + x)
            self.seen[1] = self.hidden.sum()
            return self.hidden * 2

    a, b = Cell(), Cell()
    run = torch.compile(b.step, fullgraph=True)
    for k in range(5):
        x = torch.full((2,), float(k))
        torch.testing.assert_close(run(x), a.step(x))
        torch.testing.assert_close(b.hidden, a.hidden)
        torch.testing.assert_close(b.seen[1], a.seen[1])
    assert "1 version" in run.explain()


def test_what_cannot_be_done_again_runs_eagerly():
    seen = []

    def f(x):
        if not seen or seen[-1] < 3:
            seen.append(len(seen))
        return x + len(seen)

    compiled = torch.compile(f)
    assert [compiled(torch.zeros(1)).item() for _ in range(2)] == [1, 2]
    with pytest.warns(UserWarning, match="changes its surroundings"):
        assert compiled(torch.zeros(1)) == 3
    assert [compiled(torch.zeros(1)).item() for _ in range(3)] == [4, 4, 4]
    assert seen == [0, 1, 2, 3]


def test_an_object_put_into_a_list_is_the_programs_own():
    """The stretch with the statement stops where it stood whole: it runs eagerly, once a call."""
    seen, x = [], torch.ones(2, requires_grad=True)

    def keeps(y):
        seen.append(y.grad_fn)
        return y * 2

    def returns(y):
        step = y.grad_fn
        return y * 2, step

    y = x.exp()
    for f in (keeps, returns):
        compiled = torch.compile(f)
        with pytest.warns(UserWarning, match="it returns an object"):
            compiled(y)
        compiled(y)
    assert compiled(y)[1] is y.grad_fn
    assert seen == [y.grad_fn] * 2


def test_how_an_argument_was_computed_is_told_truly():
    def f(x):
        known = x.grad_fn is not None
        return x * 2, known, x.grad_fn.name(), len(x.grad_fn.next_functions)

    compiled, x = torch.compile(f), torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="looks at how an argument was computed"):
        assert compiled(x.exp())[1:] == (True, "ExpBackward0", 1)
    assert compiled(x * x)[1:] == (True, "MulBackward0", 2)
    whole = torch.compile(lambda x: x * 2 if x.grad_fn is None else x * 3, fullgraph=True)
    assert whole(x.exp()).sum().item() == pytest.approx(6 * 2.718281828)


def test_whether_an_argument_is_a_view_is_told_truly():
    rows = torch.ones(2, 3)
    compiled = torch.compile(lambda x: (x * (2 if x._base is None else 3), x._base is rows))
    with pytest.warns(UserWarning, match="of which tensor another is a view"):
        compiled(rows)
    for x, by, known in ((rows, 2, False), (rows[0], 3, True), (torch.ones(3), 2, False)):
        out, found = compiled(x)
        assert out.sum().item() == by * x.numel()
        assert found is known


def test_memory_that_is_read_as_another_type():
    def f(x):
        return x.view(torch.int64) + 1

    x = torch.tensor([0.5, -1.0], dtype=torch.float64)
    compiled = torch.compile(f)
    with pytest.warns(UserWarning, match="reads a tensor's memory as another type"):
        assert torch.equal(compiled(x), f(x))
    for transformed in (torch.vmap(f), torch.func.jacrev(f)):
        with pytest.raises(NotImplementedError, match=r"call view\(dtype\) before the transform"):
            transformed(x)


def test_results_that_are_views_show_the_step_that_made_them():
    x = torch.ones(2, 3, requires_grad=True)
    for f in (lambda x: x[0], lambda x: x.t(), lambda x: x.split(1)[1], lambda x: x.unbind(0)[1]):
        eager, compiled = f(x), torch.compile(f)
        for _ in range(3):
            view = compiled(x)
            assert view.grad_fn.name() == eager.grad_fn.name()
            assert view._base is x
