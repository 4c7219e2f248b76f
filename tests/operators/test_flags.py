"""Flags must be bools; see flags.py."""

import pytest
from flags import FLAGS, refusals

import tidu as torch


def test_flags():
    assert refusals(torch) == FLAGS


def test_flags_by_other_ways():
    """Where PyTorch counts or lists the arguments differently, for a function and for a word."""
    x = torch.ones(3, 4)
    calls = (
        lambda: torch.sum(x, 0, 1), lambda: x.sum(0, keepdim=1), lambda: x.sum(axis=0, keepdims=1),
        lambda: torch.norm(x, 2, 0, 1), lambda: torch.rand(2, requires_grad=1),
        lambda: x.sort(descending=1), lambda: torch.hann_window(4, 1), lambda: x.sum(0, None),
        lambda: torch.nn.functional.max_pool2d(x[None], 2, ceil_mode=1),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(TypeError, match=r"must be bool|invalid combination"):
            call()


def test_bools_and_the_other_forms_are_taken():
    x = torch.arange(12.0).reshape(3, 4)
    assert x.sum(0, True).shape == (1, 4) and x.sum(axis=0, keepdims=True).shape == (1, 4)
    assert x.std(1).shape == (3,) and x.std(1, None).shape == (3,) and x.std(False).dim() == 0
    assert x.var(dim=0, correction=1, keepdim=True).shape == (1, 4)
    assert x.sort(0, True).values[0, 0] == 8 and x.topk(1, 1, False).values[0] == 0
