"""The random streams: recorded values of PyTorch 2.13, places, states, promises of each draw."""

import copy
import pickle
import threading

import ml_dtypes
import numpy as np
import pytest

from tidu.base import streams
from tidu.base.streams import Generator

F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
BF16 = np.dtype(ml_dtypes.bfloat16)


def seeded(seed=0):
    return Generator().manual_seed(seed)


# Printed by PyTorch 2.13 after torch.manual_seed(0), one fresh seed for each.
RECORDED = {
    "s.rand((5,), F32, g)": (
        [
            0.49625659,
            0.768221796,
            0.0884774327,
            0.132030487,
            0.307422817,
        ],
        10638075,
    ),
    "s.rand((4,), F64, g)": (
        [
            0.9700530018065531,
            0.707819864399788,
            0.45938294312745087,
            0.9207476841219603,
        ],
        7644169,
    ),
    "s.rand((4,), BF16, g)": ([0.49609375, 0.76953125, 0.0883789062, 0.131835938], 5157699),
    "s.uniform((4,), F32, -3, 0.5, g)": (
        [
            -1.26310194,
            -0.311223716,
            -2.69032907,
            -2.5378933,
        ],
        5157699,
    ),
    "s.normal((5,), F32, generator=g)": (
        [
            1.54099607,
            -0.293428898,
            -2.17878938,
            0.568431258,
            -1.08452237,
        ],
        374564,
    ),
    "s.normal((18,), F32, generator=g)": (
        [
            -1.12583983,
            -1.1523602,
            0.566650629,
            0.793508351,
            0.598839462,
            -1.55509508,
            -0.34136039,
            1.85300612,
            0.468096405,
            -0.157712445,
            -0.173396751,
            0.183477938,
            1.38936615,
            1.58633423,
            0.946298361,
            -0.843676746,
            0.931826591,
            1.25900924,
        ],
        2527987,
    ),
    "s.normal((3,), F64, 1, 2, g)": (
        [
            4.081992216488087,
            0.41314218847810724,
            -3.357578764149115,
        ],
        7644169,
    ),
    "s.normal((17,), F64, 1, 2, g)": (
        [
            -3.620823600468352,
            -0.2665492177350193,
            -1.521849311438877,
            -0.4539021241308221,
            0.9600704981844747,
            1.4205997802033894,
            1.3543787027873317,
            -0.661020102016898,
            1.4774361163363412,
            0.5146412350822847,
            -0.5460225545916362,
            -2.1903629761566137,
            -0.37400738808709266,
            3.976148631621345,
            0.10316839057709781,
            -0.7820060703414751,
            2.3497150871880077,
        ],
        8708898,
    ),
    "s.normal((18,), BF16, generator=g)": (
        [
            -1.125,
            -1.15625,
            -1.3515625,
            -1.6953125,
            0.56640625,
            0.79296875,
            0.59765625,
            -1.5546875,
            -0.341796875,
            1.8515625,
            0.75,
            -0.5859375,
            -0.173828125,
            0.18359375,
            1.390625,
            1.5859375,
            0.9453125,
            -0.84375,
        ],
        2951283,
    ),
    "s.randint((6,), I64, 0, 10, g)": ([4, 9, 3, 0, 3, 9], 8222403),
    "s.randint((4,), I64, -5, 2**40, g)": (
        [
            741234585336,
            506077272957,
            291397093751,
            841111833108,
        ],
        7644169,
    ),
    "s.random_integers((4,), I64, generator=g)": (
        [
            900450186894289455,
            3969543146641149120,
            1895649597198586619,
            827948490035658087,
        ],
        7644169,
    ),
    "s.randperm(10, I64, g)": ([4, 1, 7, 5, 3, 9, 0, 8, 6, 2], 10608339),
    "s.bernoulli((8,), F32, 0.3, g)": ([0, 0, 0, 0, 0, 0, 1, 0], 11704920),
    "s.bernoulli_array((8,), F32, np.full(8, 0.3, F32), g)": ([0, 0, 1, 1, 0, 0, 0, 0], 7644169),
    "s.exponential((4,), F32, 2.0, g)": (
        [
            1.75416315,
            0.615192354,
            0.307522058,
            1.26755929,
        ],
        7644169,
    ),
    "s.cauchy((4,), F32, 0.0, 1.0, g)": (
        [
            10.5977297,
            0.764767289,
            -0.128299341,
            3.93307328,
        ],
        7644169,
    ),
    "s.log_normal((3,), F32, 0.0, 1.0, g)": ([4.66923904, 0.745702207, 0.113178462], 7644169),
    "s.geometric((6,), F32, 0.2, g)": ([1, 2, 4, 1, 2, 2], 374564),
    "s.multinomial(np.array([1, 2, 3, 4], F32), 3, False, g)": ([2, 1, 3], 7644169),
    "s.multinomial(np.array([1, 2, 3, 4], F32), 6, True, g)": ([3, 3, 2, 3, 3, 3], 374564),
    "s.poisson(np.array([0.5, 3, 20, 1000], F32), g)": ([2, 4, 21, 996], 7036504),
    "s.standard_gamma(np.array([0.3, 1, 5], F32), g)": (
        [
            5.90695163e-06,
            0.118983701,
            5.02177429,
        ],
        11704920,
    ),
    "s.dirichlet(np.array([0.3, 1, 5], F32), g)": (
        [
            1.14904196e-06,
            0.0231451411,
            0.976853728,
        ],
        11704920,
    ),
    "s.binomial(np.array([10, 50, 9], F32), np.array([0.3, 0.6, 1], F32), g)": (
        [
            6,
            32,
            9,
        ],
        2701626,
    ),
}


@pytest.mark.parametrize("call", RECORDED)
def test_recorded(call):
    generator = seeded()
    made = eval(call, {"s": streams, "np": np, "g": generator, **globals()})
    numbers, following = RECORDED[call]
    expected = np.array(numbers, np.float64)
    np.testing.assert_allclose(made.astype(np.float64).ravel(), expected, rtol=2e-6)
    assert int(generator.words(1)[0]) % 2**24 == following


def test_place_does_not_depend_on_the_pieces():
    whole, pieces = seeded(5), seeded(5)
    words = whole.words(5000)
    taken = [pieces.words(n) for n in (0, 1, 2, 620, 1, 1, 624, 625, 3000, 126)]
    np.testing.assert_array_equal(words, np.concatenate(taken))
    assert whole.state_bytes() == pieces.state_bytes()


@pytest.mark.parametrize("used", [0, 1, 623, 624, 625, 3000])
def test_state_copies(used):
    generator = seeded(9)
    generator.words(used)
    streams.normal((3,), F32, generator=generator)
    expected = generator.clone_state()
    restored = Generator()
    restored.set_state(generator.get_state())
    copies = [restored, copy.deepcopy(generator), copy.copy(generator),
              pickle.loads(pickle.dumps(generator)), generator]  # fmt: skip
    numbers = streams.normal((5,), F32, generator=expected)
    for clone in copies:
        assert clone.initial_seed() == 9
        np.testing.assert_array_equal(streams.normal((5,), F32, generator=clone), numbers)
        assert clone.state_bytes() == expected.state_bytes()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("used", [0, 1, 624, 3000])
def test_a_place_is_found_again_after_another_seed(used, compiled):
    """Also where nothing was drawn before, and where a state was loaded meanwhile."""
    generator = seeded(9)
    if compiled:
        generator.write_words(np.empty(used, np.uint32), used)
    else:
        generator.words(used)
    place, expected = generator.place(), generator.clone_state().words(700)
    for disturb in (lambda: generator.manual_seed(3), lambda: generator.words(1000),
                    lambda: generator.set_state(seeded(4).get_state())):  # fmt: skip
        disturb()
        generator.words(5)
        generator.return_to(place)
        assert generator.initial_seed() == 9
        np.testing.assert_array_equal(generator.words(700), expected)


def test_places_are_left_without_a_draw():
    """Back to the beginning, where nothing is drawn, and then on from where the stream stood."""
    generator = seeded(9)
    beginning = generator.place()
    generator.words(700)
    place, expected = generator.place(), generator.clone_state().words(2000)
    generator.return_to(beginning)
    generator.return_to(place)
    np.testing.assert_array_equal(generator.words(2000), expected)


def test_state_layout():
    state = np.frombuffer(seeded(7).state_bytes(), np.uint8)
    assert state.shape == (5056,)
    assert state[:16].tolist() == [7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]
    assert state.view(np.uint64)[3:6].tolist() == [7, 4097098180, 3572822661]


@pytest.mark.parametrize("offset", [8, 12, 16])
def test_a_damaged_state_is_refused(offset):
    generator = seeded(7)
    generator.words(3)
    before = generator.state_bytes()
    damaged = bytearray(before)
    damaged[offset : offset + 4] = b"\xff\xff\xff\x7f"
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        generator.load_state_bytes(bytes(damaged))
    assert generator.state_bytes() == before


def test_seeds():
    assert Generator().initial_seed() == 67280421310721
    assert seeded(-1).initial_seed() == 2**64 - 1
    assert seeded(np.int64(4)).words(3).tolist() == seeded(4).words(3).tolist()
    generator = Generator()
    assert generator.seed() == generator.initial_seed() != generator.seed()
    for wrong in (1.5, "3", True, None):
        with pytest.raises(RuntimeError, match="manual_seed expected a long"):
            generator.manual_seed(wrong)
    for wrong in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            generator.manual_seed(wrong)


def test_importing_does_not_load_numpy_random(tmp_path):
    import subprocess
    import sys

    code = "import sys, tidu.base.streams; print('numpy.random' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_threads_share_a_generator():
    generator, expected = seeded(1), np.sort(seeded(1).words(80_000))
    taken = []

    def take():
        for _ in range(1000):
            taken.append(generator.words(10).copy())

    threads = [threading.Thread(daemon=True, target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.sort(np.concatenate(taken)), expected)


@pytest.mark.parametrize("dtype", [np.float16, BF16, F32, F64])
def test_uniform_stays_in_its_range(dtype):
    for low, high in ((0, 1), (-1, 3), (3, 5)):
        numbers = streams.uniform((50_000,), dtype, low, high, seeded()).astype(np.float64)
        assert numbers.min() >= low and numbers.max() < high
        assert abs(numbers.mean() - (low + high) / 2) < 0.01 * (high - low)


def test_moments():
    n = 200_000
    numbers = streams.normal((n,), F32, 2.0, 3.0, seeded())
    assert abs(numbers.mean() - 2) < 0.03 and abs(numbers.std() - 3) < 0.03
    made = {
        "exponential": (streams.exponential((n,), F64, 2.0, seeded()), 0.5, 0.25),
        "geometric": (streams.geometric((n,), F64, 0.25, seeded()), 4.0, 12.0),
        "gamma": (streams.standard_gamma(np.full(20_000, 3.0), seeded()), 3.0, 3.0),
        "poisson": (streams.poisson(np.full(20_000, 12.0), seeded()), 12.0, 12.0),
        "binomial": (
            streams.binomial(np.full(20_000, 40.0), np.full(20_000, 0.7), seeded()), 28.0, 8.4
        ),
    }  # fmt: skip
    for name, (numbers, mean, variance) in made.items():
        assert numbers.mean() == pytest.approx(mean, rel=0.02), name
        assert numbers.var() == pytest.approx(variance, rel=0.06), name


def test_randperm_is_a_permutation():
    for n in (0, 1, 2, 399, 400, 401, 5000):
        assert sorted(streams.randperm(n, I64, seeded()).tolist()) == list(range(n))


def test_multinomial_without_replacement_repeats_nothing():
    chosen = streams.multinomial(np.ones((50, 30), np.float32), 30, False, seeded())
    assert all(sorted(row) == list(range(30)) for row in chosen.tolist())
    never = streams.multinomial(np.array([0.0, 1.0, 0.0, 2.0]), 500, True, seeded())
    assert set(never.tolist()) == {1, 3}


def test_fill_keeps_to_the_view():
    base = np.zeros((4, 6), np.float32)
    streams.fill(base[::2, 1::2], streams.uniform, 1, 2, generator=seeded())
    assert (base != 0).sum() == 6 and (base[1::2] == 0).all()
    streams.fill(base.T, streams.normal, generator=seeded())
    serial = streams.normal((24,), F32, generator=seeded(), serial=True)
    np.testing.assert_array_equal(base.ravel(), serial)


def test_empty_draws_leave_the_place():
    generator = seeded()
    before = generator.state_bytes()
    for draw in (streams.rand, streams.normal, streams.exponential, streams.random_integers):
        assert draw((0, 3), F32, generator=generator).shape == (0, 3)
    assert generator.state_bytes() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: streams.uniform((2,), F32, 2, 1), "uniform_ expects to return a"),
        (lambda: streams.normal((2,), F32, 0, -1), "normal expects std >= 0.0, but found std -1"),
        (lambda: streams.randint((2,), I64, 5, 5), "random_ expects 'from' to be less than 'to'"),
        (lambda: streams.randint((2,), np.dtype(np.uint8), 0, 300), "to - 1 is out of bounds for"),
        (lambda: streams.bernoulli((2,), F32, 1.5), "bernoulli_ expects p to be in"),
        (lambda: streams.multinomial(np.zeros(3), 1), "invalid multinomial distribution"),
        (lambda: streams.multinomial(np.ones(3), 4), "cannot sample n_sample > prob_dist.size"),
        (lambda: streams.poisson(np.array([-1.0])), "invalid Poisson rate"),
        (lambda: Generator("cuda"), "Cannot get CUDA generator"),
        (lambda: Generator().get_offset(), "CPU Generator does not use offset"),
    ],
)
def test_refusals_carry_a_hint(call, message):
    with pytest.raises(RuntimeError, match="Hint: ") as error:
        call()
    assert str(error.value).startswith(message)
