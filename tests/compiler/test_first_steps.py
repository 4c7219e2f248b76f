"""What a first step leaves behind that could not be compiled yet: nothing but its results."""

import cProfile
import gc
import pstats
import sys
import weakref

import numpy as np
import pytest

import tidu as torch
from tidu.base.frames import unheard
from tidu.compiler.loops import blocked, library
from tidu.compiler.recording.executed import Executed
from tidu.core.native import NATIVE
from tidu.optim.kernels import Arrays


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


def test_what_the_library_derives_is_not_listened_to():
    """While a program is recorded its calls are noted, not the thousands that make a rule."""

    def inner(x):
        return x + 1

    rule = lambda: sum(inner(k) for k in range(50))
    with Executed() as heard:
        unheard(rule)()
        listened = inner.__code__ not in heard.codes
        inner(1)
    assert listened and inner.__code__ in heard.codes and sys.getprofile() is None
    profile = cProfile.Profile()  # somebody else's hears all
    profile.runcall(unheard(rule))
    assert any("inner" in str(key) for key in pstats.Stats(profile).stats)


@pytest.mark.parametrize("at_hand", [True, False])
def test_products_of_a_first_step_use_code_that_is_there(at_hand, monkeypatch):
    """NumPy's library takes memory and threads of its own; but nothing is compiled for one step."""
    if not (NATIVE and blocked.serves() and library.available()):
        pytest.skip("products are not loops of our own here")
    monkeypatch.setattr(blocked, "at_hand", lambda kind: at_hand)
    asked, kernel = [], library._kernel
    monkeypatch.setattr(library, "_kernel", lambda *key: asked.append(key) or kernel(*key))
    model = torch.nn.Linear(256, 192)
    updates = torch.optim.Adam(model.parameters())
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
