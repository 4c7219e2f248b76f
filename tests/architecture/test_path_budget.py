"""How far a product and its backward pass travel: library files entered, functions called."""

import sys

from source import PACKAGE

from tidu.frontend.tensor import Tensor
from tidu.ops import tensor

assert Tensor is not None  # its methods are what `*` and `.backward()` mean below


class Travel:
    """Counts calls of Python functions whose code lies in the package, while it is active."""

    def __enter__(self):
        self.calls = []
        sys.setprofile(self.note)
        return self

    def __exit__(self, *error):
        sys.setprofile(None)

    def note(self, frame, event, argument):
        # Functions made from a template have the template's name for a file; they count too.
        name = frame.f_code.co_filename
        if event == "call" and name.startswith((str(PACKAGE), "<")):
            self.calls.append(f"{name.removeprefix(str(PACKAGE))}: {frame.f_code.co_qualname}")

    def assert_within(self, files, functions):
        listing = "\n".join(self.calls)
        entered = {call.split(":")[0] for call in self.calls}
        assert 0 < len(entered) <= files, listing
        assert len(self.calls) <= functions, listing


def product():
    x = tensor(3.0, requires_grad=True)
    y = tensor(2.0, requires_grad=True)
    (x * y).backward()  # whatever is set up once is set up
    x.grad = y.grad = None
    return x, y


def test_product():
    x, y = product()
    with Travel() as travel:
        z = x * y
    assert z.item() == 6
    travel.assert_within(files=5, functions=12)


def test_backward():
    x, y = product()
    z = x * y
    with Travel() as travel:
        z.backward()
    assert (x.grad.item(), y.grad.item()) == (2, 3)
    travel.assert_within(files=5, functions=25)
