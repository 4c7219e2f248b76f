"""The programs about torch.func observe the same in tidu and in PyTorch."""

import importlib
import sys
from pathlib import Path

import pytest
import torch as reference

import tidu

sys.path.insert(0, str(Path(__file__).parents[1]))
observe = importlib.import_module("programs.observe")
functions = importlib.import_module("programs.functions")
PROGRAMS = observe.collect(functions)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_observations(name):
    got = observe.plain(PROGRAMS[name](tidu))
    want = observe.plain(PROGRAMS[name](reference))
    if name.startswith("words_"):
        # PyTorch refuses some words, most with in-place writes, which tidu can do.
        assert functions.REFUSED not in got.values()
        refused = [word for word, value in want.items() if value == functions.REFUSED]
        assert len(refused) < 40
        for word in refused:
            got[word] = functions.REFUSED
    assert observe.difference(got, want) is None
