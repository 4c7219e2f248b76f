"""Transforms of transforms of many functions give PyTorch's numbers."""

import importlib
import os
import random
import sys
from pathlib import Path

import pytest
import torch as reference

import tidu

sys.path.insert(0, str(Path(__file__).parents[1]))
words = importlib.import_module("programs.words")
NAMES = list(words.functions(tidu))
EVERY = [*words.LETTERS, *words.all_words(2), *words.all_words(3)]
SEED = int.from_bytes(os.urandom(4), "little")  # other words at each run; named where one fails


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_words_agree(name):
    """PyTorch's numbers, or where it refuses or differs, differences of the word one shorter."""
    mine, theirs = words.functions(tidu)[name], words.functions(reference)[name]
    for word in random.Random(f"{SEED} {name}").sample(EVERY, 16):
        got = words.word(tidu, word, mine)(words.point(tidu))
        try:
            want = words.word(reference, word, theirs)(words.point(reference)).tolist()
        except RuntimeError:
            want = None  # a composition that PyTorch refuses
        if want is None or not near(got, tidu.tensor(want, dtype=got.dtype), 1e-9):
            assert want is None or name in words.WRONG_IN_PYTORCH, (SEED, name, word)
            assert near(got, words.by_differences(tidu, word, mine), 1e-5), (SEED, name, word)


def near(got, want, tolerance):
    same = got.shape == want.shape
    return same and float((got - want).abs().max()) < tolerance * max(1.0, float(want.abs().max()))


IN_PLACE = list(words.in_place_functions(tidu))


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
        assert near(got, tidu.tensor(want, dtype=got.dtype), 1e-9), word
        compared += 1
    assert compared > 20
