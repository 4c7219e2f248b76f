"""Calls with the numbers before the tensors, as programs for old versions of PyTorch have them."""

import pytest

import tidu as torch
from tidu.ops import deprecated_overloads

x, y, v = torch.ones(2, 2), torch.full((2, 2), 2.0), torch.ones(2)
CALLS = {
    "add": (lambda: x.add(0.5, y), lambda: x.add(y, alpha=0.5)),
    "add_": (lambda: x.clone().add_(0.5, y), lambda: x.add(y, alpha=0.5)),
    "torch.add": (lambda: torch.add(x, 0.5, y), lambda: x.add(y, alpha=0.5)),
    "sub_": (lambda: x.clone().sub_(2, y), lambda: x - 2 * y),
    "torch.sub": (lambda: torch.sub(x, 2, y), lambda: x - 2 * y),
    "addcmul_": (lambda: x.clone().addcmul_(0.5, y, y), lambda: x + 0.5 * y * y),
    "torch.addcdiv": (lambda: torch.addcdiv(x, 0.5, y, y), lambda: x + 0.5),
    "addmm": (lambda: x.addmm(0.5, 2, y, y), lambda: 0.5 * x + 2 * y @ y),
    "addmm, beta": (lambda: x.addmm(0.5, y, y), lambda: 0.5 * x + y @ y),
    "torch.addmm": (lambda: torch.addmm(0.5, x, 2, y, y), lambda: 0.5 * x + 2 * y @ y),
    "torch.addmv": (lambda: torch.addmv(0.5, v, 2, y, v), lambda: 0.5 * v + 2 * y @ v),
    "baddbmm_": (lambda: x[None].clone().baddbmm_(0.5, 2, y[None], y[None]),
                 lambda: 0.5 * x[None] + 2 * y[None] @ y[None]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore:This overload")
def test_numbers_first(name):
    older_call, newer = CALLS[name]
    assert torch.equal(older_call(), newer())


def test_it_is_said_once(monkeypatch):
    monkeypatch.setattr(deprecated_overloads, "_warned", [])
    with pytest.warns(UserWarning) as caught:
        x.add(0.5, y)
        x.clone().addcmul_(0.5, y, y)
    (warning,) = caught
    assert str(warning.message) == (
        "This overload of add is deprecated:\n\tadd(Number alpha, Tensor other)\nConsider using "
        "one of the following signatures instead:\n\tadd(Tensor other, *, Number alpha = 1)"
    )
    assert warning.filename == __file__


def test_what_is_no_older_call_is_refused():
    with pytest.raises(TypeError, match=r"takes 2 positional arguments but 4 were given"):
        torch.add(x, 0.5, y, 3)
    with pytest.raises(
        TypeError, match=r"argument 'tensor1' \(position 1\) must be Tensor, not float"
    ):
        x.clone().addcmul_(0.5, y)


@pytest.mark.filterwarnings("ignore:This overload")  # said where no test before has heard it
def test_an_optimizer_of_old():
    p = torch.tensor([1.0, -2.0], requires_grad=True)
    mean, square = torch.zeros(2), torch.zeros(2)
    (p * p).sum().backward()
    mean.mul_(0.9).add_(0.1, p.grad.data)
    square.mul_(0.999).addcmul_(0.001, p.grad.data, p.grad.data)
    p.data.addcdiv_(-0.1, mean, square.sqrt().add_(1e-8))
    assert torch.allclose(p, torch.tensor([1 - 0.1 / 0.1**0.5, -2 + 0.1 / 0.1**0.5]), atol=1e-5)
