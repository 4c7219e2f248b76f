"""Functions that ask for values: each way they go is compiled; nothing is done twice or lost."""

import warnings

import pytest

import tidu as torch
from tidu.compiler.calls.optimized import counts


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def counted(function, *args):
    before = counts()
    result = function(*args)
    return result, {k: counts()[k] - before[k] for k in before}


def make(seed):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.ReLU(), torch.nn.Linear(8, 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses, norms = [], []

    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        if loss > 1:
            loss = loss.sqrt()
        loss.backward()
        norm = sum([(p.grad**2).sum() for p in model.parameters()]).sqrt()
        if norm > 0.5:
            for p in model.parameters():
                p.grad.mul_(0.5 / norm)
        optimizer.step()
        losses.append(loss.detach())
        norms.append(norm.item())
        return loss.item()

    return model, step, losses, norms


def test_a_training_step_goes_different_ways():
    (a, plain, *kept), (b, step, *lists) = make(0), make(0)
    compiled = torch.compile(step)
    outcomes = []
    for run in (plain, compiled):
        torch.manual_seed(7)
        outcomes.append([run(torch.randn(16, 4) * (4 if i % 5 == 0 else 0.5)) for i in range(30)])
        outcomes.append(torch.rand(3).tolist())  # the stream stands where it should
    assert outcomes[0] == pytest.approx(outcomes[2], rel=1e-4)
    assert outcomes[1] == outcomes[3]
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4)
    for x, y in zip(kept, lists, strict=True):
        assert [float(v) for v in x] == pytest.approx([float(v) for v in y], rel=1e-3)
    (_, change) = counted(compiled, torch.randn(16, 4))
    assert change == {"captured": 0, "compiled": 1, "eager": 0}
    assert "version" in compiled.explain() and "if loss > 1" in compiled.explain()


def test_each_way_is_compiled_once():
    def f(x):
        if x.sum() > 0:
            return x.sin()
        if x[0] > 1:
            return x.cos()
        return x * 3

    compiled = torch.compile(f)
    points = [torch.tensor(v) for v in ([1.0, 2.0], [2.0, -9.0], [-1.0, 0.0])]
    for x in points * 3:
        torch.testing.assert_close(compiled(x), f(x))
    for x in points:
        _, change = counted(compiled, x)
        assert change == {"captured": 0, "compiled": 1, "eager": 0}
    assert "3 version(s)" in compiled.explain()


def test_nothing_is_written_on_the_wrong_way():
    state = torch.zeros(3)

    def f(x):
        state.add_(x)
        if state.sum() > 5:
            state.zero_()
            return x * 0
        state.mul_(2)
        return state + x

    expected, total = [], torch.zeros(3)
    xs = [torch.full((3,), v) for v in (0.1, 0.2, 0.9, 0.3, 2.0, 0.1)]
    for x in xs:
        total = total + x
        if total.sum() > 5:
            total, out = torch.zeros(3), x * 0
        else:
            total = total * 2
            out = total + x
        expected.append((out, total))
    compiled = torch.compile(f)
    for x, (out, total) in zip(xs, expected, strict=True):
        torch.testing.assert_close(compiled(x), out)
        torch.testing.assert_close(state, total)


def test_numbers_of_integers_decide():
    def f(x):
        n = int((x > 0).sum())
        return x[:n] * n

    compiled = torch.compile(f)
    for x in ([1.0, 2.0, -1.0], [1.0, -2.0, 3.0], [-1.0, -1.0, -1.0]):
        torch.testing.assert_close(compiled(torch.tensor(x)), f(torch.tensor(x)))


def test_too_many_ways_run_eagerly():
    def f(x):
        return x * int(x.sum().long())

    compiled = torch.compile(f)
    for n in range(12):
        x = torch.tensor([float(n), 0.5])
        torch.testing.assert_close(compiled(x), f(x))
    assert "went another way" in compiled.explain()


def test_numbers_may_be_kept_and_returned():
    kept = {"last": [0.0]}
    numbers = []

    def f(x):
        y = x.sum()
        numbers.append(y.item())
        return {"y": y, "n": y.item(), "more": (x.mean().item(), 3)}

    compiled = torch.compile(f)
    for i in range(4):
        out, change = counted(compiled, torch.full((2,), float(i)))
        assert (out["n"], out["more"]) == (2.0 * i, (float(i), 3))
        assert type(out["n"]) is float and out["y"] == 2 * i
        assert change == {"captured": int(i == 0), "compiled": int(i > 0), "eager": 0}
    assert numbers == [0, 2, 4, 6] and kept == {"last": [0.0]}


@pytest.mark.parametrize("use", [
    lambda v: v + 1, lambda v: f"{v:.3f}", lambda v: v > 1 and 1, lambda v: round(v, 2), float, str,
    lambda v: isinstance(v, float), lambda v: max(v, 0.5), bool, lambda v: [v, v].index(v),
    lambda v: torch.ones(2) * v, lambda v: torch.tensor([v]), lambda v: {v: 1}[v], hash, abs,
])  # fmt: skip
def test_numbers_that_are_used_run_eagerly(use):
    def f(x):
        return use(x.sum().item()), x * 2

    compiled = torch.compile(f)
    for i in range(3):
        x = torch.full((2,), float(i) + 0.125)
        (a, b), (c, d) = compiled(x), f(x)
        assert type(a) is type(c)
        assert torch.equal(a, c) if isinstance(a, torch.Tensor) else a == c
        torch.testing.assert_close(b, d)


def test_errors_after_a_question_are_the_users():
    def f(x):
        if x.sum() > 0:
            raise ValueError("positive")
        return x

    compiled = torch.compile(f)
    assert compiled(torch.tensor([-1.0])) == -1
    for _ in range(2):
        with pytest.raises(ValueError, match="positive"):
            compiled(torch.tensor([1.0]))


def test_values_under_transforms_and_gradients():
    def f(x):
        y = x * x
        return y.sum() if y.sum() > 3 else y.prod()

    compiled = torch.compile(f)
    for v in ([2.0, 1.0], [0.5, 0.5], [3.0, 1.0]):
        x, y = [torch.tensor(v, requires_grad=True) for _ in range(2)]
        compiled(x).backward()
        f(y).backward()
        torch.testing.assert_close(x.grad, y.grad)
    inside = torch.compile(torch.func.grad(f))
    for v in ([2.0, 1.0], [0.5, 0.5]):
        x = torch.tensor(v)
        torch.testing.assert_close(inside(x), torch.func.grad(f)(x))


# --- lists that grow, entries and gradients that are replaced ------------------------------------


class Recorder:
    def __init__(self):
        self.seen, self.first = [], None

    def __call__(self, x):
        self.seen.append((x.sum(), x.shape[0], "x"))
        return x + 1


def test_lists_that_grow():
    recorder = Recorder()
    compiled = torch.compile(recorder, fullgraph=True)
    for i in range(5):
        compiled(torch.full((2,), float(i)))
    assert [(float(a), b, c) for a, b, c in recorder.seen] == [(2.0 * i, 2, "x") for i in range(5)]
    assert "1 version" in compiled.explain()


HISTORY = []


def reads_length(x):
    HISTORY.append(x.sum())
    return x * len(HISTORY)


def reads_last(x):
    HISTORY.append(x.sum())
    return x * HISTORY[-1]


def reads_another_name(x):
    same = HISTORY
    HISTORY.append(x.sum())
    return x * len(same)


def reads_by_a_tuple(x, pair=(HISTORY, 1)):
    HISTORY.append(x.sum())
    return x * len(pair[0])


def reads_by_globals(x):
    HISTORY.append(x.sum())
    return x * len(globals()["HISTORY"])


@pytest.mark.parametrize("f", [
    reads_length, reads_last, reads_another_name, reads_by_a_tuple, reads_by_globals,
])  # fmt: skip
def test_lists_that_are_read_too(f):
    outcomes = []
    for run in (f, torch.compile(f)):
        HISTORY.clear()
        outcomes.append([run(torch.full((2,), float(i))).tolist() for i in range(6)])
        outcomes.append([float(v) for v in HISTORY])
    assert outcomes[:2] == outcomes[2:]


def test_gradients_keep_their_graph_in_a_list():
    losses, w = [], torch.ones(2, requires_grad=True)

    def f(x):
        losses.append((w * x).sum())

    compiled = torch.compile(f, fullgraph=True)
    for i in range(3):
        compiled(torch.full((2,), float(i)))
    sum(losses).backward()
    assert w.grad.tolist() == [3, 3]


def test_an_entry_that_was_none_is_asked_for():
    class State:
        x = None

    state, kept = State(), [None]
    state.x = None

    def f(a):
        state.x = a * 1 if state.x is None else state.x + a
        kept[0] = {"x": state.x * 2, "y": [a + 1]}
        return state.x * 2

    compiled = torch.compile(f)
    for i in range(5):
        assert compiled(torch.ones(1)) == 2 * (i + 1)
        assert state.x == i + 1 and kept[0]["x"] == 2 * (i + 1) and kept[0]["y"][0] == 2
    state.x = None
    assert compiled(torch.ones(1)) == 2
    _, change = counted(compiled, torch.ones(1))
    assert change["compiled"] == 1


def test_containers_that_are_replaced_and_read():
    kept = [{"n": torch.zeros(1)}]

    def f(a):
        kept[0] = {"n": kept[0]["n"] + a}
        return kept[0]["n"]

    compiled = torch.compile(f)
    assert [compiled(torch.ones(1)).item() for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_gradient_that_is_another_tensor():
    w, x = torch.ones(3, requires_grad=True), torch.tensor([1.0, 2.0, 3.0])

    def f():
        (w * x).sum().backward()
        return w.grad.sum()

    f()
    compiled = torch.compile(f, fullgraph=True)
    assert [compiled().item() for _ in range(2)] == [12, 18]
    for start, totals in ((0.0, [6, 12]), (100.0, [306, 312])):
        w.grad = held = torch.full((3,), start)
        assert [compiled().item() for _ in range(2)] == totals
        assert w.grad is held

    def zeroed():
        w.grad.zero_()
        (w * x).sum().backward()
        return w.grad

    compiled = torch.compile(zeroed, fullgraph=True)
    compiled()
    w.grad = held = torch.full((3,), 7.0)
    assert compiled().tolist() == [1, 2, 3] and w.grad is held and held.tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", [torch.optim.NAdam, torch.optim.RAdam])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True}])
def test_optimizers_that_count(kind, options):
    results = []
    for compiles in (False, True):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 2)
        optimizer = kind(model.parameters(), lr=0.05, **options)

        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = torch.compile(step) if compiles else step
        torch.manual_seed(1)
        results.append([run(torch.randn(4, 3)).item() for _ in range(12)])
        if compiles:
            assert counted(run, torch.randn(4, 3))[1] == {"captured": 0, "compiled": 1, "eager": 0}
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_data_is_written_in_place():
    w = torch.tensor(10.0, requires_grad=True)
    (w**2).backward()

    def step():
        loss = w**2 + 20
        w.grad.zero_()
        loss.backward()
        w.data -= 0.01 * w.grad.data
        return loss

    compiled, expected = torch.compile(step, fullgraph=True), 10.0
    for _ in range(4):
        compiled()
        expected -= 0.02 * expected
        assert w.item() == pytest.approx(expected, rel=1e-6)


def test_results_hold_what_was_before_a_write():
    state, w = torch.zeros(3), torch.ones(3, requires_grad=True)

    def f(x):
        old, part, product = state.clone(), state.clone()[1:], (w * state).sum()
        state.add_(x)
        return old, part, product

    def plain(x, before):
        return before, before[1:], (w * before).sum()

    compiled = torch.compile(f, fullgraph=True)
    for i in range(3):
        for a, b in zip(compiled(torch.ones(3)), plain(None, torch.full((3,), float(i))),
                        strict=True):  # fmt: skip
            torch.testing.assert_close(a, b)
        assert state.tolist() == [i + 1] * 3


def test_versions_that_ask_nothing_are_no_ways():
    class Switch:
        on = True

    @torch.compile
    def f(x):
        y = x * 2
        if Switch.on and y.sum() > 0:
            return y + 1
        return y - 1

    x = torch.ones(3)
    for on, sign in ((True, 1), (False, 1), (True, -1), (False, -1), (True, 1)):
        Switch.on = on
        assert f(x * sign).tolist() == [2.0 * sign + (1 if on and sign > 0 else -1)] * 3
