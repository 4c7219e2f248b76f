"""Code that tidu writes itself: tracebacks show its lines, and none is the program's."""

import linecache
import traceback

import pytest

import tidu as torch
from tidu.base.frames import OURS
from tidu.primitives.activations import silu
from tidu.primitives.reductions import variance


@pytest.fixture
def rules():
    """A rule of elements and one over axes, derived by the first backward pass."""
    x = torch.ones(3, requires_grad=True)
    (torch.nn.functional.silu(x).sum() + x.var()).backward()
    return [silu.vjp["x"], variance.vjp["x"]]


def test_a_traceback_shows_the_line_of_a_rule(rules):
    linecache.checkcache()
    for rule in rules:
        with pytest.raises((AttributeError, TypeError)) as raised:
            rule(*[object()] * rule.__code__.co_argcount)
        shown = [frame.line for frame in traceback.extract_tb(raised.tb) if frame.name == "rule"]
        assert shown and shown[0] in [line.strip() for line in rule.text.splitlines()]


def test_each_text_has_a_name_of_its_own_among_tidus(rules):
    files = [rule.__code__.co_filename for rule in rules]
    assert files[0] != files[1] and all(OURS[file] for file in files)
