"""What the comparison of random programs tells apart: rounding that a program magnifies, and
defects, which are planted in what is compiled."""

from unittest import mock

import numpy as np
import pytest
import random_operations as some
from random_nudges import nudged_steps
from random_programs import Program
from random_runs import compared, examine
from random_values import difference

import tidu as torch
from tidu.compiler.loops.coefficients import POLYNOMIALS
from tidu.compiler.machine import cache

pytestmark = pytest.mark.slow


class Planted(Program):
    """A random program of which one operation is another where it is compiled."""

    def __init__(self, seed, table, place, instead):
        super().__init__(seed, "inside")
        self.changed = table, place, instead

    def results(self, compiled, nudge=0.0):
        if not compiled:
            return super().results(compiled, nudge)
        name, place, instead = self.changed
        table = list(getattr(some, name))
        table[place] = instead
        with mock.patch.object(some, name, tuple(table)):
            return super().results(compiled, nudge)


def turned(x):
    """Its transpose, read as if it lay as the tensor does."""
    return x.reshape(x.mT.shape) if x.ndim > 1 else x[None]


def mistaken(x):
    """tanh, of which the first element is another's."""
    y = x.tanh()
    return torch.cat([y.reshape(-1)[-1:], y.reshape(-1)[1:]]).reshape(y.shape)


class Rough(torch.autograd.Function):
    """sin, whose derivative is wrong."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].cos() * (1 + 1e-9)


# An operation's table, its place there, what is put in its place; programs that show it.
DEFECTS = {
    "relative error of 1e-11": (
        ("FLOATS", 0, lambda x: x.sin() * (1 + 1e-11)), (14000017, 14000057, 14000067, 14000102)),
    "derivative off by 1e-9": (("FLOATS", 0, Rough.apply), (14000059, 14000138, 14000143)),
    "formula": (
        ("FLOATS", 11, lambda x: 1 / (x * x + (1 + 1e-10))), (14000043, 14000048, 14000059)),
    "element": (("FLOATS", 2, mistaken), (14000016, 14000053, 14000069, 14000117)),
    "stride": (("VIEWS", 0, turned), (14000056, 14000224, 14000275)),
    "write that is missing": (
        ("WRITES", 0, lambda p, y: None), (14000051, 14000080, 14000098, 14000109)),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_defects_are_found(name):
    planted, seeds = DEFECTS[name]
    for seed in seeds:
        assert compared(Planted(seed, *planted), seed) is not None, seed
        torch.compiler.reset()


class Own:
    """A program of one function of a tensor, and its gradient."""

    kind, unit = "own", 2.2e-16

    def __init__(self, function, given):
        self.function, self.given = function, given

    def results(self, compiled, nudge=0.0):
        off = np.random.RandomState(1).standard_normal(len(self.given))
        x = torch.tensor(self.given * (1 + nudge * off), requires_grad=True)
        out = (torch.compile(self.function) if compiled else self.function)(x)
        (gradient,) = torch.autograd.grad(out.sum(), x)
        return [out.detach().numpy(), gradient.numpy()]


def saturated(x):
    """The derivative of tanh near one, made large: its value has few digits that are right."""
    return ((x * 1e-3).sin() + 9).tanh().atanh() * x


GIVEN = np.random.RandomState(0).standard_normal(64)


@pytest.mark.parametrize("name", ["ERF", "ASIN"])
def test_a_polynomial_cut_by_one_term_is_found(name, monkeypatch):
    function = {"ERF": torch.erf, "ASIN": torch.asin}[name]
    program = Own(lambda x: function(x) * 2 + x, np.linspace(-0.99, 0.99, 64))
    monkeypatch.setattr(cache, "read", lambda key: None)
    monkeypatch.setattr(cache, "write", lambda key, code: None)
    assert compared(program, 0) is None
    torch.compiler.reset()
    monkeypatch.setitem(POLYNOMIALS["f64"], name, POLYNOMIALS["f64"][name][:-1])
    assert compared(program, 0) is not None
    torch.compiler.reset()


# In each of them the derivative of tanh near one is magnified: compiled and eager code differ in
# the last digit of tanh.
@pytest.mark.parametrize("seed", [13008935, 13010039, 13014052])
def test_rounding_inside_a_program_is_no_defect(seed):
    assert examine(seed, "inside") is None


def changed(program, nudge):
    expected = program.results(False)
    with nudged_steps(0):
        stepped = program.results(False)
    nudged = program.results(False, nudge)
    return [
        max(np.abs(a - b).max() for a, b in zip(other, expected, strict=True))
        for other in (stepped, nudged)
    ]


def test_steps_tell_what_inputs_do_not():
    stepped, nudged = changed(Own(saturated, GIVEN), 4 * 2.2e-16)
    assert stepped > 1e-11
    assert nudged < stepped / 200
    stepped, _ = changed(Own(lambda x: (x.sin() * x + x.exp()).sum() / 64, GIVEN), 0.0)
    assert 0 < stepped < 1e-14


def test_steps_inside_a_normalisation_count():
    """The mean of equal numbers, off by its last digit, is magnified where nothing else is."""
    norm = lambda x: torch.nn.functional.layer_norm(x.reshape(4, 3), (3,), eps=1e-14)
    program = Own(norm, np.repeat(np.random.RandomState(1).rand(4), 3))
    stepped, _ = changed(program, 0.0)
    assert 1e-10 < stepped < 1e-8


def test_exact_steps_stay():
    """The element that is the largest is found by comparison, so that it must stay what it is."""
    program = Own(lambda x: x.flip(0).amax() + (x * 2).sort().values.floor() + x.abs(), GIVEN)
    expected = program.results(False)
    with nudged_steps(0):
        found = program.results(False)
    assert np.array_equal(found[1], expected[1])


def test_the_largest_of_zeros_of_both_signs_is_either():
    given = np.array([[0.0, -0.0, -1.0], [-0.0, -0.0, -1.0], [0.0, 0.0, -1.0], [2.0, 0.0, -0.0]])
    program = Own(lambda x: x.reshape(4, 3).amax(1) * 1.0, given.ravel())
    (expected,) = program.results(False)[:1]
    signs = []
    for seed in range(4):
        with nudged_steps(seed):
            (found,) = program.results(False)[:1]
        assert np.array_equal(found, expected)
        signs.append(np.signbit(found))
    assert len({s[0] for s in signs}) == 2  # both have been seen
    assert np.all(np.array(signs)[:, 1]) and not np.any(np.array(signs)[:, 2:])


def test_rounding_inside_excuses_numbers_alone():
    whole, real, nan = np.arange(3), np.ones(3), np.array([1, np.nan, 1])
    off = real + 1e-9
    assert difference([off], [real], 2.2e-16)
    assert difference([off], [real], 2.2e-16, stepped=[[real + 1e-10]]) is None
    assert difference([real + 1e-8], [real], 2.2e-16, stepped=[[real + 1e-10]])
    assert difference([whole + 1], [whole], 2.2e-16, stepped=[[whole + 1]])
    assert difference([nan], [real], 2.2e-16, stepped=[[nan]])
    assert difference([off], [real], 2.2e-16, stepped=[[nan]])


def test_signs_of_zeros():
    plus, minus = np.array([0.0, 1.0]), np.array([-0.0, 1.0])
    assert difference([minus], [plus], 2.2e-16) is None
    assert "1 zeros have the sign -1, not +1" in difference([minus], [plus], 2.2e-16, signs=True)
    assert difference([minus], [plus], 2.2e-16, [[plus]], [[plus]], signs=True)
    for unsteady in (minus, np.array([1e-20, 1.0])):
        assert difference([minus], [plus], 2.2e-16, [[unsteady]], signs=True) is None
    parts = np.array([complex(0.0, -0.0)]), np.array([complex(0.0, 0.0)])
    assert difference([parts[0]], [parts[1]], 2.2e-16, signs=True)
