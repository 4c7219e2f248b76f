"""A gradient that is a view of what `backward` was given is not copied, as in PyTorch."""

import pytest

import tidu as torch

VIEWS = [
    lambda x: x.view(-1), lambda x: x.unsqueeze(0), lambda x: x.flatten(), lambda x: x.t().t(),
    lambda x: torch.cat([x.view(-1), torch.zeros(3)]), lambda x: torch.stack([x]),
]  # fmt: skip
OTHERS = [lambda x: x.clone(), lambda x: x.t(), lambda x: x + 1, lambda x: x.expand(2, 4, 6)]


def shares(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_of_the_given_gradient_is_kept(view):
    x = torch.zeros(4, 6, requires_grad=True)
    g = torch.arange(float(view(x).numel())).reshape(view(x).shape)
    view(x).backward(g)
    assert shares(x.grad, g)
    assert x.grad.flatten().tolist() == list(range(24))


@pytest.mark.parametrize("view", OTHERS)
def test_the_given_gradient_itself_is_not(view):
    x = torch.zeros(4, 6, requires_grad=True)
    g = torch.ones(view(x).shape)
    view(x).backward(g)
    assert not shares(x.grad, g)


def test_what_is_added_later_leaves_the_given_gradient_alone():
    x = torch.zeros(4, 6, requires_grad=True)
    g = torch.ones(24)
    for _ in range(3):
        x.view(-1).backward(g)
    assert g.tolist() == [1.0] * 24
    assert x.grad.flatten().tolist() == [3.0] * 24
    x.grad.zero_()
    assert g.tolist() == [1.0] * 24


def test_two_leaves_never_share():
    x, y = [torch.zeros(4, 6, requires_grad=True) for _ in range(2)]
    (x.view(-1) + y.view(-1)).backward(torch.ones(24))
    x.grad.mul_(5)
    assert y.grad.tolist() == torch.ones(4, 6).tolist()
    x.grad = y.grad = None
    both = torch.cat([x.view(-1), y.view(-1)])
    both.backward(torch.arange(48.0))
    x.grad.zero_()
    assert y.grad.flatten().tolist() == list(range(24, 48))


def test_a_leaf_never_shares_its_own_memory():
    x = torch.ones(4, requires_grad=True)
    x.view(2, 2).backward(x.detach().view(2, 2))
    with torch.no_grad():
        x.sub_(x.grad)
    assert x.grad.tolist() == [1.0] * 4
