"""Transforms of transforms of many functions give PyTorch's numbers."""

import importlib
import sys
from pathlib import Path

import pytest
import torch as reference

import tidu

sys.path.insert(0, str(Path(__file__).parents[1]))
words = importlib.import_module("programs.words")
# PyTorch 2.13's nested derivatives of these disagree with differences, for instance the second
# derivative of det(x xᵀ + 2) along ones, which is 24 and comes out as -2.
WRONG_THERE = {"det", "layer_norm", "solve"}
ALL = list(words.functions(tidu))
NAMES = [name for name in ALL if name not in WRONG_THERE]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_words_agree(name):
    mine, theirs = words.functions(tidu)[name], words.functions(reference)[name]
    for word in words.assigned(ALL.index(name), len(ALL)):
        try:
            want = words.word(reference, word, theirs)(words.point(reference)).tolist()
        except RuntimeError:
            continue  # a composition that PyTorch refuses
        got = words.word(tidu, word, mine)(words.point(tidu))
        error = (got - tidu.tensor(want, dtype=got.dtype)).abs().max()
        assert float(error) < 1e-9 * max(1.0, float(got.abs().max())), word


IN_PLACE = list(words.in_place_functions(tidu))
EVERY = [*words.LETTERS, *words.all_words(2), *words.all_words(3)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IN_PLACE)
def test_words_of_programs_that_write_in_place_agree(name):
    """Every seventh word, another seventh for each function, so that together they meet most."""
    mine, theirs = [words.in_place_functions(m)[name] for m in (tidu, reference)]
    compared = 0
    for word in EVERY[IN_PLACE.index(name) :: 7]:
        try:
            want = words.word(reference, word, theirs)(words.point(reference)).tolist()
        except RuntimeError:
            continue  # a composition that PyTorch refuses
        got = words.word(tidu, word, mine)(words.point(tidu))
        error = (got - tidu.tensor(want, dtype=got.dtype)).abs().max()
        assert float(error) < 1e-9 * max(1.0, float(got.abs().max())), word
        compared += 1
    assert compared > 20
