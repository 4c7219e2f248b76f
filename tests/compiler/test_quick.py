"""The fast path of compiled calls: taken when all is as it was, and only then."""

import _thread
import gc
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from steps import training

import tidu as torch
from tidu.compiler.calls import guards, objects
from tidu.compiler.calls.guards import MISS
from tidu.compiler.machine import native

pytestmark = pytest.mark.skipif(
    not native.available() or objects.layout() is None, reason="needs llvmlite and CPython"
)


@pytest.fixture(params=["versions", "entries"])
def dictionaries(request, monkeypatch):
    """Dictionaries told by their version, and entry by entry, as later interpreters need it."""
    if request.param == "entries":
        at = objects.layout()
        monkeypatch.setattr(at, "version", None)
        guards._functions.cache_clear(), guards._text.cache_clear()
    yield
    if request.param == "entries":
        monkeypatch.undo()
        guards._functions.cache_clear(), guards._text.cache_clear()


OPTIMIZERS = [
    (torch.optim.SGD, {}),
    (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (torch.optim.Adam, {}),
    (torch.optim.AdamW, {"amsgrad": True}),
    (torch.optim.RMSprop, {"momentum": 0.5}),
    (torch.optim.Adagrad, {}),
]


@pytest.mark.parametrize(("optimizer", "options"), OPTIMIZERS)
@pytest.mark.usefixtures("dictionaries")
def test_training_takes_the_short_way(optimizer, options, general):
    (model, _, step), (other, _, plain) = [training(optimizer, **options) for _ in range(2)]
    compiled = torch.compile(step)
    for _ in range(5):
        compiled(), plain()
    before = len(general)
    for _ in range(5):
        assert torch.allclose(compiled(), plain(), rtol=1e-9)
    assert len(general) == before
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-9)
        assert torch.allclose(a.grad, b.grad, rtol=1e-9)


def test_a_gradient_somebody_holds_stays():
    model, _, step = training()
    compiled = torch.compile(step)
    for _ in range(4):
        compiled()
    weight = model[0].weight
    held, copy = weight.grad, weight.grad.clone()
    memory = model[2].weight.grad.numpy()
    kept = memory.copy()
    compiled()
    assert torch.equal(held, copy) and weight.grad is not held
    assert np.array_equal(memory, kept)
    compiled()
    assert torch.equal(held, copy) and np.array_equal(memory, kept)


def test_a_gradient_with_a_hook_or_history_is_not_used_again():
    model, _, step = training()
    compiled = torch.compile(step)
    for _ in range(4):
        compiled()
    weight = model[0].weight
    view = weight.grad[0]
    before = view.clone()
    compiled()
    assert torch.equal(view, before)
    weight.grad.register_hook(lambda g: g) if weight.grad.requires_grad else None
    weight.grad.requires_grad_()
    compiled()
    assert not weight.grad.requires_grad


def test_gradients_set_to_none_outside(general):
    (model, updates, step), (other, updates2, plain) = [training() for _ in range(2)]
    compiled = torch.compile(step)
    for _ in range(6):
        updates.zero_grad(), updates2.zero_grad()
        assert torch.allclose(compiled(), plain(), rtol=1e-9)
    assert len(general) < 4
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-9)


def changes():
    """name -> what somebody does between two calls, to the model and its optimizer."""

    def rate(model, updates):
        updates.param_groups[0]["lr"] *= 0.5

    def data(model, updates):
        model[0].weight.data = torch.ones(4, 3).double()

    def copied(model, updates):
        model.load_state_dict({k: v + 0.5 for k, v in model.state_dict().items()})

    def written(model, updates):
        with torch.no_grad():
            model[2].bias.add_(1)

    def layer(model, updates):
        model[1] = torch.nn.ReLU()

    def parameter(model, updates):
        model[0].bias = torch.nn.Parameter(torch.ones(4).double())

    def frozen(model, updates):
        model[0].weight.requires_grad_(False)
        model[0].weight.grad = None

    def option(model, updates):
        updates.param_groups[0]["weight_decay"] = 0.3

    def hook(model, updates):
        model[0].register_forward_hook(lambda module, given, out: out * 2)

    def transposed(model, updates):
        model[0].weight.data = torch.arange(12.0).double().reshape(3, 4).T

    return [rate, data, copied, written, layer, parameter, frozen, option, hook, transposed]


@pytest.mark.slow
@pytest.mark.parametrize("change", changes(), ids=lambda change: change.__name__)
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.usefixtures("dictionaries")
def test_a_change_is_noticed(change, optimizer):
    (model, updates, step), (other, updates2, plain) = [training(optimizer) for _ in range(2)]
    compiled = torch.compile(step)
    for _ in range(4):
        compiled(), plain()
    change(model, updates), change(other, updates2)
    for _ in range(4):
        assert torch.allclose(compiled(), plain(), rtol=1e-9)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-9)


class Settings:
    factor = 2.0


class Slotted:
    __slots__ = ("factor",)

    def __init__(self):
        self.factor = 2.0


scale = 2.0


@pytest.mark.usefixtures("dictionaries")
def test_names_lists_cells_slots_and_classes(general):
    global scale
    scale, Settings.factor = 2.0, 2.0
    numbers, table, cell, slotted = [2.0, 3.0], {"a": 2.0}, 2.0, Slotted()
    x = torch.ones(3)

    def f():
        return x * scale * numbers[0] * table["a"] * cell * Settings.factor * slotted.factor

    compiled = torch.compile(f)
    for _ in range(3):
        compiled()
    count = len(general)
    assert compiled().tolist() == [64.0] * 3 and len(general) == count
    numbers[0] = 4.0
    assert compiled().tolist() == f().tolist() == [128.0] * 3
    table["a"] = 1.0
    assert compiled().tolist() == f().tolist()
    table["b"] = 1.0
    assert compiled().tolist() == f().tolist()
    numbers.append(1.0)
    assert compiled().tolist() == f().tolist()
    compiled = torch.compile(f)  # one function is compiled eight times at most
    for _ in range(3):
        compiled()
    cell = 5.0
    assert compiled().tolist() == f().tolist()
    Settings.factor = 7.0
    assert compiled().tolist() == f().tolist()
    slotted.factor = 0.5
    assert compiled().tolist() == f().tolist()
    scale = 3.0
    assert compiled().tolist() == f().tolist()


def test_arguments(general):
    compiled = torch.compile(lambda x, n, y: x * n + y)
    a, b = torch.ones(3), torch.arange(3.0)
    for _ in range(3):
        compiled(a, 2, b)
    count = len(general)
    assert compiled(b, 2, a).tolist() == [1.0, 3.0, 5.0] and len(general) == count
    assert compiled(a, 3, b).tolist() == [3.0, 4.0, 5.0]
    assert compiled(a, 2, a).tolist() == [3.0, 3.0, 3.0]
    assert compiled(a.double(), 2, b.double()).dtype == torch.float64
    assert compiled(torch.ones(2, 3), 2, b).shape == (2, 3)
    assert compiled(torch.ones(3, 3).T[0], 2, b).tolist() == [2.0, 3.0, 4.0]
    with pytest.raises(TypeError):
        compiled(a, 2)
    assert compiled(a, n=2, y=b).tolist() == [2.0, 3.0, 4.0]
    assert compiled(5.0, 2, b).tolist() == [10.0, 11.0, 12.0]


def test_modes():
    x = torch.ones(3, requires_grad=True)
    compiled = torch.compile(lambda x: x * 2)
    for _ in range(3):
        assert compiled(x).requires_grad
    with torch.no_grad():
        assert not compiled(x).requires_grad
    with torch.inference_mode():
        assert compiled(x).is_inference()
    assert compiled(x).requires_grad
    torch.func.grad(lambda x: compiled(x).sum())(torch.ones(3))
    full = torch.compile(lambda: torch.full((2,), 1.5))
    for _ in range(3):
        assert full().dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert full().dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_gradients_outside(general):
    w = torch.ones(3, requires_grad=True)
    compiled = torch.compile(lambda x: (x * w).tanh().sum())
    for i in range(5):
        w.grad = None
        loss = compiled(torch.full((3,), 0.1 * i))
        loss.backward()
        wanted = torch.full((3,), 0.1 * i) * (1 - torch.full((3,), 0.1 * i).tanh() ** 2)
        assert torch.allclose(w.grad, wanted, atol=1e-6)
    assert len(general) <= 2


def test_a_write_is_seen_by_graphs_made_before():
    model, _, step = training()
    compiled = torch.compile(step)
    for _ in range(4):
        compiled()
    out = (model[0].weight * torch.ones(4, 3, dtype=torch.float64, requires_grad=True)).sum()
    version = model[0].weight._version
    compiled()
    assert model[0].weight._version > version
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


def test_numbers_of_no_dims_that_are_written():
    """A parameter of no dims, and an optimizer's count of steps."""

    def program():
        w = torch.tensor(10.0, requires_grad=True)
        updates = torch.optim.Adam([w], lr=0.1)

        def step():
            updates.zero_grad()
            loss = w**2 + 20
            loss.backward()
            updates.step()
            return loss

        return w, updates, step

    (w, updates, step), (v, _, plain) = program(), program()
    alias = w.detach()
    compiled = torch.compile(step)
    for _ in range(6):
        assert torch.allclose(compiled(), plain())
    assert torch.allclose(w, v) and torch.equal(alias, w.detach())
    state = updates.state_dict()["state"][0]["step"]
    assert state == 6
    w.data = torch.tensor(3.0)
    v.data = torch.tensor(3.0)
    for _ in range(3):
        assert torch.allclose(compiled(), plain())
    assert torch.allclose(w, v)


@pytest.mark.slow
def test_what_was_compiled_can_be_let_go():
    model, _, step = training()
    compiled = torch.compile(step)
    for _ in range(4):
        compiled()
    gone = weakref.ref(model[0].weight._value)
    torch.compiler.reset()
    del model, step, compiled
    from tidu.compiler.calls import optimized

    optimized._ALL.clear()
    gc.collect()
    assert gone() is None


def test_threads():
    w = torch.ones(64)
    compiled = torch.compile(lambda x: (x * w).tanh() + x)
    given = [torch.full((64,), 0.01 * i) for i in range(8)]
    wanted = [((x * w).tanh() + x).tolist() for x in given]
    compiled(given[0])
    failed = []

    def work(i):
        for _ in range(300):
            if not np.allclose(compiled(given[i]).tolist(), wanted[i], atol=1e-6):
                failed.append(i)

    threads = [threading.Thread(daemon=True, target=work, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failed


@pytest.mark.usefixtures("dictionaries")
def test_gradients_that_are_added_to(general):
    """zero_() on a gradient that stays, and a write through .data."""

    def program():
        w = torch.tensor([3.0, -2.0], requires_grad=True)
        w.grad = torch.ones(2)

        def step():
            loss = (w**2 + 20).sum()
            w.grad.zero_()
            loss.backward()
            w.data -= 0.01 * w.grad.data

        return w, step

    (w, step), (v, plain) = program(), program()
    compiled, grad = torch.compile(step), w.grad
    for i in range(8):
        if i == 5:  # another tensor in its place
            w.grad, v.grad = torch.full((2,), 7.0), torch.full((2,), 7.0)
            grad = w.grad
        compiled(), plain()
        assert torch.allclose(w, v) and torch.allclose(w.grad, v.grad) and w.grad is grad
    assert len(general) <= 4


def test_a_tensor_given_twice_and_then_another():
    x, y = torch.ones(3), torch.full((3,), 5.0)
    f = torch.compile(lambda x, y: x + y)
    for _ in range(3):
        assert f(x, x).tolist() == [2.0] * 3
    assert f(x, y).tolist() == f(y, x).tolist() == [6.0] * 3
    assert f(x, y.double()).dtype is torch.float64
    assert [f(a, a).tolist() for a in (y, x)] == [[10.0] * 3, [2.0] * 3]


def test_a_size_that_comes_again_has_its_short_way_again():
    step = torch.compile(lambda x: (x * 2).sum())
    sizes = [torch.ones(n) for n in range(10, 22)]
    for _ in range(3):
        for x in sizes:
            step(x)
    for x in sizes:
        step(x)
        assert step.short(x) is not MISS
    assert len(step.quick) == 8


def test_a_call_inside_a_call(general):
    """What the garbage collector runs while results are made may call the same function."""
    step, given = torch.compile(lambda x: (x * 2).sum()), torch.ones(3)
    for _ in range(3):
        step(given)
    found, before = [], gc.get_threshold()

    class Calls:
        def __del__(self):
            found.append(float(step(given)))

    def cycle():
        calls = Calls()
        calls.itself = calls

    gc.set_threshold(1)
    try:
        results = []
        for _ in range(200):
            cycle()
            results.append(step(given))
    finally:
        gc.set_threshold(*before)
    assert all(float(r) == 6 for r in results) and set(found) == {6.0}
    assert len({id(r) for r in results}) == 200 == len({id(r._value) for r in results})


@pytest.mark.parametrize("count", [1, 2])
def test_what_a_call_makes_is_freed(count):
    step = torch.compile(lambda x: [(x * 2).sum(), x + 1][-count:])
    given = torch.ones(1000)
    for _ in range(3):
        step(given)
    made = step(given)
    assert type(made[-1]) is torch.Tensor and torch.equal(made[-1], given + 1)
    kept = [weakref.ref(t) for t in made] + [weakref.ref(made[-1]._value)]
    del made
    assert all(r() is None for r in kept)


def test_an_error_in_a_short_call_keeps_nothing():
    w = torch.zeros(4)

    def look(i):
        return w[i].sum() + 1

    step, fine, bad = torch.compile(look), torch.tensor([1, 2]), torch.tensor([1, 9])
    for _ in range(4):
        assert step(fine) == 1
    counted = sys.getrefcount(bad)
    for _ in range(5):
        with pytest.raises(IndexError):
            step(bad)
    assert step(fine) == 1 and sys.getrefcount(bad) == counted


def test_a_thread_may_begin_with_a_short_call():
    w, done = torch.ones(3), threading.Event()

    def step(last):
        w.add_(1)
        return w.sum()

    compiled = torch.compile(step)
    for _ in range(3):
        compiled(None)

    class Then:
        def __init__(self, function):
            self.function = function

        def __call__(self, *args):
            try:
                self.function(*args)
            finally:
                done.set()

    _thread.start_new_thread(Then(compiled), (None,))
    assert done.wait(60)
    _thread.start_new_thread(compiled, (None,))
    for _ in range(1000):
        if float(w[0]) == 6:
            break
        time.sleep(0.01)
    assert float(w[0]) == 6
