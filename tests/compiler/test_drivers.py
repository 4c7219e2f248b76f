"""Programs of many steps and many arrays: tables that a loop reads in place of code."""

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.calls import optimized
from tidu.compiler.machine import native


@pytest.fixture
def programs():
    found = []
    watch = lambda name, captured, compiled: found.append(compiled.forward)
    optimized.WATCHERS.append(watch)
    yield found
    optimized.WATCHERS.remove(watch)


def many(size, count=40):
    """A function of many arrays, in many steps of which none can join another."""
    weights = [torch.full((size, 3), 0.1 * k) for k in range(count)]

    def function(x):
        for w in weights:
            x = (x + w).sum(0, keepdim=True).expand(size, 3) / size
        return x.clone()

    return function, torch.linspace(0, 1, size * 3).reshape(size, 3)


@pytest.mark.parametrize("size", [5, 200_000])
def test_many_steps_and_arrays(size, programs):
    function, x = many(size)
    compiled = torch.compile(function, fullgraph=True)
    expected = function(x)
    for _ in range(4):
        torch.testing.assert_close(compiled(x), expected)
    (program,) = programs
    assert "@steps0 = internal constant" in program.text
    assert "@slots_entry = internal constant" in program.text
    assert program.shares is (size > 5)  # where nothing is shared no thread is started


def test_few_steps_are_written_out(programs):
    function, x = many(5, 3)
    torch.compile(function, fullgraph=True)(x)
    assert "internal constant" not in programs[0].text


def test_many_steps_with_what_may_stop_them_between(programs):
    function, x = many(5)
    targets = torch.tensor([0, 2, 1, 2, 0])
    loss = lambda x, t: torch.nn.functional.cross_entropy(function(x) * 3, t) + function(x).sum()
    compiled = torch.compile(loss, fullgraph=True)
    for _ in range(3):
        torch.testing.assert_close(compiled(x, targets), loss(x, targets))
    assert "@steps0" in programs[0].text and programs[0].stops
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        compiled(x, torch.tensor([0, 7, 1, 2, 0]))
    torch.testing.assert_close(compiled(x, targets), loss(x, targets))


def test_programs_between_numpys_steps_share_what_fills_their_tables(programs, monkeypatch):
    """Their arrays' addresses are put there by one function of generated code for all programs."""
    loaded, load = [], native.load
    monkeypatch.setattr(native, "load", lambda *a, **k: loaded.append(a[0]) or load(*a, **k))
    for n in (3, 4):
        function = lambda x: torch.linalg.inv(x * 2 + torch.eye(len(x)) * 9) + x
        x = torch.arange(float(n * n)).reshape(n, n)
        compiled = torch.compile(function)
        for _ in range(2):
            np.testing.assert_allclose(compiled(x).numpy(), function(x).numpy(), rtol=1e-5)
    assert programs[0].many and sum("%slots = sub" in text for text in loaded) <= 1
