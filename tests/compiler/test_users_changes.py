"""Programs of users of torch.compile in which something is replaced, dropped or repeats memory."""

import copy
import gc
import io
import pickle
import weakref

import pytest
from outcomes import outcome, same

import tidu as torch
from tidu import nn
from tidu.compiler.calls.optimized import counts
from tidu.nn import functional as F
from tidu.nn.utils import parametrize

pytestmark = pytest.mark.filterwarnings("ignore")


def test_gradients_accumulated_and_dropped():
    """A step that adds to gradients that are there, and drops them at the end."""

    def train(wrap):
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step(x, y, i):
            loss = F.cross_entropy(model(x), y) / 2
            loss.backward()
            if i % 2:
                optimizer.step()
                optimizer.zero_grad()
            return loss

        run = wrap(step)
        for i in range(8):
            x, y = torch.randn(5, 4), torch.arange(5) % 3
            loss = run(x, y, i).detach()
            yield loss, [p.grad if p.grad is None else p.grad.clone() for p in model.parameters()]

    same(list(train(torch.compile)), list(train(lambda f: f)))


def test_module_is_mirrored():
    """What is read, set and deleted of a compiled module is the module's."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    compiled = torch.compile(model)
    model.eval()
    assert not compiled.training
    compiled.training = True
    assert model.training
    compiled.extra = nn.Linear(2, 2)
    assert model.extra is compiled.extra
    assert "extra" in dir(compiled)
    del compiled.extra
    assert not hasattr(model, "extra")


def test_forward_replaced():
    model = nn.Linear(2, 2)
    compiled, x = torch.compile(model), torch.ones(3, 2)
    same(model(x), compiled(x))
    model.forward = lambda x: x + 1
    for _ in range(2):
        same(x + 1, compiled(x))
    del model.forward
    same(model(x), compiled(x))


@pytest.mark.parametrize("broken", [False, True])
def test_defaults_and_code_replaced(broken):
    """Also where the function runs in stretches."""
    kept = []

    def f(x, w=2.0, *, b=1.0):
        if broken:
            kept.append(len(kept))
        return x * w + b

    def g(x, w=2.0, *, b=1.0):
        kept.append(broken)
        return x - w - b

    compiled, x = torch.compile(f), torch.arange(3.0)
    for _ in range(3):
        same(f(x), compiled(x))
    f.__defaults__ = (3.0,)
    for _ in range(3):
        same(f(x), compiled(x))
    f.__kwdefaults__["b"] = 4.0
    for _ in range(3):
        same(f(x), compiled(x))
    f.__code__ = g.__code__
    for _ in range(3):
        same(f(x), compiled(x))


def test_writes_to_repeated_memory():
    """Into a tensor that shows elements twice: refused as in eager, or seen everywhere."""
    whole = torch.compile(lambda x: x.add_(1))
    part = torch.compile(lambda x: x[:, 0].add_(1))
    lying = torch.arange(4.0).as_strided((2, 3), (1, 1))
    for _ in range(3):
        given = torch.arange(3.0)[:, None].expand(3, 4)
        assert "single memory location" in outcome(whole, given)[1]
        same(part(given), torch.tensor([1.0, 2.0, 3.0]))
        same(given, torch.tensor([1.0, 2.0, 3.0])[:, None].expand(3, 4))
        expected = outcome(lambda x: x.add_(1), lying.clone().as_strided((2, 3), (1, 1)))
        assert outcome(whole, lying.clone().as_strided((2, 3), (1, 1)))[0] == expected[0]


def test_results_that_look_into_tracked_arguments():
    """They are views: what is written through them is in the argument, and its gradient knows."""

    def f(x):
        return x[1:], x.view(2, 2), x.unbind(0)

    def written(run, part):
        x = torch.arange(4.0, requires_grad=True)
        y = x * 1
        results = run(y)
        part(results).mul_(10)
        y.sum().backward()
        return y, x.grad, results[1], results[0]._base is y

    compiled = torch.compile(f)
    for _ in range(3):
        for part in (lambda r: r[0], lambda r: r[1][0]):
            same(written(compiled, part), written(f, part))
        for run in (compiled, f):
            error = outcome(written, run, lambda r: r[2][3])
            assert "the output of a function that returns multiple views" in error[1]
        leaf = torch.arange(4.0, requires_grad=True)
        assert outcome(compiled(leaf)[0].add_, 1) == outcome(f(leaf)[0].add_, 1)
        plain = torch.arange(4.0)
        compiled(plain)[0].mul_(torch.ones(3, requires_grad=True))
        assert plain.requires_grad


def test_arguments_are_not_kept():
    for tracked in (False, True):
        compiled = torch.compile(lambda x: x * 2)
        x = torch.ones(3, requires_grad=tracked)
        seen = weakref.ref(x), weakref.ref(x._array())
        for _ in range(3):
            compiled(x)
        del x
        gc.collect()
        assert [s() for s in seen] == [None, None]


def test_inference_mode_inside_and_outside():
    def f(x):
        with torch.inference_mode():
            inside = x * 3
        with torch.enable_grad():
            return inside, x * 4, x + 1

    compiled, x = torch.compile(f), torch.ones(2, requires_grad=True)
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        for _ in range(2):
            with mode():
                ours, theirs = compiled(x), f(x)
            same(ours, theirs)
            assert [t.is_inference() for t in ours] == [t.is_inference() for t in theirs]
    twice = torch.compile(lambda x: x * 2)
    before = counts()
    with torch.inference_mode():
        for _ in range(3):
            assert twice(x).is_inference()
    assert counts()["compiled"] >= before["compiled"] + 2


def test_classes_and_modes_that_say_what_functions_do():
    class Plus(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            result = super().__torch_function__(func, types, args, kwargs or {})
            return result + 1 if func is torch.Tensor.mul else result

    class Names(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            names.append(func.__name__)
            return func(*args, **(kwargs or {}))

    compiled, x, names = torch.compile(lambda x: x * 2), torch.ones(2), []
    for _ in range(3):
        same(compiled(x), x * 2)
    for _ in range(2):
        found = compiled(x.as_subclass(Plus))
        assert type(found) is Plus
        assert found.tolist() == [3.0, 3.0]
        with Names():
            compiled(x)
    assert names == ["mul", "mul"]
    assert type(torch.compile(lambda x: type(x))(x)) is type
    kind = torch.compile(lambda x: (type(x).__name__, x + 1))
    given = torch.ones(2, requires_grad=True), nn.Parameter(torch.ones(2))
    assert [kind(t)[0] for t in (*given, *given)] == ["Tensor", "Parameter"] * 2


def test_compiled_modules_are_saved():
    """Pickled, copied and saved whole: what comes back is compiled anew; eager backends have the
    same names."""
    model, x = nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.randn(4, 3)
    for options in ({}, {"backend": "eager"}):
        compiled = torch.compile(model, **options)
        expected, names = compiled(x), list(compiled.state_dict())
        assert names == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
        file = io.BytesIO()
        torch.save(compiled, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=False)
        for other in (loaded, pickle.loads(pickle.dumps(compiled)), copy.deepcopy(compiled)):
            assert list(other.state_dict()) == names
            same(other(x), expected)
            other._orig_mod[0].weight.data.zero_()
            assert not other(x).equal(expected)
            same(compiled(x), expected)
        assert isinstance(compiled.explain(), str)


def test_too_little_memory():
    """The error is eager's, in the first call and in later ones, and the function goes on."""
    f = lambda x, n: x.expand(n, -1) * 2 + 1
    compiled, x = torch.compile(f), torch.ones(1, 2**20)
    for _ in range(3):
        given = x, 2**30
        assert outcome(compiled, *given) == outcome(f, *given)
        same(compiled(torch.ones(1, 3), 2), f(torch.ones(1, 3), 2))


def test_results_that_look_into_results():
    def f(x):
        y = x * 2
        part = y[1:]
        return part, y, y.view(2, 2), part, y.detach()

    compiled = torch.compile(f)
    for tracked in (False, True):
        for _ in range(3):
            found = []
            for run in (compiled, f):
                x = torch.arange(4.0, requires_grad=tracked)
                results = run(x)
                results[0].mul_(10)
                if tracked:
                    results[1].sum().backward()
                links = [r._base is results[1] for r in results[:4]]
                found.append((results, links, results[3] is results[0], x.grad))
            same(*found)


@pytest.mark.parametrize("function", [
    lambda p, x: torch.ones(3, requires_grad=True), lambda p, x: (x * 2).requires_grad_(),
    lambda p, x: (p * 2).detach().requires_grad_(), lambda p, x: copy.deepcopy(p),
    lambda p, x: torch.nn.Parameter(x * 2),
])  # fmt: skip
def test_a_leaf_that_is_made_inside_is_one_outside(function):
    p = torch.ones(3, requires_grad=True)
    compiled = torch.compile(function)
    for _ in range(3):
        leaf = compiled(p, torch.arange(3.0))
        expected = function(p, torch.arange(3.0))
        assert torch.equal(leaf, expected) and type(leaf) is type(expected)
        assert leaf.is_leaf and leaf.requires_grad
        (leaf * 3).sum().backward()
        assert leaf.grad.tolist() == [3, 3, 3] and p.grad is None


def test_a_copy_made_inside_is_a_leaf_of_its_own():
    p = torch.ones(3, requires_grad=True)
    squares = torch.compile(lambda x: (copy.deepcopy(p) * x).sum(), fullgraph=True)
    for _ in range(2):
        assert float(squares(torch.arange(3.0)).detach()) == 3
    assert p.grad is None


def test_modules_compiled_in_place_are_saved():
    """`module.compile()` is of this module: copies and saved ones run as they were written."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    x = torch.randn(4, 2)
    expected = model(x)
    model.compile()
    model[0].compile()
    same(expected, model(x))
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    for other in (loaded, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        same(expected, other(x))
        assert "forward" not in vars(other)
    with torch.no_grad():
        model[0].weight.zero_()
    same(expected, loaded(x))
    model.forward = lambda x: x  # the program's own stays
    assert torch.equal(copy.copy(model)(x), x)


class _Counting(nn.Module):
    """A parametrization that says how often it was computed."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.count.add_(1)
        return x * self.count


def test_parametrizations_are_cached():
    """Inside `parametrize.cached()` a parametrized weight is computed once, compiled or not."""

    def results(wrap):
        torch.manual_seed(0)
        model = nn.Linear(2, 2)
        parametrize.register_parametrization(model, "weight", _Counting(), unsafe=True)
        (counting,), call = model.parametrizations.weight, wrap(model)
        square = wrap(lambda x: model(x) * model(x))
        for i in range(6):
            x = torch.ones(1, 2) * i
            yield call(x).detach(), counting.count.clone()
            with parametrize.cached():
                (call(x) + call(x) * square(x)).sum().backward()
                yield square(x).detach(), counting.count.clone()
            yield model.parametrizations.weight.original.grad.clone()

    same(list(results(torch.compile)), list(results(lambda f: f)))


def test_parametrizations_are_cached_at_the_first_call():
    model = nn.Linear(2, 2)
    parametrize.register_parametrization(model, "weight", _Counting(), unsafe=True)
    call, x = torch.compile(lambda x: model(x) + model(x)), torch.ones(1, 2)
    with parametrize.cached():
        found = [call(x).detach() for _ in range(4)]
        same(found, [(model(x) * 2).detach()] * 4)
    (counting,) = model.parametrizations.weight
    assert counting.count == 1
