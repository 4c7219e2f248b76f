"""compile(): functions and constants of modules that a program replaces, and the attributes it sets
on tensors.

Compiled calls give what the program gives: before the change, after it, and when it is undone.
"""

import math
import sys
import types

import numpy as np
import pytest
from outcomes import same

import tidu as torch
import tidu.nn.functional as F
from tidu import nn
from tidu.compiler.calls import guards, objects
from tidu.compiler.calls.optimized import TAKEN, counts
from tidu.compiler.machine import native
from tidu.compiler.recording.reach import Reach

pytestmark = pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
X = torch.tensor([-1.0, 2.0])
LAYER = nn.Linear(2, 2)

# (place, name, what stands there for a while, a function that looks it up)
REPLACED = [
    (torch.Tensor, "relu", lambda t: t * 10, lambda x: x.relu()),
    (torch.Tensor, "__mul__", lambda t, other: t + other, lambda x: x * 3),
    (torch.Tensor, "new_method", lambda t: t * 11, lambda x: getattr(x, "new_method", x.sin)()),
    (torch.Tensor, "factor", 3.0, lambda x: x * getattr(x, "factor", 1.0)),
    (torch, "relu", lambda t: t * 12, lambda x: torch.relu(x)),
    (F, "gelu", lambda t, approximate="none": t * 13, lambda x: F.gelu(x)),
    (F, "gelu", F.silu, lambda x: F.gelu(x)),
    (F, "gelu", lambda t, approximate="none": t * 14, nn.GELU()),
    (nn.Linear, "forward", lambda self, t: t * 15, nn.Linear(2, 2)),
    (nn.Linear, "__call__", lambda self, t: t * 16, lambda x: LAYER(x)),
    (nn.Module, "__call__", lambda self, t: t * 17, lambda x: LAYER(x)),
    (math, "pi", 3.0, lambda x: x * math.pi),
    (math, "floor", lambda x: 18, lambda x: x * math.floor(2.5)),
    (np, "pi", 3.0, lambda x: x * np.pi),
]


@pytest.mark.parametrize(("place", "name", "other", "function"), REPLACED)
def test_replaced(place, name, other, function, monkeypatch):
    compiled = torch.compile(function)

    def agree():
        for x in (X, X + 1, X):
            same(compiled(x), function(x))

    agree()
    with monkeypatch.context() as patched:
        patched.setattr(place, name, other, raising=False)
        agree()
    agree()
    made = counts()["captured"]
    agree()
    assert counts()["captured"] == made


def test_what_a_replaced_function_reads(monkeypatch):
    """It is looked into though no function of the program names it."""
    scale = [2.0]
    monkeypatch.setattr(F, "gelu", lambda t, approximate="none": t * scale[0])
    compiled = torch.compile(nn.GELU())
    for scale[0] in (2.0, 2.0, 3.0, 3.0):
        same(compiled(X), X * scale[0])


def test_a_function_that_replaces_another(monkeypatch):
    """It is undone after the trial run, and done by the call."""
    monkeypatch.setattr(F, "gelu", F.gelu)

    def function(x):
        F.gelu = lambda t: t * 5
        return F.gelu(x)

    compiled = torch.compile(function)
    for _ in range(4):
        same(compiled(X), X * 5)
    assert F.gelu(torch.tensor(1.0)) == 5


def test_it_is_told(monkeypatch):
    compiled = torch.compile(lambda x: F.gelu(x).relu())
    compiled(X)
    monkeypatch.setattr(F, "gelu", lambda t: t)
    compiled(X)
    assert "nn.functional.gelu is" in compiled.explain()
    monkeypatch.setattr(torch.Tensor, "relu", lambda t: t * 2)
    compiled(X)
    assert "Tensor.relu is replaced by a program" in compiled.explain()


def tagged(function, tensor, call):
    """Results with tags that come, change and go."""
    yield [call() for _ in range(3)]
    for tag in (3.0, 4.0, torch.ones(2), {"inside": 2.0}, 3.0):
        tensor.tag = tag
        yield [call() for _ in range(3)]
    tensor.tag = {"inside": 5.0}
    yield call(), call()
    tensor.tag["inside"] = 6.0
    yield call(), call()
    tensor.tag = torch.ones(2)
    yield call(), call()
    tensor.tag.add_(1)
    yield call(), call()
    del tensor.tag
    yield call(), call()


def by_attribute(t):
    tag = getattr(t, "tag", 1.0)
    return tag["inside"] if isinstance(tag, dict) else tag


def by_name(t):
    try:
        tag = t.tag
    except AttributeError:
        return 1.0
    return tag["inside"] if isinstance(tag, dict) else tag


@pytest.fixture(params=["as known", "asked"])
def attributes(request, monkeypatch):
    """Attributes read where this interpreter keeps them, and asked for, as another needs it."""
    at = objects.layout()
    if at is not None and request.param == "asked":
        monkeypatch.setattr(at, "tags", False)
        guards._functions.cache_clear(), guards._text.cache_clear()
    yield
    if at is not None and request.param == "asked":
        monkeypatch.undo()
        guards._functions.cache_clear(), guards._text.cache_clear()


@pytest.mark.usefixtures("attributes")
@pytest.mark.parametrize("read", [by_attribute, by_name])
@pytest.mark.parametrize("nested", [False, True])
def test_tags_of_an_argument(read, nested):
    def results(wrap):
        x = torch.ones(2)
        function = wrap(lambda given: given[0] * read(given[0]) if nested else given * read(given))
        return list(tagged(function, x, lambda: function([x] if nested else x)))

    same(results(lambda f: f), results(torch.compile))


@pytest.mark.parametrize("read", [by_attribute, by_name])
def test_tags_of_a_tensor_that_is_reached(read):
    def results(wrap):
        w = torch.ones(2)
        function = wrap(lambda x: x * read(w))
        return list(tagged(function, w, lambda: function(X)))

    same(results(lambda f: f), results(torch.compile))


needs_short_calls = pytest.mark.skipif(
    not native.available() or objects.layout() is None, reason="needs llvmlite and CPython"
)


@needs_short_calls
@pytest.mark.usefixtures("attributes")
def test_tags_leave_calls_short():
    """Those that nobody reads change nothing, and calls without any are short."""
    compiled = torch.compile(lambda x: x * 2)
    x, other = torch.ones(2), torch.ones(2)
    made = counts()["captured"]
    for i in range(4):
        x.number = i
        same(compiled(x), x * 2)
    assert counts()["captured"] == made + 1
    compiled(other)
    taken = int(TAKEN[0])
    compiled(other), compiled(torch.ones(2))
    assert int(TAKEN[0]) == taken + 2


@needs_short_calls
def test_replacing_leaves_calls_short(monkeypatch):
    compiled = torch.compile(lambda x: x.tanh() * 2)
    compiled(X), compiled(X)
    monkeypatch.setattr(torch.Tensor, "never_read", 3, raising=False)
    compiled(X), compiled(X)
    taken = int(TAKEN[0])
    compiled(X)
    assert int(TAKEN[0]) == taken + 1


def by_item():
    return sys.modules["found_by_name"].scale


def by_get():
    found = sys.modules.get("found_by_name")
    return 1.0 if found is None else found.scale


def by_question():
    return 2.0 if "found_by_name" in sys.modules else 3.0


def by_other_name(name="found_by_name"):
    return sys.modules[name].scale if name in sys.modules else 1.0


@pytest.mark.slow
@pytest.mark.parametrize("read", [by_item, by_get, by_question, by_other_name])
def test_modules_by_name(read, monkeypatch):
    compiled = torch.compile(lambda x: x * read())
    for scale in (2.0, 3.0, None, 4.0):
        if scale is None and read is not by_item:
            monkeypatch.delitem(sys.modules, "found_by_name")
        elif scale is not None:
            module = types.ModuleType("found_by_name")
            module.scale = scale
            monkeypatch.setitem(sys.modules, "found_by_name", module)
        for _ in range(3):
            same(compiled(X), X * read())
        if scale is not None:
            module.scale = scale + 1
            same(compiled(X), X * read())


@pytest.mark.slow
def test_other_modules_are_not_looked_into():
    """Where the functions mention by which names they look modules up."""
    asked, whole = [len(Reach(read).seen) for read in (by_get, by_other_name)]
    assert 10 * asked < whole
