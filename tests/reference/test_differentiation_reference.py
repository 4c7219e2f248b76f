"""Programs of differentiation, right and wrong ones, give what PyTorch gives and refuses."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch as reference

import tidu

sys.path.insert(0, str(Path(__file__).parents[1]))
PROGRAMS = importlib.import_module("programs.differentiation").PROGRAMS
# What differs, and is meant to: tidu goes on where PyTorch refuses, or says it in other words.
KNOWN = {
    18: "the refusal of a write from a batch into what is shared has vmap's words",
    131: "forward-mode levels belong to their thread; PyTorch has one for all",
    147: "a pack hook that takes no argument",
    174: "the split's own node is shown without its siblings",
}
NUMBER = r"-?\d+\.?\d*(?:e-?\d+)?"


def outcome(library, program):
    try:
        return "ok", repr(program(library)).replace("tidu.", "torch.")
    except Exception as error:
        return type(error).__name__, str(error)


def first_words(text):
    return re.split(r"\.\s|\s+hint: ", text.lower())[0].strip()[:60]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", [k for k in range(len(PROGRAMS)) if k not in KNOWN])
def test_outcomes_agree(place):
    theirs, mine = [outcome(library, PROGRAMS[place]) for library in (reference, tidu)]
    assert mine[0] == theirs[0], (mine, theirs)
    if mine[0] != "ok":
        assert first_words(mine[1]) == first_words(theirs[1])
        return
    numbers = [[float(n) for n in re.findall(NUMBER, text)] for _, text in (mine, theirs)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-4, abs=1e-5)
    assert re.sub(NUMBER, "#", mine[1]) == re.sub(NUMBER, "#", theirs[1])
