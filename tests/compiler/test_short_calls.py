"""What the built-in function behind a compiled call does besides the program: writes are noted,
results stored, modes asked, errors told apart; and how it is made.
"""

import os
import re
import weakref

import pytest
from steps import training

import tidu as torch
from tidu.compiler.calls import guards, objects
from tidu.compiler.calls.guards import MISS
from tidu.compiler.machine import kernels, native
from tidu.core import versions
from tidu.core.modes import STATE

pytestmark = pytest.mark.skipif(
    not native.available() or objects.layout() is None, reason="needs llvmlite and CPython"
)


def _line_of_a_write(weight, call):
    """The line that the error names of a write that spoils a graph made before."""
    out = (weight * torch.ones_like(weight).requires_grad_()).sum()
    call()
    with pytest.raises(RuntimeError) as caught:
        out.backward()
    return re.findall(rf"{os.path.basename(__file__)}\D*(\d+)", str(caught.value))[-1]


def test_writes_are_known_by_their_lines():
    """Each of two places from which the fast path is taken."""
    model, _, step = training()
    compiled, weight = torch.compile(step), model[0].weight
    one = lambda: compiled()
    two = lambda: compiled()
    for _ in range(4):
        one()
    lines = [_line_of_a_write(weight, call) for call in (one, two, one, two, two)]
    first = one.__code__.co_firstlineno
    assert lines == [str(first + k) for k in (0, 1, 0, 1, 1)]
    last = max(t for t, _ in versions._WRITES[id(weight._value)][4][0].noted)
    assert last == versions.CLOCK.last and len(versions.writes_of(weight._value)) <= 16


@pytest.mark.parametrize("many", [False, True])
def test_what_is_stored(many, general):
    """In a list, a dictionary and at the end of a list, where the function returns one thing or
    several."""
    x, kept, named, all_ = torch.arange(3.0), [None], {"last": None}, []

    @torch.compile
    def step(x):
        y = x * 2
        kept[0], named["last"] = y + 1, y.sum()
        all_.append(y - 3)
        return (y, y - 1) if many else None

    for _ in range(4):
        step(x)
    before = len(general)
    for k in range(4):
        given = step(x + k)
        y = (x + k) * 2
        assert torch.equal(kept[0], y + 1) and torch.equal(named["last"], y.sum())
        assert torch.equal(all_[-1], y - 3) and len(all_) == 5 + k
        assert (given is None) != many and (not many or torch.equal(given[1], y - 1))
    assert len(general) == before
    gone = weakref.ref(kept[0])
    step(x)
    assert gone() is None


def test_checks_become_better_code_after_many_calls(monkeypatch, tmp_path):
    """Plain code first; the better one goes on in the same objects, and into the cache."""
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path))
    guards._functions.cache_clear()
    try:
        compiled, x = torch.compile(lambda x: x * 2 + 1), torch.arange(3.0)
        for _ in range(4):
            compiled(x)
        plain, call = guards._functions(), compiled.short
        assert not native.is_kept(guards._text())
        guards.TAKEN[0] = guards._OFTEN - 2
        for _ in range(4):
            assert compiled(x).tolist() == [1.0, 3.0, 5.0]
        assert compiled.short is call and native.is_kept(guards._text())
        assert kernels._method(plain[0], "kernel").function not in plain
        guards._functions.cache_clear()
        assert guards._functions() not in (plain, None)
    finally:
        guards._functions.cache_clear()


def test_transforms_around_a_call():
    compiled = torch.compile(lambda x: (x * x).sum())
    x = torch.arange(3.0)
    for _ in range(4):
        compiled(x)
    assert torch.func.grad(compiled)(x).tolist() == [0.0, 2.0, 4.0]
    assert torch.func.vmap(compiled)(x[:, None]).tolist() == [0.0, 1.0, 4.0]
    assert STATE.levels == 0 and compiled.short(x) is not MISS


def test_an_error_of_one_version_says_nothing_of_another():
    """An index that is none stops one program; what another raises is the user's."""
    rows = torch.arange(12.0).reshape(4, 3)
    step = torch.compile(lambda i: rows[i].sum() if i.dim() else rows.sum())
    for _ in range(4):
        step(torch.tensor([1, 3])), step(torch.tensor(2))
    for _ in range(2):
        with pytest.raises(IndexError, match="index 7 is out of bounds"):
            step(torch.tensor([1, 7]))
        assert step(torch.tensor([1, 3])).item() == 42.0
