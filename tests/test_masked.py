"""Masked tensors: gradients, numbers, and what is refused."""

import copy
import pickle

import pytest

import tidu as torch

masked_tensor, as_masked_tensor = torch.masked.masked_tensor, torch.masked.as_masked_tensor
MASK = torch.tensor([[True, False, True, True], [False, False, True, False], [True] * 4])


def numbers():
    torch.manual_seed(3)
    return torch.randn(3, 4, dtype=torch.float64)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a.sum(1), lambda a: (a * a).mean(0), lambda a: a.prod(1), lambda a: a.amax(1),
        lambda a: a.amin(0), lambda a: a[2].var(0), lambda a: a[2].std(), lambda a: a.softmax(1),
        lambda a: a.norm(2, 1), lambda a: (a.sin() * a.exp() / (a + 9)).t(), lambda a: a[1:, 2],
        lambda a: torch.cat([a, a * 2]).reshape(4, 6).sum(0), lambda a: a.log_softmax(0),
        lambda a: torch.where(MASK, a, a.cos()), lambda a: (a - 2).abs().pow(3),
    ],
)  # fmt: skip
def test_derivatives(function):
    data = numbers().requires_grad_()
    inputs = (data,)
    assert torch.autograd.gradcheck(lambda x: function(masked(x)).to_tensor(0.0), inputs)


def masked(x):
    """A masked tensor of x through which numbers flow back unmasked: 0 where they are masked."""
    return torch.masked.MaskedTensor._of(type(as_masked_tensor(x, MASK)._value)(x, MASK))


def test_reductions_count_only_what_the_mask_leaves():
    x = numbers()
    a = masked_tensor(x, MASK)
    rows = [x[i][MASK[i]] for i in range(3)]
    close = torch.testing.assert_close
    for name in ("sum", "mean", "prod", "amax", "amin"):
        close(getattr(a, name)(1).get_data(), torch.stack([getattr(r, name)(0) for r in rows]))
    close(a.var(1).get_data()[[0, 2]], torch.stack([rows[0].var(), rows[2].var()]))
    close(a.norm().get_data(), torch.cat(rows).norm())
    close(torch.masked.sum(x, 0, mask=MASK), a.sum(0).to_tensor(0))
    assert a.sum(1).get_mask().all() and a[:, 1].sum().get_mask()
    assert not a[1, :2].sum().get_mask()


def test_no_nan_comes_back_from_what_is_masked_out():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    as_masked_tensor(x.log() * x.rsqrt(), torch.tensor([False, True])).sum().backward()
    assert torch.masked.is_masked_tensor(x.grad)
    found = x.grad.to_tensor(0)
    y = torch.tensor(4.0, requires_grad=True)
    (y.log() * y.rsqrt()).backward()
    assert found.tolist() == [0, pytest.approx(y.grad.item())]


def test_masked_and_ordinary_gradients_add_up():
    for swapped in (False, True):
        x = torch.arange(1.0, 4.0).requires_grad_()
        parts = [as_masked_tensor(x * x, MASK[0, :3]).sum().get_data(), (3 * x).sum()]
        torch.autograd.backward(parts[::-1] if swapped else parts)
        assert x.grad.tolist() == [5, 3, 9]
        (2 * x).sum().backward()
        assert x.grad.tolist() == [7, 5, 11]


def test_a_step_of_descent():
    weight = torch.ones(4, requires_grad=True)
    data = numbers().float()
    for _ in range(200):
        error = as_masked_tensor((data - weight) ** 2, MASK).sum()
        (g,) = torch.autograd.grad(error.get_data(), weight)
        with torch.no_grad():
            weight -= 0.1 * (g.to_tensor(0) if torch.masked.is_masked_tensor(g) else g)
    mean = torch.masked.mean(data, 0, mask=MASK)
    assert torch.allclose(weight, mean, atol=1e-4)


def test_copies():
    a = masked_tensor(numbers(), MASK, requires_grad=True)
    for other in (copy.deepcopy(a), pickle.loads(pickle.dumps(a))):
        assert repr(other) == repr(a) and other.requires_grad
        other.sum().backward()
        assert a.grad is None
    data = torch.zeros(3, 4)
    shared, own = torch.masked.MaskedTensor(data, MASK), masked_tensor(data, MASK)
    data += 1
    assert shared.get_data().sum() == 12 and own.get_data().sum() == 0
    own.add_(shared)
    assert own.get_data().sum() == 12


def test_what_is_refused_says_what_to_do():
    a = masked_tensor(numbers(), MASK)
    for call in (a.relu, a.sort, lambda: a @ a.t(), lambda: torch.equal(a, a)):
        with pytest.raises(TypeError, match=r"Hint: x\.to_tensor\(value\)"):
            call()
    with pytest.raises(ValueError, match=r"Input masks must match.*\nHint: "):
        _ = a + masked_tensor(numbers(), ~MASK)
    with pytest.raises(RuntimeError, match="in-place operation"):
        masked_tensor(numbers(), MASK, requires_grad=True).mul_(2)
