"""One-line programs, most of them wrong, give what PyTorch gives: the same values or sentence."""

import json
from pathlib import Path

import pytest
from lines import LINES, outcome, same

import tidu

pytestmark = pytest.mark.slow
RECORDED = json.loads((Path(__file__).parents[1] / "data" / "lines.json").read_text())


@pytest.mark.parametrize("line", LINES)
def test_line(line):
    found = outcome(tidu, line)
    assert same(found, RECORDED[line]), (found, RECORDED[line])
