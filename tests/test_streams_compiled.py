"""The streams written by compiled code are those written by NumPy: words, places and numbers."""

import subprocess
import sys

import numpy as np
import pytest

import tidu as torch
from tidu.base import streams
from tidu.base.streams.engine import ENGINE
from tidu.base.streams.generator import Generator
from tidu.core.native import NATIVE

pytestmark = pytest.mark.skipif(not NATIVE, reason="llvmlite is not installed")
SIZES = (0, 1, 5, 15, 16, 17, 623, 624, 625, 3000, 70_001)
F32, F64, F16 = [np.dtype(name) for name in ("float32", "float64", "float16")]


@pytest.fixture(params=[False, True], ids=["numpy", "compiled"])
def compiled(request, monkeypatch):
    _use(monkeypatch, request.param)
    return request.param


def _use(monkeypatch, compiled):
    monkeypatch.setattr(ENGINE, "draws", NATIVE.draws if compiled else None)
    monkeypatch.setattr(ENGINE, "native", None)


def both(monkeypatch, draw, seed=7):
    """What `draw(generator)` gives without and with compiled code, and the states after it."""
    out = []
    for compiled in (False, True):
        _use(monkeypatch, compiled)
        generator = Generator().manual_seed(seed)
        out.append((draw(generator), generator.state_bytes()))
    return out


@pytest.mark.parametrize("seed", [0, 42, 2**40 + 3])
def test_words_and_states(monkeypatch, seed):
    def draw(generator):
        return np.concatenate([generator.words(n).copy() for n in SIZES])

    (words, state), (again, same) = both(monkeypatch, draw, seed)
    assert np.array_equal(words, again)
    assert state == same


@pytest.mark.parametrize("dtype", [F32, F64, F16])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.5, 2.25), (0.1, 0.3)])
def test_uniform_to_the_bit(monkeypatch, dtype, bounds):
    for n in SIZES:
        (plain, state), (made, same) = both(
            monkeypatch, lambda g, n=n: streams.uniform((n,), dtype, *bounds, g)
        )
        assert np.array_equal(plain, made)
        assert state == same


@pytest.mark.parametrize("dtype", [F32, F64, F16])
@pytest.mark.parametrize("parameters", [(0.0, 1.0), (1.5, 2.25)])
def test_normal(monkeypatch, dtype, parameters):
    for n in SIZES:
        (plain, state), (made, same) = both(
            monkeypatch, lambda g, n=n: streams.normal((n,), dtype, *parameters, g)
        )
        np.testing.assert_array_equal(plain, made)
        assert state[:5016] == same[:5016]


def test_places(compiled):
    generator = Generator().manual_seed(3)
    generator.words(700)
    place = generator.place()
    first = generator.words(1000).copy()
    generator.return_to(place)
    assert np.array_equal(generator.words(1000), first)
    assert generator.place()[0] is not place[0]
    generator.return_to(place)
    again = generator.place()
    assert again[0] is place[0] and again[1] == place[1]  # by which one sees that nothing was drawn


def test_a_place_taken_before_compiled_code_came_in(monkeypatch):
    _use(monkeypatch, False)
    generator = Generator().manual_seed(3)
    generator.words(10)
    place = generator.place()
    first = generator.words(2000).copy()
    _use(monkeypatch, True)
    streams.rand((100,), F32, generator)
    generator.return_to(place)
    numbers = streams.rand((2000,), F32, generator)
    assert np.array_equal(numbers, (first & 0xFFFFFF) * np.float32(2.0**-24))


def test_copies_and_states_go_on_alike(compiled):
    generator = Generator().manual_seed(9)
    streams.normal((1001,), F32, generator=generator)
    copy = generator.clone_state()
    other = Generator()
    other.set_state(generator.get_state())
    expected = streams.rand((777,), F64, generator)
    for again in (copy, other):
        assert np.array_equal(streams.rand((777,), F64, again), expected)
    generator.manual_seed(9)
    assert np.array_equal(generator.words(3), Generator().manual_seed(9).words(3))


def test_small_programs_load_nothing():
    engine = type(ENGINE)()
    asked = []

    class Native:
        draws = "functions"

        def __bool__(self):
            asked.append(True)
            return True

    engine.native = Native()
    assert not any(engine.ready(10) for _ in range(300))
    assert not asked
    assert engine.ready(1 << 15)
    assert engine.draws == "functions"


PLACES = {
    "whole": lambda z: z, "rows": lambda z: z[1:], "turned": lambda z: z.mT,
    "steps": lambda z: z[:, ::2], "a part, turned": lambda z: z.T[1:],
    "columns": lambda z: z[..., :2], "windows": lambda z: z.unfold(0, 3, 3),
    "flat": lambda z: z.view(-1), "axes": lambda z: z.reshape(3, 3, 3).transpose(0, 2),
}  # fmt: skip
FILLS = {
    "normal_": (), "uniform_": (-1, 2), "exponential_": (), "log_normal_": (), "cauchy_": (),
    "bernoulli_": (0.3,), "random_": (9,), "geometric_": (0.5,),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("place", PLACES)
def test_places_are_filled_in_the_order_in_which_they_lie(place, fill, dtype):
    def f(x):
        z = x * 1.5
        getattr(PLACES[place](z), fill)(*FILLS[fill])
        return z

    found = []
    for call in (f, torch.compile(f, fullgraph=True)):
        torch.manual_seed(3)
        found.append(call(torch.ones(9, 3, dtype=dtype)))
        found.append(torch.rand(2))
    assert torch.equal(found[0], found[2]) and torch.equal(found[1], found[3])


@pytest.mark.parametrize("like", ["rand_like", "randn_like", "randint_like", "empty_like"])
@pytest.mark.parametrize("place", PLACES)
def test_draws_like_a_tensor_lie_as_it_does(place, like):
    def f(x):
        if like == "empty_like":
            return torch.empty_like(PLACES[place](x)).normal_()
        return getattr(torch, like)(PLACES[place](x), *[9] * (like == "randint_like"))

    found = []
    for call in (f, torch.compile(f, fullgraph=True)):
        torch.manual_seed(3)
        found.append(call(torch.ones(9, 3)))
    assert torch.equal(*found) and found[0].stride() == found[1].stride()


def test_a_method_that_is_loaded_late_is_no_change():
    """In a process in which nobody has called it yet."""
    program = """
import tidu as torch
f = torch.compile(lambda x: torch.empty_like(x).uniform_() + x.det(), fullgraph=True)
f(torch.ones(3, 3)), f(torch.ones(3, 3))
assert "1 version(s)" in f.explain()
torch.Tensor.det = lambda x: x.sum()
g = torch.compile(lambda x: x.det())
assert g(torch.ones(3, 3)) == 9 and f(torch.zeros(3, 3)).min() >= 0
del torch.Tensor.det
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
