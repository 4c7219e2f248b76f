"""How far a product and its backward pass travel: library files entered, functions called."""

import sys
from pathlib import Path

import pytest
from source import PACKAGE

import tidu

torch = pytest.importorskip("tidu.tensor") and tidu


class Travel:
    """Counts calls of Python functions whose code lies in the package, while it is active."""

    def __enter__(self):
        self.calls = []
        sys.setprofile(self.note)
        return self

    def __exit__(self, *error):
        sys.setprofile(None)

    def note(self, frame, event, argument):
        # Closures made from a template by exec have no file; they count as functions all the same.
        name = frame.f_code.co_filename
        if event == "call" and name.startswith((str(PACKAGE), "<tidu")):
            self.calls.append((name, frame.f_code.co_qualname))

    @property
    def files(self):
        return {Path(name).name for name, _ in self.calls}


def product():
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    (x * y).backward()  # whatever is set up once is set up
    x.grad = y.grad = None
    return x, y


def test_product():
    x, y = product()
    with Travel() as travel:
        z = x * y
    assert z.item() == 6
    assert 0 < len(travel.files) <= 5, travel.calls
    assert len(travel.calls) <= 12, travel.calls


def test_backward():
    x, y = product()
    z = x * y
    with Travel() as travel:
        z.backward()
    assert (x.grad.item(), y.grad.item()) == (2, 3)
    assert 0 < len(travel.files) <= 5, travel.calls
    assert len(travel.calls) <= 25, travel.calls
