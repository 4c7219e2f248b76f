"""torch.quasirandom: points recorded from PyTorch 2.13, and what a Sobol sequence is."""

import pytest

import tidu as torch
from tidu.quasirandom import SobolEngine


def test_points_are_pytorchs():
    assert SobolEngine(4).draw(5).tolist() == [
        [0.0] * 4, [0.5] * 4, [0.75, 0.25, 0.25, 0.25], [0.25, 0.75, 0.75, 0.75],
        [0.375, 0.375, 0.625, 0.875],
    ]  # fmt: skip
    last = SobolEngine(21201).draw(8)
    assert last[:5, -1].tolist() == [0.0, 0.5, 0.75, 0.25, 0.625]
    assert last[:5].double().sum().item() == 42511.125


def test_scrambled_points_are_pytorchs():
    torch.manual_seed(5)
    for engine, wanted, quasi in [
        (
            SobolEngine(3, scramble=True, seed=3),
            7.416052848100662,
            [826994716, 60001875, 666718612],
        ),
        (SobolEngine(5, scramble=True), 12.681656657718122, [980709892, 180283096, 177633779]),
    ]:
        assert engine.draw(5).double().sum().item() == wanted
        engine.draw(3)
        engine.fast_forward(10)
        engine.draw()
        assert engine.quasi[:3].tolist() == quasi and engine.num_generated == 19
    assert repr(engine) == "SobolEngine(dimension=5, scramble=True)"


def test_parts_of_a_sequence_are_the_sequence():
    whole = SobolEngine(7).draw(40)
    engine = SobolEngine(7)
    parts = [engine.draw(1), engine.draw(0), engine.draw(12), engine.draw(27)]
    assert torch.equal(torch.cat(parts), whole)
    engine.reset().fast_forward(33)
    assert torch.equal(engine.draw(7, dtype=torch.float64), whole[33:].double())
    balanced = SobolEngine(5, scramble=True, seed=1).draw_base2(6)
    for axis in range(5):  # one point in each 64th of an axis
        assert sorted((balanced[:, axis] * 64).long().tolist()) == list(range(64))


def test_refusals():
    for dimension in (0, 30000):
        with pytest.raises(ValueError, match=r"dimensionality for SobolEngine is \[1, 21201\]"):
            SobolEngine(dimension)
    engine = SobolEngine(2)
    engine.draw(3)
    with pytest.raises(ValueError, match="require n to be a power of 2"):
        engine.draw_base2(3)
