"""Tensors that a compiled function finds in caches, contexts and the like: they are written, and
given gradients, as in eager calls.

Where nobody looks, the trial run that writes there is undone and the function runs eagerly.
"""

import builtins
import contextvars
import functools
import sys
import types
import weakref

import numpy as np
import pytest
from outcomes import same

import tidu as torch
from tidu import nn

pytestmark = pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")


def ones():
    return torch.ones(3)


def of_partial():
    return functools.partial(lambda t: t, ones())


def of_partial_by_name():
    return functools.partial(lambda t=None: t, t=ones())


def of_tensor():
    w = ones()
    w.average = ones()
    return lambda: w.average


def of_weak_reference():
    held = ones()
    reference = weakref.ref(held)
    found = lambda: reference()
    found.held = held
    return found


def of_weak_values():
    held = ones()
    values = weakref.WeakValueDictionary(t=held)
    found = lambda: values["t"]
    found.held = held
    return found


def of_read_only():
    values = types.MappingProxyType({"t": ones()})
    return lambda: values["t"]


def of_context():
    variable = contextvars.ContextVar("variable")
    variable.set(ones())
    return lambda: variable.get()


def of_cache():
    return functools.lru_cache(ones)


def of_filled_cache():
    cached = functools.lru_cache(ones)
    cached()
    return cached


def of_array():
    values = np.empty(1, object)
    values[0] = ones()
    return lambda: values[0]


def of_module():
    sys.modules["found_by_name"] = module = types.ModuleType("found_by_name")
    module.t = ones()
    return lambda: sys.modules["found_by_name"].t


PLACES = [of_partial, of_partial_by_name, of_tensor, of_weak_reference, of_weak_values,
          of_read_only, of_context, of_cache, of_filled_cache, of_array, of_module]  # fmt: skip


def written(t, x):
    t.mul_(0.5).add_(x)
    return t * 2


def by_part(t, x):
    t[1:].add_(1)
    t[0] = x.sum()
    return t.sum()


def without_arguments(t, x):
    t.add_(1)
    t.fill_(t.sum())
    return x + 1


@pytest.mark.parametrize("change", [written, by_part, without_arguments])
@pytest.mark.parametrize("place", PLACES)
def test_writes(place, change):
    def results(wrap):
        get = place()
        step = wrap(lambda x: change(get(), x))
        return [(step(torch.arange(3.0) + i), get().clone()) for i in range(4)]

    same(results(lambda f: f), results(torch.compile))


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_gradients(cached, inside):
    """A module that a cache of functools or a partial function holds."""

    def results(wrap):
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        get = (
            functools.lru_cache(lambda: model) if cached else functools.partial(lambda m: m, model)
        )
        if cached:
            get.cache_clear()
            hidden = {"model": model}
            get = functools.lru_cache(functools.partial(dict.pop, hidden, "model"))
            get()

        def loss(x):
            found = get()(x).pow(2).sum()
            if inside:
                found.backward()
            return found.detach() if inside else found

        step = wrap(loss)
        for i in range(3):
            found = step(torch.ones(2, 3) * i)
            if not inside:
                found.backward()
            yield found.detach(), model.weight.grad.clone()

    same(list(results(lambda f: f)), list(results(torch.compile)))


def test_a_partial_step():
    """A training step whose model and optimizer are arguments of a partial function."""

    def results(wrap):
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

        def step(model, optimizer, x):
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = wrap(functools.partial(step, model, optimizer))
        return [(run(torch.ones(2, 3) * i), model.weight.detach().clone()) for i in range(5)]

    same(results(lambda f: f), results(lambda f: torch.compile(f, fullgraph=True)))


def test_tensors_made_inside_are_compiled():
    """What the function makes, writes and perhaps returns is no other's."""

    def function(x):
        made = torch.zeros(3)
        made[0] = 1
        made += x
        part = made[1:]
        part.mul_(2)
        moved = torch.zeros(3, requires_grad=True)
        (x * moved).exp().sum().backward()
        return made, part, moved.grad

    compiled = torch.compile(function, fullgraph=True)
    for i in range(3):
        same(function(torch.ones(3) * i), compiled(torch.ones(3) * i))


def through_data(t, x):
    t.data.add_(1)
    return x + t


def through_detached(t, x):
    part = t.detach()[1:]
    part.mul_(2)
    return x + t


def through_data_with_what_is_given(t, x):
    with torch.no_grad():
        t.data.copy_(x)
    return x + 1


@pytest.mark.parametrize(
    "change", [through_data, through_detached, through_data_with_what_is_given]
)
def test_writes_to_what_shares_memory(change, monkeypatch):
    """Of a tensor that nobody looks for, what is written is a tensor that is gone at once."""

    def results(wrap):
        monkeypatch.setattr(builtins, "_hidden", torch.ones(3), raising=False)
        step = wrap(lambda x: change(builtins.__dict__["_hidden"], x))
        return [(step(torch.arange(3.0) + i), builtins._hidden.clone()) for i in range(4)]

    same(results(lambda f: f), results(torch.compile))
