"""Values and gradients at kinks, ties and NaN, refusals, and 16-bit statistics, as recorded."""

import json
from pathlib import Path

import pytest
from edges import CASES, differences, outcome

import tidu

pytestmark = pytest.mark.slow

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "edges.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_edge(name):
    assert not differences(outcome(tidu, name), RECORDED[name], CASES[name][2])
