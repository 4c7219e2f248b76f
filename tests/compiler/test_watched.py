"""compile(): whatever a function reads of Python may be another thing at the next call.

Each case is a program of calls and of changes between them, which yields its results: compiled they
are those of the program as it is. Calls come in threes: recorded, compiled, and the short way.
"""

import array
import builtins
import collections
import contextvars
import functools
import os
import random
import sys
import types
import weakref

import numpy as np
import pytest

import tidu as torch
import tidu.nn.functional as F
from tidu.compiler.calls.optimized import counts
from tidu.utils.checkpoint import checkpoint

CASES = []
X = torch.arange(6.0).reshape(2, 3)


def case(program):
    CASES.append(program)
    return program


def thrice(f, *args):
    return [f(*args) for _ in range(3)]


class Thing:
    """Has whatever attributes a case gives it."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


@case
def sign_of_zero(wrap):
    thing, listed, table, variable = Thing(c=0.0), [0.0], {"a": 0.0}, 0.0

    def f(x):
        read = thing.c, listed[0], table["a"], variable, Thing.zero
        return [torch.copysign(x, torch.tensor(c)) for c in read]

    Thing.zero = 0.0
    f = wrap(f)
    yield thrice(f, X)
    thing.c = -0.0
    yield thrice(f, X)
    listed[0] = table["a"] = -0.0
    yield thrice(f, X)
    variable = -0.0
    yield thrice(f, X)
    Thing.zero = -0.0
    yield thrice(f, X)
    del Thing.zero


@case
def sign_of_zero_in_slots(wrap):
    class Slots:
        __slots__ = ("c",)

    slots = Slots()
    slots.c = complex(0.0, 0.0)
    f = wrap(lambda x: torch.full((2,), slots.c))
    yield thrice(f, X)
    slots.c = complex(-0.0, 0.0)
    yield thrice(f, X)


@case
def kinds_and_order_of_keys(wrap):
    table = {1: 2.0, 2: 3.0}
    f = wrap(
        lambda x: functools.reduce(lambda a, k: a * 2 + (type(k) is bool) + table[k], table, x)
    )
    yield thrice(f, X)
    table[1] = table.pop(1)
    yield thrice(f, X)
    del table[1]
    table[True] = 2.0
    yield thrice(f, X)


@case
def classes_of_objects(wrap):
    class One:
        k = 2.0

        def go(self, x):
            return x * self.k

    class Other:
        k = 5.0

        def go(self, x):
            return x + self.k

    thing = One()
    f = wrap(lambda x: thing.go(x))
    yield thrice(f, X)
    thing.__class__ = Other
    yield thrice(f, X)


@case
def classes_that_inherit_otherwise(wrap):
    class Two:
        def go(self, x):
            return x * 2

    class Three:
        def go(self, x):
            return x * 3

    class Thing(Two):
        pass

    thing = Thing()
    f = wrap(lambda x: thing.go(x))
    yield thrice(f, X)
    Thing.__bases__ = (Three,)
    yield thrice(f, X)
    Thing.go = lambda self, x: x * 7
    yield thrice(f, X)
    del Thing.go
    yield thrice(f, X)


@case
def variables_without_a_value(wrap):
    def f(x):
        try:
            return x * k
        except NameError:
            return x - 1

    f = wrap(f)
    yield thrice(f, X)
    k = 3.0
    yield thrice(f, X)
    del k
    yield thrice(f, X)


@case
def globals_that_come_and_go(wrap):
    def f(x):
        try:
            return x * comes_later * max(1, 2)
        except NameError:
            return x - max(1, 2)

    f, space, was = wrap(f), globals(), builtins.max
    yield thrice(f, X)
    space["comes_later"] = 3.0
    yield thrice(f, X)
    space["max"] = lambda *numbers: 9
    yield thrice(f, X)
    del space["comes_later"], space["max"]
    yield thrice(f, X)
    builtins.max = lambda *args, **kwargs: 7 if args == (1, 2) else was(*args, **kwargs)
    try:
        yield thrice(f, X)
    finally:
        builtins.max = was


@case
def partial_functions(wrap):
    w, options = torch.ones(3, requires_grad=True), [2.0]
    g = functools.partial(lambda w, options, x, k: x * w * options[0] * k, w, options, k=1.0)
    f = wrap(lambda x: g(x))
    yield thrice(f, X)
    with torch.no_grad():
        w.mul_(3)
    yield thrice(f, X)
    options[0] = 5.0
    yield thrice(f, X)
    g.keywords["k"] = 4.0
    yield thrice(f, X)
    f(X).sum().backward()
    yield w.grad


@case
def what_methods_are_bound_to(wrap):
    table, losses = {"k": 2.0}, []
    get, keep, shown = table.get, losses.append, types.MappingProxyType(table)

    def f(x):
        keep((x * shown["k"]).sum())
        return x * get("k")

    f = wrap(f)
    yield thrice(f, X)
    table["k"] = 3.0
    yield thrice(f, X)
    yield losses


@case
def sets_whose_members_are_equal(wrap):
    class Equal:
        def __init__(self, k):
            self.k = k

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

    members = {Equal(1.0)}
    f = wrap(lambda x: x * next(iter(members)).k)
    yield thrice(f, X)
    members.clear()
    members.add(Equal(5.0))
    yield thrice(f, X)


@case
def arrays_of_numpy(wrap):
    thing = Thing(a=np.array([1.0, 2.0, 3.0], np.float32), places=np.array([0, 1]))
    f = wrap(lambda x: x[thing.places] * float(thing.a.flat[0]) * thing.a.shape[0])
    yield thrice(f, X)
    thing.a.flat[0] = 50
    yield thrice(f, X)
    thing.places[0] = 1
    yield thrice(f, X)
    thing.a.shape = 1, 3
    yield thrice(f, X)


@case
def other_memory(wrap):
    data, numbers = bytearray(b"ab"), array.array("d", [1.0, 2.0])
    f = wrap(lambda x: x * data[0] + numbers[1])
    yield thrice(f, X)
    data[0] = 1
    yield thrice(f, X)
    numbers[1] = 7.0
    yield thrice(f, X)


@case
def arrays_that_are_written(wrap):
    small, large, data = np.zeros(3), np.zeros(100_000), bytearray(2)

    def f(x):
        small[0] += 1
        return x * 2

    def g(x):
        large[0] += 1
        return x * 2

    def h(x):
        data[0] += 1
        return x * 2

    yield [thrice(wrap(each), X) for each in (f, g, h)]
    yield small.tolist(), large[0].item(), bytes(data)
    large[1] = 1  # may be written again


@case
def functions_that_keep_results(wrap):
    @functools.lru_cache
    def mask(n):
        return torch.ones(n) * k

    @functools.lru_cache(None)
    def number(n):
        return n * k

    k = 2.0
    f = wrap(lambda x: x * mask(3) + number(3))
    yield thrice(f, X)
    mask(3).mul_(2)
    yield thrice(f, X)
    k = 3.0
    yield thrice(f, X)
    number.cache_clear()
    yield thrice(f, X)
    mask.cache_clear()
    yield thrice(f, X)
    yield mask(3)


@case
def modules_that_no_global_names(wrap):
    module = types.ModuleType("a_module_of_the_user")
    module.k, module.go = 2.0, lambda x: x * 2
    sys.modules[module.__name__] = module

    def imports(x):
        import a_module_of_the_user as known
        from a_module_of_the_user import k

        return x * known.k + k

    f, g = wrap(lambda x: module.go(x) * module.k), wrap(imports)
    yield thrice(f, X), thrice(g, X)
    module.k = 3.0
    yield thrice(f, X), thrice(g, X)
    module.go = lambda x: x
    yield thrice(f, X)
    del sys.modules[module.__name__]


@case
def functions_of_the_library_replaced(wrap):
    f, (relu, flat) = wrap(lambda x: F.relu(x) + torch.relu(x)), (F.relu, torch.relu)
    yield thrice(f, X)
    F.relu = lambda x: x * 3
    yield thrice(f, X)
    torch.relu = lambda x: x * 5
    yield thrice(f, X)
    F.relu, torch.relu = relu, flat
    yield thrice(f, X)


@case
def the_environment_and_contexts(wrap):
    variable = contextvars.ContextVar("variable", default=2.0)
    thing = Thing(k=2.0)
    known = weakref.ref(thing)
    f = wrap(lambda x: x * variable.get() + known().k + float(os.environ.get("TIDU_A_TEST", "2")))
    yield thrice(f, X)
    variable.set(3.0)
    yield thrice(f, X)
    thing.k = 5.0
    yield thrice(f, X)
    os.environ["TIDU_A_TEST"] = "7"
    yield thrice(f, X)
    del os.environ["TIDU_A_TEST"]


@case
def settings_of_the_process(wrap):
    def f(x):
        y = x * 2 if torch.are_deterministic_algorithms_enabled() else x
        y = y + torch.get_num_threads() + torch.get_deterministic_debug_mode()
        return y * (3 if torch.get_float32_matmul_precision() == "highest" else 5)

    f, threads = wrap(f), torch.get_num_threads()
    yield thrice(f, X)
    torch.use_deterministic_algorithms(True)
    yield thrice(f, X)
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(1)
    yield thrice(f, X)
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium")
    yield thrice(f, X)
    torch.set_float32_matmul_precision("highest")
    yield thrice(f, X)


@case
def seeds_and_states_that_are_read(wrap):
    own = torch.Generator().manual_seed(3)
    f = wrap(lambda x: x + own.initial_seed() + torch.initial_seed())
    g = wrap(lambda x: x + torch.get_rng_state()[:700].sum())
    torch.manual_seed(0)
    yield thrice(f, X), thrice(g, X)
    torch.manual_seed(5)
    yield thrice(f, X), thrice(g, X)
    own.manual_seed(4)
    yield thrice(f, X)


@case
def random_sources_of_others(wrap):
    ours, old = np.random.default_rng(0), np.random.RandomState(0)
    plain = random.Random(3)
    draw = plain.random
    yield thrice(wrap(lambda x: x * ours.random()), X)
    yield thrice(wrap(lambda x: x * old.rand()), X)
    yield thrice(wrap(lambda x: x * plain.random()), X)
    yield thrice(wrap(lambda x: x * draw()), X)


@case
def an_argument_that_is_reached_otherwise(wrap):
    w, other = torch.ones(3), torch.ones(3)

    def f(a):
        w.add_(1)
        return a * 2 + w, a is w

    f = wrap(f)
    yield thrice(f, other)
    yield thrice(f, w), w
    yield thrice(f, other), w
    f = wrap(lambda a: (a * w, a is w))
    yield thrice(f, w), w
    yield thrice(f, other), thrice(f, w)


@case
def the_class_of_a_tensor(wrap):
    class Own(torch.Tensor):
        pass

    w = torch.ones(3)
    f = wrap(lambda x: x * (2 if type(w) is torch.Tensor else 3))
    yield [torch.Tensor(t) for t in thrice(f, X)]
    w.__class__ = Own
    yield [torch.Tensor(t) for t in thrice(f, X)]


@case
def attributes_of_tensors(wrap):
    w = torch.ones(3)
    w.tag = 2.0
    f = wrap(lambda x: x * w * w.tag)
    yield thrice(f, X)
    w.tag = 3.0
    yield thrice(f, X)


def told(value):
    """A result to be compared: numbers to four digits, with their signs."""
    if isinstance(value, torch.Tensor):
        return [f"{n:.4g}" for n in value.detach().numpy().ravel().tolist()], value.requires_grad
    if isinstance(value, (list, tuple)):
        return [told(each) for each in value]
    return repr(value)


def steps(program, wrap):
    return [told(each) for each in program(wrap)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", CASES, ids=lambda program: program.__name__)
def test_what_has_changed_is_seen(program):
    assert steps(program, torch.compile) == steps(program, lambda f: f)


class Counting:
    wholly_apart = 0

    def __init__(self):
        self.k, self.calls_of_it = (2.0, 3), 0


class Slotted:
    __slots__ = ("k", "wholly_apart")


def test_what_does_not_matter_compiles_nothing_again():
    """Counters that others advance, and equal things in the place of equal ones."""
    counting, slotted, table, ones = Counting(), Slotted(), {"a": 1.0}, {1.5, 2.5}
    slotted.k, slotted.wholly_apart = float("nan"), 0
    shape, rates = range(3), collections.OrderedDict(a=1.0)

    def f(x):
        read = counting.k[0] + table["a"] + sum(ones) + len(shape) + rates["a"]
        return x * read + slotted.k

    f, before = torch.compile(f), counts()["captured"]
    for i in range(12):
        f(X)
        Counting.wholly_apart += 1
        Counting.quite_new = i
        counting.calls_of_it += 1
        slotted.wholly_apart += 1
        slotted.k = float("nan") * i
        counting.k, shape = (float("2"), 3), range(3)
        table["a"] = rates["a"] = float("1.0")
    del Counting.quite_new
    assert counts()["captured"] == before + 1, f.explain()


def test_checkpoints_are_recorded():
    """They keep where the stream stands, which a program may not ask."""
    w, f = torch.ones(3, requires_grad=True), None

    def drops(x):
        return checkpoint(lambda x: F.dropout(x * w), x, use_reentrant=False).sum()

    f, before = torch.compile(drops), counts()["captured"]
    torch.manual_seed(0)
    ours = [torch.autograd.grad(f(X), w)[0].tolist() for _ in range(3)]
    torch.manual_seed(0)
    assert ours == [torch.autograd.grad(drops(X), w)[0].tolist() for _ in range(3)]
    assert counts()["captured"] == before + 1


def test_what_is_told_names_things_as_a_program_does():
    layers = [torch.nn.Linear(3, 3)]
    config, thing, scale = {"optimizer": {"lr": [0.1]}}, Thing(k=1.0), 1.0

    def f(x, bias=2.0):
        return layers[0](x) * scale * thing.k * config["optimizer"]["lr"][0] + bias

    compiled = torch.compile(f)

    def told_of(change):
        compiled(X)
        change()
        compiled(X)
        return compiled.explain().splitlines()[-1].partition("again: ")[2]

    def other_scale():
        nonlocal scale
        scale = 3.0

    assert told_of(other_scale) == "the variable scale is now 3.0, it was 1.0"
    assert told_of(lambda: setattr(thing, "k", 2.0)) == "thing.k is now 2.0, it was 1.0"
    assert told_of(lambda: config["optimizer"]["lr"].__setitem__(0, 0.5)) == (
        "config['optimizer']['lr'][0] is now 0.5, it was 0.1"
    )
    assert told_of(lambda: layers[0].weight.requires_grad_(False)) == (
        "layers[0].weight is requires_grad=False, it was True"
    )
    assert told_of(lambda: setattr(layers[0], "bias", None)).startswith(
        "layers[0].bias is now None, it was a tensor float32[3]"
    )
    assert told_of(lambda: setattr(f, "__defaults__", (5.0,))) == (
        "the defaults of f are now (5.0,), they were (2.0,)"
    )


def test_a_global_variable_is_told_by_its_name(monkeypatch):
    compiled = torch.compile(lambda x: helper(x))
    compiled(X)
    monkeypatch.setitem(globals(), "factor", 9.0)
    compiled(X)
    assert "factor is now 9.0, it was 1.0" in compiled.explain()


factor = 1.0


def helper(y):
    return y * factor


def test_arguments_are_told_by_their_names():
    def f(x, batch, *more, scale=1.0):
        return x * batch["mask"][0] * scale + sum(more)

    compiled, mask = torch.compile(f), [torch.ones(3)]

    def told_of(*args, **kwargs):
        compiled(*args, **kwargs)
        return compiled.explain().splitlines()[-1].partition("again: ")[2]

    compiled(X, {"mask": mask})
    assert told_of(X[:1], {"mask": mask}) == ("x: a tensor is float32[1, 3], it was float32[2, 3]")
    assert told_of(X[:1], {"mask": [torch.ones(1)]}).startswith("batch['mask'][0]: a tensor is")
    compiled(X, {"mask": mask}, 1, scale=2)
    assert told_of(X, {"mask": mask}, 3, scale=2) == "argument 2: it is 3, it was 1"
    assert told_of(X, {"mask": mask}, 3, scale=5) == "scale: it is 5, it was 2"
    layer = torch.compile(torch.nn.Linear(3, 3))
    layer(X), layer(X[:1])
    assert "input: a tensor is float32[1, 3]" in layer.explain()


def test_a_match_statement_that_asks_for_a_value():
    def f(x):
        match int(x.sum()):
            case 15:
                return x * 2
            case n if n > 20:
                return x * n
            case _:
                return x

    def g(x):
        match float(x.sum()):
            case n:
                return x * n

    compiled, other = torch.compile(f), torch.compile(g)
    with pytest.warns(UserWarning, match="match"):
        for shift in (0, 1, -1, 0):
            assert told(compiled(X + shift)) == told(f(X + shift))
            assert told(other(X + shift)) == told(g(X + shift))
