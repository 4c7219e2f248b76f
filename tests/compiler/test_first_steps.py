"""What a first step leaves behind that could not be compiled yet: nothing but its results."""

import cProfile
import gc
import pstats
import sys
import types
import weakref

import numpy as np
import pytest

import tidu as torch
from tidu.base.frames import unheard
from tidu.compiler.loops import blocked, library
from tidu.compiler.machine import hearing
from tidu.compiler.recording.breaks import Unplaced
from tidu.compiler.recording.executed import Executed
from tidu.core.native import NATIVE
from tidu.optim.kernels import Arrays


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
def test_a_trial_that_ends_leaves_no_garbage(optimizer, monkeypatch):
    """An optimizer makes its states in its first step, which so is none to compile."""
    made, kept = [], []
    zeros_like = torch.zeros_like

    def noted(*args, **kwargs):
        out = zeros_like(*args, **kwargs)
        made.append(weakref.ref(out))
        return out

    init = Arrays.__init__

    def scratch(self, *args):
        init(self, *args)
        kept.append(weakref.ref(self.spare))

    monkeypatch.setattr("tidu.optim.adam.ops.zeros_like", noted)
    monkeypatch.setattr(Arrays, "__init__", scratch)
    model = torch.nn.Sequential(torch.nn.Linear(64, 96), torch.nn.Tanh(), torch.nn.Linear(96, 3))
    updates = optimizer(model.parameters(), lr=0.01)
    x = torch.ones(5, 64)

    @torch.compile
    def step():
        updates.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        updates.step()
        return loss

    gc.collect()
    gc.disable()
    try:
        step()
        states = {id(v) for s in updates.state.values() for v in s.values()}
        alive = [ref() for ref in made if ref() is not None]
        assert {id(t) for t in alive} <= states
        assert not [ref for ref in kept if ref() is not None]  # scratch of a step done once
        assert np.isfinite(float(step()))
    finally:
        gc.enable()


def test_an_optimizer_that_steps_eagerly_keeps_its_scratch(monkeypatch):
    made = []
    init = Arrays.__init__
    monkeypatch.setattr(Arrays, "__init__", lambda self, *a: made.append(a) or init(self, *a))
    weight = torch.ones(300, requires_grad=True)
    updates = torch.optim.Adam([weight], lr=0.01)
    for _ in range(3):
        weight.grad = torch.ones(300)
        updates.step()
    assert len(made) == 1


@pytest.mark.parametrize("lines", [True, False])
def test_what_the_library_derives_is_not_listened_to(lines):
    """While a program is recorded its calls are noted, not the thousands that make a rule."""

    def inner(x):
        return x + 1

    def outer(x):
        return inner(x)

    rule = lambda: sum(inner(k) for k in range(50))
    derived = unheard(rule)
    with Executed(lines) as unnoted:
        derived()
    with Executed(lines) as heard:
        derived()
        outer(1)
    assert inner.__code__ not in unnoted.codes and inner.__code__ in heard.codes
    assert outer.__code__ in heard.codes and sys.getprofile() is None
    assert heard.names()[0] >= set() and (lines or not heard.calls)
    profile = cProfile.Profile()  # somebody else's hears all
    profile.runcall(unheard(rule))
    assert any("inner" in str(key) for key in pstats.Stats(profile).stats)
    profile.enable()
    alone = sys.getprofile() is not None  # since Python 3.12 a profile and we listen side by side
    with Executed(lines) as deaf:
        outer(1)
    profile.disable()
    assert (deaf.names() == (None, None)) == alone and sys.getprofile() is None


def test_places_are_noted_in_a_run_of_their_own():
    """Where a program changes its surroundings is told by a second trial run, that notes lines."""
    box = {"n": 0}

    def note():
        box["n"] = box["n"] + 1

    @torch.compile
    def f(x):
        y = x * 2
        note()
        return y + 1

    with pytest.warns(UserWarning, match=r"note\(\)|box\["):
        for _ in range(4):
            f(torch.ones(3))
    assert box["n"] == 4
    with Executed(lines=False) as quick:
        note()
    with pytest.raises(Unplaced):
        quick.changing(())


@pytest.mark.parametrize("at_hand", [True, False])
def test_products_of_a_first_step_use_code_that_is_there(at_hand, monkeypatch):
    """NumPy's library takes memory and threads of its own; but nothing is compiled for one step."""
    if not (NATIVE and blocked.serves() and library.available()):
        pytest.skip("products are not loops of our own here")
    monkeypatch.setattr(library, "_at_hand", lambda kind: at_hand)
    asked, kernel = [], library._kernel
    monkeypatch.setattr(library, "_kernel", lambda *key: asked.append(key) or kernel(*key))
    model = torch.nn.Linear(256, 192)
    updates = _with_dampening(model.parameters(), 1e-5)  # its first step is eager
    x = torch.ones(128, 256)

    @torch.compile
    def step():
        updates.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        updates.step()
        return loss

    first = float(step())
    assert bool(asked) == at_hand
    assert float(step()) < first


class _Counter:
    """Counts runs; no trial run undoes that."""

    unwatched = True
    runs = 0

    def add(self):
        self.runs += 1


class _Own(torch.optim.Adam):
    def step(self, closure=None):
        return super().step(closure)


def _hooked(parameters):
    optimizer = torch.optim.Adam(parameters)
    optimizer.register_step_pre_hook(lambda *args: None)
    return optimizer


def _loaded(parameters):
    optimizer = torch.optim.Adam(list(parameters))
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = torch.zeros_like(p)
    optimizer.step()
    return optimizer


class _Plain(torch.optim.Optimizer):
    """A user's, which keeps nothing."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.1})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(p.grad * group["lr"])


def _with_momentum(parameters):
    return torch.optim.SGD(parameters, 0.1, momentum=0.5)


def _with_dampening(parameters, lr=0.1):
    return torch.optim.SGD(parameters, lr, momentum=0.5, dampening=0.5)


# Whose first step is another than those after it, or may be.
ANOTHER_STEP = _Plain, torch.optim.Rprop, _with_dampening


@pytest.mark.parametrize("make", [
    torch.optim.Adam, _Own, _Plain, _hooked, torch.optim.Rprop, torch.optim.Adagrad, _loaded,
    lambda p: torch.optim.SGD(p, 0.1), _with_momentum, _with_dampening, torch.optim.NAdam,
    torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Adamax, torch.optim.Adadelta,
    lambda p: torch.optim.AdamW(p, amsgrad=True),
])  # fmt: skip
def test_how_often_the_function_runs_in_its_first_calls(make):
    """The first step of an optimizer is recorded where it is like those after it; what would be in
    vain is not."""
    models, found, told = [], [], []
    for compiled in (False, True):
        torch.manual_seed(3)
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5))
        updates, count = make(model.parameters()), _Counter()

        def step(x, model=model, updates=updates, count=count):
            count.add()
            updates.zero_grad()
            loss = model(x).square().sum()
            loss.backward()
            updates.step()
            return loss

        call, losses = torch.compile(step) if compiled else step, []
        for _ in range(4):
            losses.append(float(call(torch.ones(2, 3))))
            told.append(count.runs)
        models.append([p.detach().numpy() for p in model.parameters()])
        found.append(losses)
    assert told[4:] == ([1, 2, 2, 2] if make in ANOTHER_STEP else [1, 1, 1, 1])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    for mine, eager in zip(*models, strict=True):
        np.testing.assert_allclose(mine, eager, rtol=1e-5, atol=1e-7)


def test_a_step_that_does_not_come_is_waited_for_once():
    model = torch.nn.Linear(3, 2)
    updates, count, taken = torch.optim.Adam(model.parameters()), _Counter(), [False]

    @torch.compile
    def step(x):
        count.add()
        loss = model(x).sum()
        if taken[0]:
            loss.backward()
            updates.step()
        return loss

    for _ in range(4):
        step(torch.ones(2, 3))
    assert count.runs == 2 and not updates.state
    assert "1 version(s)" in step.explain()


def test_what_leads_to_no_step_is_recorded_at_once():
    """Though it reaches the optimizer, as a method of a class that has both."""

    class Trainer:
        def __init__(self):
            self.model, self.count = torch.nn.Linear(3, 2), _Counter()
            self.updates = torch.optim.Adam(self.model.parameters())

        def train(self, x):
            self.loss(x).backward()
            self.updates.step()

        def loss(self, x):
            self.count.add()
            return self.model(x).sum()

    trainer = Trainer()
    loss = torch.compile(trainer.loss)
    loss(torch.ones(2, 3)), loss(torch.ones(2, 3))
    assert trainer.count.runs == 1
    train = torch.compile(trainer.train)
    train(torch.ones(2, 3))
    assert trainer.count.runs == 2


def test_an_optimizers_step_alone_is_compiled():
    weight = torch.ones(3, requires_grad=True)
    updates = torch.optim.Adam([weight], lr=0.5)
    weight.grad = torch.ones(3)
    step = torch.compile(updates.step)
    for _ in range(3):
        step()
    np.testing.assert_allclose(weight.detach().numpy(), np.full(3, -0.5), rtol=1e-5)
    assert "1 version(s)" in step.explain()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_a_first_step_under_fullgraph_is_no_error(optimizer):
    trained = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model, x = torch.nn.Linear(3, 2), torch.randn(4, 3)
        updates = optimizer(model.parameters(), lr=0.1)

        def step(model=model, x=x, updates=updates):
            updates.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            updates.step()
            return loss

        run = torch.compile(step, fullgraph=True) if compiled else step
        losses = [run().item() for _ in range(4)]
        trained.append([*losses, *[v for p in model.parameters() for v in p.flatten().tolist()]])
    np.testing.assert_allclose(trained[1], trained[0], rtol=1e-5, atol=1e-7)
    assert "1 version(s)" in run.explain()


def test_what_else_stops_a_first_step_under_fullgraph_is_an_error_at_once():
    model = torch.nn.Linear(3, 2)
    updates = torch.optim.Adam(model.parameters())

    @torch.compile(fullgraph=True)
    def step(x):
        loss = model(x).sum()
        loss.backward()
        print(loss.item())
        updates.step()

    with pytest.raises(RuntimeError, match="cannot be compiled as one graph"):
        step(torch.ones(2, 3))
    assert not updates.state and all(p.grad is None for p in model.parameters())


def test_machine_code_hears_what_pythons_profiler_hears(monkeypatch):
    """Generators, comprehensions, methods that the interpreter calls, each code once."""
    if not NATIVE:
        pytest.skip("there is no machine code here")

    class Own:
        def __getitem__(self, i):
            return i + 1

        @property
        def size(self):
            return sum([k * k for k in range(3)])

    def many():
        yield from (k * k for k in range(40))

    def program():
        own = Own()
        return sum(own[i] + own.size for i in many())

    def heard(at_hand):
        monkeypatch.setattr(hearing, "at_hand", lambda: at_hand)
        with Executed(lines=False) as it:
            program()
        assert isinstance(it.profiler, hearing.Hearing) is at_hand
        return {code for code in it.codes if code.co_filename == __file__}

    found = heard(at_hand=True)
    assert {Own.__getitem__.__code__, Own.size.fget.__code__, many.__code__} < found
    assert found == heard(at_hand=False)
    counts = [(heard(at_hand=True), sys.getrefcount(program.__code__))[1] for _ in range(5)]
    assert len(set(counts)) == 1


def test_more_code_than_the_table_has_room_for_is_not_told(monkeypatch):
    if not NATIVE:
        pytest.skip("there is no machine code here")
    monkeypatch.setattr(hearing, "at_hand", lambda: True)
    made = [types.FunctionType(few.__code__.replace(co_name=f"f{k}"), {}) for k in range(9000)]
    with Executed(lines=False) as it:
        for function in made[:400]:
            function()
    assert {f.__code__ for f in made[:400]} <= it.codes and it.names() is not None
    with Executed(lines=False) as it:
        for function in made:
            function()
    assert it.names() == (None, None)


def few():
    return None
