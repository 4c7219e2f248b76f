"""Transforms of transforms of many functions, each word against differences of a shorter one."""

import importlib
import sys
from pathlib import Path

import pytest

import tidu as torch

pytestmark = pytest.mark.slow

sys.path.insert(0, str(Path(__file__).parent))
words = importlib.import_module("programs.words")
FUNCTIONS = words.functions(torch)
NAMES = list(FUNCTIONS)


def test_every_word_is_somebodys():
    shares = [words.assigned(k, len(NAMES)) for k in range(len(NAMES))]
    met = {word for share in shares for word in share}
    assert len(NAMES) >= 40
    assert met == {word for length in (1, 2, 3) for word in words.all_words(length)}


@pytest.mark.parametrize("name", NAMES)
def test_words_agree_with_differences(name):
    for word in words.assigned(NAMES.index(name), len(NAMES)):
        check(name, word)


@pytest.mark.parametrize("letter", words.LETTERS)
@pytest.mark.parametrize("name", words.WRONG_IN_PYTORCH)
def test_every_word_where_pytorch_is_wrong(name, letter):
    for rest in ("", *words.all_words(1), *words.all_words(2)):
        check(name, letter + rest)


def test_a_word_that_once_stopped():
    check("prod", "vhh")


def check(name, word):
    """The word of the function is what differences of the word one shorter give."""
    f, x = FUNCTIONS[name], words.point(torch)
    got = words.word(torch, word, f)(x)
    want = words.by_differences(torch, word, f)
    assert got.shape == want.shape, (name, word)
    scale = max(1.0, float(want.abs().max()))
    assert float((got - want).abs().max()) < 1e-5 * scale, (name, word)


def test_layout():
    x = torch.ones(2, layout=torch.strided)
    assert x.layout is torch.strided
    assert isinstance(x.layout, torch.layout)
    assert repr(x.layout) == "torch.strided"
