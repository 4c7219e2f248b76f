"""The random streams against PyTorch itself: values, and the generator's place after each draw."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

from tidu.base import streams
from tidu.base.streams import Generator
from tidu.base.streams.engine import ENGINE
from tidu.core.native import NATIVE

torch = pytest.importorskip("torch")

FLOATS = {
    "float32": (torch.float32, np.dtype(np.float32)),
    "float64": (torch.float64, np.dtype(np.float64)),
    "float16": (torch.float16, np.dtype(np.float16)),
    "bfloat16": (torch.bfloat16, np.dtype(ml_dtypes.bfloat16)),
}
INTEGERS = {
    name: (getattr(torch, name), np.dtype(name))
    for name in ("int64", "int32", "int16", "int8", "uint8", "bool")
}
ALL = {**FLOATS, **INTEGERS}
SIZES = (0, 1, 2, 5, 15, 16, 17, 31, 32, 100, 623, 624, 625, 20000)


def both(seed):
    torch.manual_seed(seed)
    return Generator().manual_seed(seed)


def numpy_of(tensor):
    return tensor.double().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


def plain(array):
    return array.astype(np.float64) if array.dtype == ml_dtypes.bfloat16 else array


def same_place(generator):
    ours, theirs = generator.state_bytes(), torch.get_rng_state().numpy().tobytes()
    assert ours[:5016] == theirs[:5016]
    assert ours[5040:] == theirs[5040:]
    a, b = (np.frombuffer(s[5024:5032], np.float64)[0] for s in (ours, theirs))
    assert generator.next_normal is None or a == b


def equal(ours, theirs, generator):
    theirs = numpy_of(theirs)
    assert plain(ours).dtype == theirs.dtype
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(plain(ours), theirs)
    same_place(generator)


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32 - 1, 2**32, 2**40 + 3, -1, -(2**63), 2**63])
def test_words_and_state(seed):
    generator = Generator().manual_seed(seed)
    theirs = torch.Generator().manual_seed(seed)
    assert generator.initial_seed() == theirs.initial_seed()
    for count in (0, 1, 3, 619, 1, 1, 1, 2000, 624):
        assert generator.state_bytes() == theirs.get_state().numpy().tobytes()
        expected = torch.randint(0, 2**24, (count,), generator=theirs).numpy()
        np.testing.assert_array_equal(generator.words(count) % 2**24, expected)
    fresh = torch.Generator()
    fresh.set_state(torch.frombuffer(bytearray(generator.state_bytes()), dtype=torch.uint8))
    back = Generator()
    back.set_state(theirs.get_state().numpy())
    copies = [copy.deepcopy(generator), pickle.loads(pickle.dumps(generator)), back]
    expected = torch.randint(0, 2**24, (700,), generator=fresh).numpy()
    for clone in copies:
        np.testing.assert_array_equal(clone.words(700) % 2**24, expected)


def test_states_with_waiting_normals():
    generator = both(3)
    torch.randn(3)
    generator.set_state(torch.get_rng_state().numpy())
    equal(streams.normal((4,), np.float32, generator=generator), torch.randn(4), generator)
    torch.manual_seed(7)
    torch.set_rng_state(torch.frombuffer(bytearray(generator.state_bytes()), dtype=torch.uint8))
    equal(streams.normal((5,), np.float64, generator=generator),
          torch.randn(5, dtype=torch.float64), generator)  # fmt: skip


@pytest.mark.parametrize("name", FLOATS)
def test_uniform(name):
    theirs, ours = FLOATS[name]
    for size in SIZES:
        generator = both(size)
        equal(streams.rand((size,), ours, generator), torch.rand(size, dtype=theirs), generator)
        for low, high in ((0, 2), (-0.3, 1.7), (5, 5), (-1e4, 1e3), (3, 3.1)):
            drawn = torch.empty(size, dtype=theirs).uniform_(low, high)
            equal(streams.uniform((size,), ours, low, high, generator), drawn, generator)


@pytest.mark.parametrize("name", ["complex64", "complex128"])
def test_complex(name):
    for size in (3, 8, 20):
        generator = both(size)
        theirs = torch.rand(size, 2, dtype=getattr(torch, name))
        equal(streams.rand((size, 2), np.dtype(name), generator), theirs, generator)
        theirs = torch.randn(size, dtype=getattr(torch, name)).numpy()
        ours = streams.normal((size,), np.dtype(name), generator=generator)
        np.testing.assert_array_equal(ours, theirs)
        same_place(generator)


@pytest.fixture(params=[False, True], ids=["numpy", "compiled"])
def with_and_without_compiled_code(request, monkeypatch):
    if request.param and not NATIVE:
        pytest.skip("llvmlite is not installed")
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("other processors round in other places")
    monkeypatch.setattr(ENGINE, "draws", NATIVE.draws if request.param else None)
    monkeypatch.setattr(ENGINE, "native", None)


@pytest.mark.usefixtures("with_and_without_compiled_code")
@pytest.mark.parametrize("name", FLOATS)
def test_normal(name):
    theirs, ours = FLOATS[name]
    for size in SIZES:
        generator = both(size)
        for repeat in range(3):
            drawn = torch.randn(size, dtype=theirs)
            equal(streams.normal((size,), ours, generator=generator), drawn, generator)
            drawn = torch.empty(size, dtype=theirs).normal_(0.5, 2.5)
            equal(streams.normal((size,), ours, 0.5, 2.5, generator), drawn, generator)
            small = repeat + 1
            drawn = torch.randn(small, dtype=theirs)
            equal(streams.normal((small,), ours, generator=generator), drawn, generator)
            drawn = torch.empty(size, dtype=theirs).log_normal_(0.1, 0.5)
            equal(streams.log_normal((size,), ours, 0.1, 0.5, generator), drawn, generator)


def test_normal_of_arrays():
    for size in (5, 20, 100):
        generator = both(size)
        mean, std = np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32) + 1
        for m, s in ((mean, std), (mean, 2.5), (1.5, std), (mean[:, None], std)):
            t = [torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in (m, s)]
            ours = streams.normal_from_arrays(m, s, np.float32, generator)
            np.testing.assert_array_equal(ours, torch.normal(*t).numpy())
            same_place(generator)


RANGES = (
    (0, 2), (0, 10), (-5, 100), (0, 128), (3, 4), (0, 2**28 - 1), (0, 2**28), (-7, 2**30 + 1),
    (-(2**31), 2**31), (0, 2**32 - 1), (0, 2**32), (0, 2**40), (-(2**63), 2**63 - 1),
)  # fmt: skip


@pytest.mark.parametrize("name", [*ALL, "uint16", "uint32", "uint64"])
@pytest.mark.filterwarnings("ignore")
def test_integers(name):
    theirs = getattr(torch, name)
    ours = ALL[name][1] if name in ALL else np.dtype(name)
    for size in (1, 10, 700):
        generator = both(size)
        for low, high in RANGES:
            if name in FLOATS and high - low > 2**60:
                continue  # PyTorch overflows while it looks for the ends.
            try:
                drawn = torch.randint(low, high, (size,), dtype=theirs)
            except RuntimeError as error:
                with pytest.raises(RuntimeError) as ours_error:
                    streams.randint((size,), ours, low, high, generator)
                assert str(ours_error.value).startswith(str(error).splitlines()[0])
                continue
            equal(streams.randint((size,), ours, low, high, generator), drawn, generator)
        if name in ALL:
            drawn = torch.empty(size, dtype=theirs).random_()
            equal(streams.random_integers((size,), ours, generator=generator), drawn, generator)
        if name in ALL and name not in ("bool", "uint8"):
            drawn = torch.empty(size, dtype=theirs).random_(-5, None)
            ours_drawn = streams.random_integers((size,), ours, -5, generator=generator)
            equal(ours_drawn, drawn, generator)
    if name == "int64":
        drawn = torch.empty(9, dtype=theirs).random_(-(2**63), None)
        ours_drawn = streams.random_integers((9,), ours, -(2**63), generator=generator)
        equal(ours_drawn, drawn, generator)


@pytest.mark.parametrize("name", ALL)
def test_bernoulli(name):
    theirs, ours = ALL[name]
    for size in (1, 40, 1000):
        generator = both(size)
        for p in (0.0, 0.25, 0.3, 0.9, 1.0):
            drawn = torch.empty(size, dtype=theirs).bernoulli_(p)
            equal(streams.bernoulli((size,), ours, p, generator), drawn, generator)
        if name in FLOATS:
            p = torch.rand(size, dtype=theirs, generator=torch.Generator())
            drawn = torch.bernoulli(p)
            array = p.double().numpy().astype(ours)
            equal(streams.bernoulli_array((size,), ours, array, generator), drawn, generator)


def test_dropout():
    generator = both(5)
    theirs = torch.nn.functional.dropout(torch.ones(7, 9), 0.3) != 0
    equal(streams.coin_mask((7, 9), 1 - 0.3, generator), theirs, generator)


@pytest.mark.parametrize("name", FLOATS)
def test_transformed(name):
    theirs, ours = FLOATS[name]
    for size in (1, 20, 999):
        generator = both(size)
        for rate in (1.0, 2.5):
            drawn = torch.empty(size, dtype=theirs).exponential_(rate)
            equal(streams.exponential((size,), ours, rate, generator), drawn, generator)
            drawn = torch.empty(size, dtype=theirs).cauchy_(0.5, rate)
            equal(streams.cauchy((size,), ours, 0.5, rate, generator), drawn, generator)


@pytest.mark.parametrize("name", [n for n in ALL if n != "bool"])
def test_geometric(name):
    theirs, ours = ALL[name]
    generator = both(4)
    for p in (0.3, 0.9):
        drawn = torch.empty(500, dtype=theirs).geometric_(p)
        equal(streams.geometric((500,), ours, p, generator), drawn, generator)


@pytest.mark.parametrize("name", [n for n in ALL if n != "bool"])
def test_randperm(name):
    theirs, ours = ALL[name]
    for n in (0, 1, 2, 10, 100, 1000, 30_000):
        generator = both(n)
        try:
            drawn = torch.randperm(n, dtype=theirs)
        except RuntimeError as error:
            with pytest.raises(RuntimeError, match=str(error).splitlines()[0]):
                streams.randperm(n, ours, generator)
            continue
        equal(streams.randperm(n, ours, generator), drawn, generator)


@pytest.mark.parametrize("name", FLOATS)
def test_multinomial(name):
    theirs, ours = FLOATS[name]
    for rows, kinds in ((1, 1), (3, 2), (6, 50), (2, 700)):
        weights = torch.rand(rows, kinds, generator=torch.Generator()).to(theirs) + 0.01
        array = weights.double().numpy().astype(ours)
        generator = both(rows)
        for count, replace in ((1, False), (1, True), (7, True), (100, True), (kinds, False)):
            drawn = torch.multinomial(weights, count, replace)
            mine = streams.multinomial(array, count, replace, generator)
            if count > 1 and not replace and ours.itemsize < 4:
                continue  # Many ties: their order is not defined.
            equal(mine, drawn, generator)
            drawn = torch.multinomial(weights[0], count, replace)
            equal(streams.multinomial(array[0], count, replace, generator), drawn, generator)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_trials(name):
    theirs, ours = FLOATS[name]
    generator = both(11)
    for rate in (0.0, 0.5, 9.9, 10.0, 50.0, 1e6):
        drawn = torch.poisson(torch.full((40, 5), rate, dtype=theirs))
        equal(streams.poisson(np.full((40, 5), rate, ours), generator), drawn, generator)
    for alpha in (0.0, 0.1, 0.9, 1.0, 2.5, 100.0):
        drawn = torch._standard_gamma(torch.full((201,), alpha, dtype=theirs))
        made = streams.standard_gamma(np.full((201,), alpha, ours), generator)
        equal(made, drawn, generator)
        drawn = torch._sample_dirichlet(torch.full((20, 3), alpha, dtype=theirs))
        made = streams.dirichlet(np.full((20, 3), alpha, ours), generator)
        equal(made, drawn, generator)
    for n, p in ((10, 0.3), (10, 0.8), (0, 0.5), (5, 1.0), (100, 0.5), (1000, 0.95), (20, 0.5)):
        pair = [torch.full((150,), v, dtype=theirs) for v in (float(n), p)]
        drawn = torch.binomial(*pair)
        equal(streams.binomial(*[v.numpy() for v in pair], generator), drawn, generator)


def views(make):
    base = make(4, 8, 10)
    yield base
    yield base.transpose(2, 0, 1) if isinstance(base, np.ndarray) else base.permute(2, 0, 1)
    yield base[::2, 1::2]
    yield base[1, 2]
    yield base[:, 3, 2:7].T


def test_drawing_into_views():
    generator = both(2)
    mine = list(views(lambda *shape: np.zeros(shape, np.float32)))
    theirs = list(views(lambda *shape: torch.zeros(shape)))
    for array, tensor in zip(mine, theirs, strict=True):
        streams.fill(array, streams.uniform, -1, 1, generator=generator)
        equal(array, tensor.uniform_(-1, 1), generator)
        streams.fill(array, streams.normal, 1, 2, generator=generator)
        equal(array, tensor.normal_(1, 2), generator)
        streams.fill(array, streams.bernoulli, 0.5, generator=generator)
        equal(array, tensor.bernoulli_(0.5), generator)


def fails(call):
    with pytest.raises(Exception) as error:
        call()
    return type(error.value), str(error.value).splitlines()[0]


F32, I64, I32 = np.dtype(np.float32), np.dtype(np.int64), np.dtype(np.int32)


def weights(*values):
    return torch.tensor(values), np.array(values, np.float32)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda t: t.uniform_(2, 1), lambda: streams.uniform((4,), F32, 2, 1)),
        (lambda t: t.uniform_(-3e38, 3e38), lambda: streams.uniform((4,), F32, -3e38, 3e38)),
        (lambda t: t.uniform_(float("nan"), 1), lambda: streams.uniform((4,), F32, np.nan, 1)),
        (lambda t: t.normal_(0, -1), lambda: streams.normal((4,), F32, 0, -1)),
        (lambda t: t.exponential_(0), lambda: streams.exponential((4,), F32, 0)),
        (lambda t: t.geometric_(1.5), lambda: streams.geometric((4,), F32, 1.5)),
        (lambda t: t.cauchy_(0, -1.5), lambda: streams.cauchy((4,), F32, 0, -1.5)),
        (lambda t: t.log_normal_(0, 0), lambda: streams.log_normal((4,), F32, 0, 0)),
        (lambda t: t.bernoulli_(1.5), lambda: streams.bernoulli((4,), F32, 1.5)),
        (lambda t: t.long().uniform_(), lambda: streams.uniform((4,), I64)),
        (lambda t: t.long().normal_(), lambda: streams.normal((4,), I64)),
        (lambda t: t.long().exponential_(), lambda: streams.exponential((4,), I64)),
        (lambda t: t.int().cauchy_(), lambda: streams.cauchy((4,), I32)),
        (lambda t: t.long().log_normal_(), lambda: streams.log_normal((4,), I64)),
        (lambda t: t.bool().geometric_(0.5), lambda: streams.geometric((4,), np.bool_, 0.5)),
        (lambda t: t.int().random_(2**33, None), lambda: streams.random_integers((4,), I32, 2**33)),
        (lambda t: torch.randint(5, 5, (2,)), lambda: streams.randint((2,), I64, 5, 5)),
        (lambda t: torch.poisson(-t - 1), lambda: streams.poisson(np.array([-1.0]))),
        (lambda t: torch.poisson(t.long()), lambda: streams.poisson(np.array([1]))),
        *[
            (lambda t, w=w, a=a: torch.multinomial(w[0], *a),
             lambda w=w, a=a: streams.multinomial(w[1], *a))
            for w, a in (
                (weights(0.0, 0.0), (1,)),
                (weights(1.0, -1.0), (1,)),
                (weights(1.0, float("inf")), (3, True)),
                (weights(1.0, float("nan")), (1,)),
                (weights(1.0, 2.0), (3,)),
                (weights(1.0, 2.0), (0,)),
                ((torch.ones(()), np.ones((), np.float32)), (1,)),
                ((torch.ones(0), np.ones(0, np.float32)), (1,)),
                ((torch.ones(2).long(), np.ones(2, np.int64)), (1,)),
            )
        ],
        (lambda t: torch.Generator().manual_seed(2**64), lambda: Generator().manual_seed(2**64)),
        (lambda t: torch.Generator().manual_seed(1.5), lambda: Generator().manual_seed(1.5)),
        (lambda t: torch.Generator().set_state(t), lambda: Generator().set_state(np.zeros(4))),
        (lambda t: torch.Generator().set_state(torch.zeros(10, dtype=torch.uint8)),
         lambda: Generator().set_state(np.zeros(10, np.uint8))),
        (lambda t: torch.Generator().set_state(torch.zeros(5056, dtype=torch.uint8)),
         lambda: Generator().set_state(np.zeros(5056, np.uint8))),
    ],
)  # fmt: skip
def test_refusals(theirs, ours):
    assert fails(ours) == fails(lambda: theirs(torch.zeros(4)))


@pytest.mark.skipif(not NATIVE, reason="llvmlite is not installed")
@pytest.mark.parametrize("parameters", [(0.0, 1.0), (1.5, 0.7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_compiled_normals_to_the_bit(monkeypatch, dtype, parameters):
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        pytest.skip("other processors round in other places")
    monkeypatch.setattr(ENGINE, "draws", NATIVE.draws)
    for n in (16, 17, 100, 5003):
        generator = both(11)
        theirs = torch.empty(n, dtype=dtype).normal_(*parameters)
        name = np.dtype(ml_dtypes.bfloat16 if dtype == torch.bfloat16 else str(dtype)[6:])
        equal(streams.normal((n,), name, *parameters, generator), theirs, generator)
