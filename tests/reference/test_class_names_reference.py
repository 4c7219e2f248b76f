"""Public classes bear the names they have in PyTorch."""

import pytest
import torch

import tidu

PLACES = ("nn", "optim", "optim.lr_scheduler", "utils.data", "distributions", "optim.swa_utils",
          "distributions.transforms", "nn.parallel")  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_names_of_classes(place):
    theirs, ours = torch, tidu
    for part in place.split("."):
        theirs, ours = getattr(theirs, part), getattr(ours, part)
    wrong = []
    for name in dir(ours):
        a, b = getattr(theirs, name, None), getattr(ours, name)
        both = isinstance(a, type) and isinstance(b, type)
        # Those without a shape yet are pickled by their place.
        both = both and not name.startswith("Uninitialized")
        if both and a.__module__.startswith("torch") and str(a) != str(b):
            wrong.append((str(b), str(a)))
    assert not wrong
