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
    f, x = FUNCTIONS[name], words.point(torch)
    for word in words.assigned(NAMES.index(name), len(NAMES)):
        got = words.word(torch, word, f)(x)
        want = by_differences(word[0], words.word(torch, word[1:], f), x)
        scale = max(1.0, float(want.abs().max()))
        assert got.shape == want.shape, word
        assert float((got - want).abs().max()) < 1e-5 * scale, word


def by_differences(letter, f, x):
    """What the transform `letter` of f is at x, from values of f (for h: of its gradient)."""
    if letter == "v":
        return torch.stack([f(x), f(0.9 * x)])
    if letter == "h":
        return differences(words.word(torch, "g", f), x)
    jacobian = differences(f, x)
    if letter in "fr":
        return jacobian
    return jacobian.sum(-1) if letter == "j" else jacobian.reshape(-1, x.numel()).sum(0)


def differences(f, x, h=1e-3):
    """The Jacobian by central differences with one step of Richardson extrapolation."""
    columns = []
    for i in range(x.numel()):
        e = torch.zeros_like(x)
        e[i] = 1.0
        coarse = (f(x + 2 * h * e) - f(x - 2 * h * e)) / (4 * h)
        fine = (f(x + h * e) - f(x - h * e)) / (2 * h)
        columns.append((4 * fine - coarse) / 3)
    return torch.stack(columns, -1)


def test_layout():
    x = torch.ones(2, layout=torch.strided)
    assert x.layout is torch.strided
    assert isinstance(x.layout, torch.layout)
    assert repr(x.layout) == "torch.strided"
