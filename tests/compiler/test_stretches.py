"""Functions that cannot be one graph: what stands before and after the statement is compiled."""

import contextlib
import copy
import random
import time
import warnings

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls.optimized import counts

pytestmark = pytest.mark.slow


def both(function, *calls, said=None):
    """The results of a function, eager and compiled, for each call; the one warning's text."""
    found = []
    compiled = torch.compile(function)
    for run in (function, compiled):
        torch.manual_seed(0), random.seed(0), np.random.seed(0)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found.append([run(*[a.clone() if isinstance(a, torch.Tensor) else a for a in call])
                          for call in calls])  # fmt: skip
    for a, b in zip(*found, strict=True):
        same(a, b)
    texts = [str(w.message) for w in told if "compiled" in str(w.message)]
    if said is not None:
        assert len(texts) == 1 and said in texts[0], texts
        assert "before and after it is compiled" in texts[0]
    return compiled


def same(a, b):
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, torch.Tensor):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)
        assert a.requires_grad == b.requires_grad and a.dtype == b.dtype
    else:
        assert a == b or a == pytest.approx(b, rel=1e-5)


def parts_of(compiled):
    """How many parts have a program."""
    return sum(any(p.versions.values()) for p in compiled.with_stretches())


X = torch.linspace(-1, 2, 12).reshape(3, 4)


def test_a_number_is_computed_with():
    def f(x):
        y = (x * x).mean()
        scale = float(y) / 10
        z = (x.sin() * scale).cos()
        return z, scale

    compiled = both(f, (X,), (X,), (X + 1,), (X * 2,), said="scale = float(y) / 10")
    assert parts_of(compiled) == 2
    with pytest.raises(RuntimeError, match="with fullgraph=True this is an error"):
        torch.compile(f, fullgraph=True)(X)


def test_printing(capsys):
    def f(x):
        h = x.tanh() * 2
        print("sum", h.sum())
        return h.sum(0) + 1

    compiled = both(f, (X,), (X,), said='print("sum", h.sum())')
    assert capsys.readouterr().out.count("sum tensor(") == 4
    assert parts_of(compiled) == 2


def test_a_round_trip_through_numpy():
    def f(x):
        h = x.sigmoid() + x
        a = np.sort(h.detach().numpy(), axis=1)
        back = torch.from_numpy(a) * h
        return back.sum(1), h

    assert parts_of(both(f, (X,), (X,), said="np.sort")) == 2


def test_in_a_loop_with_an_early_exit():
    def f(x, n):
        total, seen = torch.zeros(()), []
        for i in range(n):
            h = (x * (i + 1)).sin()
            loss = h.square().mean()
            seen.append(loss.item() * 2)
            if seen[-1] < 0.02:
                break
            if i == 1:
                continue
            x = x - 0.1 * h
            total = total + loss
        return x, total, seen

    assert parts_of(both(f, (X, 4), (X, 4), (X / 50, 4), (X, 0))) >= 2


def test_a_training_step_that_logs():
    torch.manual_seed(0)
    x, y = torch.randn(16, 4), torch.randn(16, 1)
    found = []
    for compiles in (False, True):
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        log = {"total": 0.0, "steps": 0}

        def step(x, y, model=model, optimizer=optimizer, log=log):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            log["total"] += loss.item()
            log["steps"] += 1
            return loss.detach() * 2

        run = torch.compile(step) if compiles else step
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append([[run(x, y) for _ in range(8)], log, list(model.parameters())])
    same(found[0][0], found[1][0])
    same(found[0][2], found[1][2])
    assert found[1][1]["steps"] == 8
    assert found[0][1]["total"] == pytest.approx(found[1][1]["total"], rel=1e-5)
    assert any(run.with_stretches()[1].versions.values())


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.calls = torch.nn.Linear(4, 4), 0

    def forward(self, x):
        h = self.inner(x).relu()
        self.calls += 1
        with torch.no_grad():
            norm = h.norm()
            if norm.item() > 1e6:
                raise ValueError("too large")
            scaled = h / norm
        return h.sum(0) + scaled.sum(0)


class Deeper(Net):
    def forward(self, x):
        out = super().forward(x * 2)
        out = out + float(out.sum())
        return super().forward(x).sum() + out.mean()


@pytest.mark.parametrize("kind", [Net, Deeper])
def test_modules(kind):
    torch.manual_seed(0)
    net = kind()
    compiled = torch.compile(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(12):
            x = X + i
            net.calls = 0
            expected = net(x)
            grads = torch.autograd.grad(expected.sum(), list(net.parameters()))
            net.calls = 0
            got = compiled(x)
            assert net.calls in (1, 2)
            same(expected, got)
            same(grads, torch.autograd.grad(got.sum(), list(net.parameters())))
    assert (
        kind is Deeper or parts_of(compiled._compiled) >= 2
    )  # (its parts are in another function)


def test_the_clock_and_other_random_numbers():
    def f(x):
        y = x.exp()
        begun = time.perf_counter()
        z = (y * 2).sum()
        later = time.perf_counter() >= begun
        return z, later

    assert parts_of(both(f, (X,), (X,))) >= 1

    def g(x):
        y = x.exp() + 1
        factor = random.random() + np.random.rand()
        return y * factor

    both(g, (X,), (X,), (X,))


def test_closures_defaults_and_keywords():
    count, names = 0, []

    def f(x, *rest, scale=2.0, **options):
        nonlocal count
        y = (x * scale).sin()
        count += 1
        names.extend(sorted(options))
        z = y + sum(r.sum() for r in rest) + options.get("shift", 0)
        return z, [v * 2 for v in rest]

    compiled = torch.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(5):
            count = 0
            expected = f(X, X + i, scale=3.0, shift=i)
            assert count == 1
            same(expected, compiled(X, X + i, scale=3.0, shift=i))
            assert count == 2
    assert names == ["shift"] * 10


def test_variables_that_are_not_always_set():
    def f(x, flag):
        y = x * 2
        print(end="")
        if flag:
            late = y.sum()
        z = y + 1
        print(end="")
        return z if not flag else z + late

    both(f, (X, True), (X, False), (X, True))

    def g(x):
        if float(x.sum()) * 1 > 1e9:
            never = x
        return never + 1

    with pytest.raises(UnboundLocalError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.compile(g)(X)


def test_functions_written_inside_see_later_values():
    def f(x):
        k = 1
        later = lambda t: t * k
        y = x.sin()
        k = int(float(y.sum()) * 0) + 3
        return later(y) + y

    both(f, (X,), (X,))


def test_objects_made_at_the_end():
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

        def __eq__(self, other):
            return torch.allclose(self.a, other.a) and torch.allclose(self.b, other.b)

    def f(x):
        a = x.sin().sum(0)
        b = (a * 2).cos()
        return Pair(a, b)

    assert parts_of(both(f, (X,), (X,), said="returns an object of class Pair")) == 1


def test_errors_are_those_of_the_user_and_name_their_lines():
    def f(x):
        y = x * 2
        print(end="")
        z = y @ torch.ones(7, 7)
        return z

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as caught:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.compile(f)(X)
    lines = [entry.lineno for entry in caught.traceback if "test_stretches" in str(entry.path)]
    assert f.__code__.co_firstlineno + 2 in lines  # z = ..., counted from zero


def test_backward_after_a_stretch():
    w = torch.ones(4, requires_grad=True)

    def f(x):
        loss = ((x * w).sin() ** 2).sum()
        if not np.isfinite(float(loss)):
            return None
        loss.backward()
        with torch.no_grad():
            w.sub_(0.1 * w.grad)
            w.grad = None
        return loss.detach()

    found = []
    for run in (f, torch.compile(f)):
        with torch.no_grad():
            w.fill_(1.0)
        w.grad = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append([run(X) for _ in range(4)] + [w.detach().clone()])
    same(*found)


def test_suppressed_errors_are_left_whole():
    def f(x):
        y = x * 1
        with contextlib.suppress(ZeroDivisionError):
            y = x * 2
            print(end="")
            y = y / (0 / 0)
        return y + 1

    both(f, (X,), (X,))


def test_a_disabled_function_is_called_as_it_is():
    seen = []

    @torch.compiler.disable
    def log(t):
        seen.append(t.sum().item())

    def f(x):
        y = x.exp() * 2
        log(y)
        return y.sum() + 1

    compiled = both(f, (X,), (X,), said="marked with compiler.disable")
    assert len(seen) == 4 and parts_of(compiled) == 2


def test_floats_are_inputs_once_they_have_varied():
    def f(x, lr):
        if lr > 100:
            return x - lr, lr
        return x * lr - (1 - lr) * x.sin() + x.sum() ** 2 * lr, lr / 2

    compiled, before = torch.compile(f, fullgraph=True), counts()["captured"]
    for lr in (0.5, 0.25, 0.1, -3.0, 7.0, 101.0, 400.0, 0.3, float("inf")):
        same(f(X, lr), compiled(X, lr))
    assert counts()["captured"] - before == 4  # 0.5, any below, any above, infinity
    x = X.clone().requires_grad_()
    for lr in (0.5, 0.25, 0.75):
        (g,) = torch.autograd.grad(compiled(x, lr)[0].sum(), x)
        (h,) = torch.autograd.grad(f(x, lr)[0].sum(), x)
        same(g, h)


def test_floats_whose_digits_matter():
    import math

    cases = (
        lambda x, v: x * math.sqrt(v),
        lambda x, v: x * float(np.sqrt(v)),
        lambda x, v: x[: int(v)] * 2,
        lambda x, v: x + torch.tensor(v),
        lambda x, v: x * (2 if type(v) is float else 3) * v,
        lambda x, v: x.clamp(max=v) ** v,
        lambda x, v: x * round(v) + (v // 1),
        lambda x, v: (x.double() * v).half() * v,
        lambda x, v: torch.full((2,), v) + x.sum(),
        lambda x, v: x.long() * v,
        lambda x, v: {v: x * v}[v],
        lambda x, v: torch.nn.functional.dropout(x, v / 10, training=False) + v,
        lambda x, v: torch.add(x, x, alpha=v) / v + v / x,
    )
    for f in cases:
        compiled = torch.compile(f)
        for v in (0.5, 1.5, 2.75, 0.125, 1.5):
            same(f(X, v), compiled(X, v))


def test_what_others_count_is_no_reason_to_compile_again():
    class Trainer:
        def __init__(self):
            self.w, self.step_count, self.history, self.scale = torch.ones(4), 0, [], 2.0

        def step(self, x):
            return (x * self.w).sum() * self.scale

    trainer = Trainer()
    compiled, before = torch.compile(trainer.step, fullgraph=True), counts()["captured"]
    for i in range(20):
        same(trainer.step(X + i), compiled(X + i))
        trainer.step_count += 1
        trainer.history.append(i)
        trainer.last = torch.ones(1) if i == 0 else trainer.last * 2
    assert counts()["captured"] - before <= 2
    trainer.scale = 3.0
    same(trainer.step(X), compiled(X))
    trainer.w = torch.arange(4.0)
    same(trainer.step(X), compiled(X))


def test_attributes_read_by_names_made_at_run_time():
    class Holder:
        def __init__(self):
            self.w_0, self.w_1, self.other = 2.0, 3.0, 0

    holder = Holder()

    def f(x, i):
        return x * getattr(holder, f"w_{i}") + holder.__dict__["w_1"]

    compiled = torch.compile(f)
    for value in (1.0, 2.0, 5.0):
        holder.w_0 = holder.w_1 = value
        same(f(X, 0), compiled(X, 0))


def test_an_attribute_that_becomes_a_float_of_the_same_size():
    class Holder:
        factor = 2

    holder, x = Holder(), torch.arange(4)
    holder.factor = 2
    compiled = torch.compile(lambda x: x * holder.factor)
    assert compiled(x).dtype == torch.int64
    holder.factor = 2.0
    assert compiled(x).dtype == torch.float32
    holder.factor = True
    assert compiled(x).dtype == torch.int64


class Talking(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.calls = torch.nn.Linear(4, 4), 0

    def forward(self, x):
        x = self.linear(x).tanh()
        print("seen", float(x.sum()) > 0)
        return (x * 2).sin()


class Counting(Talking):
    def forward(self, x):
        x = self.linear(x).tanh()
        self.calls += 1
        return (x * 2).sin() + self.calls


def halved(x):
    y = x.sin() * 3
    scale = float(y.abs().sum()) * 2
    return (y / scale).cos()


def test_a_break_in_a_called_function(capsys):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), Talking(), torch.nn.Linear(4, 4))

    def f(x):
        y = x.sin() * 2
        z = model(y)
        return halved(z).cos() + y

    with pytest.warns(UserWarning) as told:
        compiled = torch.compile(f)
        compiled(X)
    same(compiled(X + 1), f(X + 1))
    assert capsys.readouterr().out.count("seen") == 3
    assert len([w for w in told if "as one graph" in str(w.message)]) == 2
    # Before the model; both sides of the print and of the number; two layers.
    assert parts_of(compiled) == 7
    x, other = X.clone().requires_grad_(), X.clone().requires_grad_()
    compiled(x).sum().backward()
    f(other).sum().backward()
    same(x.grad, other.grad)


def test_what_a_called_module_counts():
    counting = Counting()

    def f(x):
        y = x.sin() * 2
        return counting(y).cos() + y

    eager = copy.deepcopy(counting)
    with pytest.warns(UserWarning, match=r"(?s)counting\.calls is now.*self\.calls \+= 1"):
        compiled = torch.compile(f)
        found = [compiled(X) for _ in range(8)]
    for i, got in enumerate(found):
        y = X.sin() * 2
        same(got, eager(y).cos() + y)
        assert eager.calls == i + 1
    assert counting.calls == 8 and parts_of(compiled) >= 3


def test_a_module_with_hooks_runs_as_ever_between_compiled_parts(capsys):
    talking, seen = Talking(), []

    def f(x):
        y = x.sin() * 2
        return talking(y).cos()

    # Before the call, and in the module both sides of its print.
    assert parts_of(both(f, (X,), (X + 1,), (X,))) == 3
    talking.register_forward_hook(lambda module, given, out: seen.append(1) or out * 2)
    assert parts_of(both(f, (X,), (X + 1,), (X,))) == 1
    assert len(seen) == 6
