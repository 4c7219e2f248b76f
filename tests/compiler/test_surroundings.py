"""compile(): what a trial run must not lose; each of these gave wrong numbers once."""

import collections
import copy
import random
import signal
import threading
import time
import types
import warnings

import numpy as np
import pytest

import tidu as torch


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))


def same_as_eager(function, *made, calls=4):
    """Calls with fresh arguments give what they give eagerly, and leave the arguments alike."""
    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(calls):
            ours, theirs = [m() for m in made], [m() for m in made]
            torch.testing.assert_close(compiled(*ours), function(*theirs))
            torch.testing.assert_close(ours, theirs)
            for a, b in zip(ours, theirs, strict=True):
                assert getattr(a, "requires_grad", None) == getattr(b, "requires_grad", None)


def ones():
    return torch.ones(2, 2)


def leaf():
    return torch.ones(2, 2, requires_grad=True)


def through_data(x):
    x.data.add_(1)
    return x * 2


def through_detach(x):
    y = x * 1
    y.detach().add_(1)
    z = y.view(-1)
    z.detach()[0] = 7
    return y, z


def read_through_detach(x):
    y = x * 1
    z = y.detach()
    y.add_(1)
    return z + 0


def parameter_of(x):
    p = torch.nn.Parameter(x)
    p.data.add_(1)
    return x + 0, p + 0


def memory_made_inside(x):
    z = torch.zeros(2, 2)
    d = z.detach()
    z.add_(x)
    return z, d + 0


def constant_written_later(x):
    z = torch.zeros(2, 2)
    before = x + z
    z.add_(1)
    after = x + z
    z.mul_(10)
    return before, after, z


def other_memory(x):
    x.data = torch.zeros(3, 2)
    return x + 0


def write_in_no_grad(x):
    with torch.no_grad():
        x.add_(1)
    return x * 1


def gradient_through_detach(x):
    x.grad = None
    x.square().sum().backward()
    x.grad.detach().mul_(2)
    return x.grad.clone()


@pytest.mark.parametrize(
    "function", [through_detach, read_through_detach, memory_made_inside, constant_written_later,
                 parameter_of, other_memory])  # fmt: skip
def test_aliases_of_plain_tensors(function):
    same_as_eager(function, ones)


@pytest.mark.parametrize("function", [through_data, write_in_no_grad, gradient_through_detach])
def test_aliases_of_leaves(function):
    same_as_eager(function, ones if function is through_data else leaf)
    same_as_eager(function, leaf)


def test_clipped_gradients_are_those_the_optimizer_uses():
    def weights(compiled):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        torch.manual_seed(1)
        x = torch.randn(8, 10)

        def step():
            optimizer.zero_grad()
            model(x).square().sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            torch.nn.utils.clip_grad_value_(model.parameters(), 0.1)
            optimizer.step()

        run = torch.compile(step) if compiled else step
        for _ in range(5):
            run()
        return list(model.parameters())

    torch.testing.assert_close(weights(True), weights(False))


def test_histories_that_change_run_eagerly():
    @torch.compile
    def scaled(x, w):
        x.mul_(w)
        return x * 1

    @torch.compile
    def marked(x):
        x.requires_grad_()
        return (x * 2).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            x, w = torch.ones(2), torch.full((2,), 3.0, requires_grad=True)
            scaled(x, w)
            x.sum().backward()
            assert w.grad.tolist() == [1, 1]
            x = torch.ones(2)
            marked(x).backward()
            assert x.grad.tolist() == [2, 2]


class Slots:
    __slots__ = ("k", "t")

    def __init__(self):
        self.k, self.t = 0, torch.zeros(2)


class Options:
    scale = 2


def test_what_a_function_changes_around_it():
    holder, seen, kept, named = Slots(), set(), collections.deque(maxlen=2), {}

    def function(x, names, values):
        holder.k += 1
        holder.t = holder.t + x
        seen.add(len(seen))
        kept.append(x.sum())
        names["n"] = names.get("n", 0) + x * 2
        values.append(values[0] + 1)
        function.calls = getattr(function, "calls", 0) + 1
        return x * holder.k + holder.t * len(seen) * function.calls

    f = torch.compile(function)
    values = [torch.ones(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [f(torch.ones(2), named, values)[0].item() for _ in range(4)]
    assert found == [2, 10, 30, 68]
    assert (holder.k, seen, len(values), function.calls) == (4, {0, 1, 2, 3}, 5, 4)
    assert [k.item() for k in kept] == [2, 2]
    assert named["n"].tolist() == [8, 8]


def test_what_a_function_reads_around_it(monkeypatch):
    module = types.ModuleType("settings")
    module.factor = 1
    monkeypatch.setitem(globals(), "settings", module)
    holder = Slots()
    f = torch.compile(lambda x: x * settings.factor * Options.scale + holder.k)  # noqa: F821
    assert f(torch.ones(1)).item() == 2
    module.factor = 3
    assert f(torch.ones(1)).item() == 6
    monkeypatch.setattr(Options, "scale", 5)
    assert f(torch.ones(1)).item() == 15
    holder.k = 1
    assert f(torch.ones(1)).item() == 16


def test_what_is_new_at_every_call():
    numbers = iter(range(9))
    functions = {
        "clock": lambda x: x.double() * time.perf_counter(),
        "iterator": lambda x: x * next(numbers),
        "random": lambda x: x * random.random(),
        "numpy": lambda x: x * float(np.random.rand()),
    }
    for name, function in functions.items():
        f = torch.compile(function)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert len({f(torch.ones(1)).item() for _ in range(3)}) == 3, name


def test_printing_happens_at_every_call(capsys):
    @torch.compile
    def f(x):
        y = x + 1
        print("y", y)
        return y, f"{y}"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        texts = [f(torch.full((1,), float(i)))[1] for i in range(3)]
    assert texts == ["tensor([1.])", "tensor([2.])", "tensor([3.])"]
    assert capsys.readouterr().out == "".join(f"y {text}\n" for text in texts)


def test_results_that_are_no_containers():
    functions = [
        lambda x: types.SimpleNamespace(found=x * 2),
        lambda x: lambda: x * 2,
        lambda x: {"found": x * 2}.items(),
    ]
    readers = [lambda r: r.found, lambda r: r(), lambda r: next(iter(r))[1]]
    for function, read in zip(functions, readers, strict=True):
        f = torch.compile(function)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert [read(f(torch.full((1,), float(i)))).item() for i in range(3)] == [0, 2, 4]


def test_a_result_given_twice_is_one_tensor():
    f = torch.compile(lambda x: (lambda y: (y, [y], y + 1))(x * 2))
    x = torch.ones(2, requires_grad=True)
    for _ in range(2):
        a, (b,), c = f(x)
        assert a is b
        x.grad = None
        (a + b + c).sum().backward()
        assert x.grad.tolist() == [6, 6]


def test_switches_that_stay():
    @torch.compile
    def f(x):
        torch.set_grad_enabled(False)
        return x * 2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            try:
                f(torch.ones(1, requires_grad=True))
                assert not torch.is_grad_enabled()
            finally:
                torch.set_grad_enabled(True)


def test_constants_are_told_apart_as_they_are():
    class Alike:
        def __init__(self, k):
            self.k = k

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

    f = torch.compile(lambda x, k: x * k)
    assert [str(f(torch.ones(1), k)) for k in (0.0, -0.0)] == ["tensor([0.])", "tensor([-0.])"]
    g = torch.compile(lambda x, a: x * a.k)
    assert [g(torch.ones(1), Alike(k)).item() for k in (1, 2, 3)] == [1, 2, 3]


def test_threads_wait_for_a_trial_run():
    model = network()
    f = torch.compile(model)
    found, failed = [], []

    def work(count):
        try:
            for _ in range(5):
                with torch.no_grad():
                    found.append(f(torch.ones(count, 10)).shape)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(daemon=True, target=work, args=(i % 4 + 1,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    assert len(found) == 40


@pytest.mark.parametrize(
    "function", [lambda x: x.detach(), lambda x: x.t().detach()[0], lambda x: x.add_(1)[0],
                 lambda x: (x[0], x.mul_(2))[0], lambda x: x.data.view(-1)])  # fmt: skip
def test_results_that_are_the_arguments_memory(function):
    compiled = torch.compile(function)
    for _ in range(3):
        ours, theirs = torch.arange(4.0).reshape(2, 2), torch.arange(4.0).reshape(2, 2)
        a, b = compiled(ours), function(theirs)
        ours.add_(100)
        theirs.add_(100)
        assert a.tolist() == b.tolist()
        a.mul_(0)
        b.mul_(0)
        assert ours.tolist() == theirs.tolist()


def test_a_compiled_module_is_copied():
    module = torch.compile(network())
    x = torch.ones(1, 10)
    before = module(x)
    other = copy.deepcopy(module)
    assert other(x).item() == before.item()
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert (other(x).item(), module(x).item()) == (0, before.item())


@pytest.mark.filterwarnings("ignore:.*turned tensor")
@pytest.mark.parametrize("view", [
    lambda x: x.t(), lambda x: (x * 2).t() + 1, lambda x: x.t().clone(),
    lambda x: x.t().contiguous(), lambda x: x.t().reshape(3, 2, 1),
    lambda x: x.t().reshape(2, 3), lambda x: x.t() @ x,
    lambda x: x[:, ::2], lambda x: x, lambda x: x.expand(2, 2, 3),
])  # fmt: skip
def test_draws_along_memory(view):
    """A mask is drawn in the order of the memory it covers, which a graph does not know."""
    x = torch.arange(6.0).reshape(2, 3)
    for draw in (torch.nn.Dropout(0.5), torch.rand_like, torch.randn_like):
        f = lambda x, draw=draw: draw(view(x))
        compiled = torch.compile(f)
        for _ in range(3):
            torch.manual_seed(3)
            wanted = f(x)
            torch.manual_seed(3)
            assert torch.equal(compiled(x), wanted)


@pytest.mark.filterwarnings("ignore:.*memory that two of its tensors share")
@pytest.mark.parametrize("part", [lambda t: t[:], lambda t: t.view(2, 2).mT.reshape(-1)[:4], None])
@pytest.mark.parametrize("order", [lambda t: t, lambda t: t.mT])
def test_an_argument_in_memory_that_is_written(part, order):
    """Also where earlier calls were given memory of its own."""

    def results(compiled):
        state = order(torch.zeros(4, 4))

        def writes(x):
            state[1:].add_(1)
            return x * 2

        def is_written(x):
            x[1:].add_(1)
            return state * 2

        found = []
        for function in (writes, is_written):
            run = torch.compile(function) if compiled else function
            found += [run(torch.ones(4)).tolist() for _ in range(3)]
            row = state[2]
            shared = row if part is None else part(row)
            found += [run(shared).tolist() for _ in range(2)]
            found += [run(torch.ones(4)).tolist(), state.tolist()]
        return found

    assert results(True) == results(False)


@pytest.mark.filterwarnings("ignore:.*memory that two of its tensors share")
def test_two_arguments_share_memory_that_does_not_lie_in_order():
    def function(x, y):
        y[:1].add_(1)
        return y * x[0]

    compiled = torch.compile(function)
    for _ in range(3):
        apart = torch.ones(3, 3), torch.ones(3, 3).T[0]
        assert compiled(*apart).tolist() == function(torch.ones(3, 3), torch.ones(3)).tolist()
    found = []
    for run in (compiled, function):
        base = torch.arange(9.0).reshape(3, 3)
        found.append(run(base.T, base.T[0]).tolist())
    assert found[0] == found[1]


def test_a_set_that_a_module_holds_is_watched():
    class Chosen(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.kinds = {"doubled", "other"}

        def forward(self, x):
            return x * 2 if "doubled" in self.kinds else x

    model = Chosen()
    compiled = torch.compile(model, fullgraph=True)
    assert compiled(torch.ones(2)).tolist() == [2, 2]
    model.kinds.discard("doubled")
    assert compiled(torch.ones(2)).tolist() == [1, 1]


class Stop(BaseException):
    pass


@pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
@pytest.mark.parametrize("ending", [Stop, SystemExit, KeyboardInterrupt])
def test_what_was_done_before_a_function_ends_the_program_is_done(ending, capsys):
    done, total = [], torch.zeros(1)

    def f(x):
        done.append(len(done))
        total.add_(x)
        if len(done) % 3 == 2:
            print("ends")
            raise ending("here")
        return x + total

    compiled = torch.compile(f)
    for k in range(1, 8):
        if k % 3 == 2:
            with pytest.raises(ending, match="here"):
                compiled(torch.ones(1))
            assert capsys.readouterr().out == "ends\n"
        else:
            assert compiled(torch.ones(1)).item() == k + 1
        assert (len(done), total.item()) == (k, k)


@pytest.mark.parametrize("own", [False, True], ids=["Ctrl-C", "a handler"])
def test_an_interrupt_stops_a_recording_at_once(own):
    def handler(number, frame):
        raise Stop

    calls = []

    @torch.compile
    def f(x):
        calls.append(1)
        signal.raise_signal(signal.SIGINT)
        return x + 1

    before = signal.signal(signal.SIGINT, handler if own else signal.default_int_handler)
    try:
        with pytest.raises(Stop if own else KeyboardInterrupt):
            f(torch.ones(1))
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == []  # as before the call, which was not begun again


@pytest.mark.parametrize("kind", [TimeoutError, RuntimeError, IndexError])
@pytest.mark.parametrize("how", ["plain", "numbers", "a value", "a first step"])
def test_errors_of_handlers_are_no_reason_to_run_eagerly(kind, how):
    """Such as a time limit's."""

    class Limit:
        def __call__(self, number, frame):
            raise kind("too late")

    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.Adam([weight])
    late = [True]

    @torch.compile
    def f(x, rate):
        y = x * rate
        if how == "a value" and y > 0:
            y = y + 1
        if how == "a first step":
            optimizer.zero_grad()
            (y * weight).sum().backward()
            optimizer.step()
        if late:
            signal.raise_signal(signal.SIGUSR1)
        return y

    before = signal.signal(signal.SIGUSR1, Limit())
    try:
        with pytest.raises(kind, match="too late"):
            f(torch.ones(1), 0.5 if how == "numbers" else 1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    late.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weight.item() == 1


def test_what_ends_a_recording_alone_is_raised_behind_the_call():
    calls = []

    @torch.compile
    def f(x):
        calls.append(1)
        if torch.compiler.is_compiling():
            raise Stop
        return x

    with pytest.raises(Stop):
        f(torch.ones(1))
    assert calls == [1]
