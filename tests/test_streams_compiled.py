"""The streams written by compiled code are those written by NumPy: words, places and numbers."""

import numpy as np
import pytest

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
