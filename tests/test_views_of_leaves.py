"""Views of a tensor that came to require a gradient only after they were taken: as in PyTorch they
require one with it, are leaves, and their gradients arrive nowhere."""

import pytest

import tidu as torch


def taken(requires=True):
    base = torch.ones(3, 3)
    view = base[0]
    base.requires_grad_(requires)
    return base, view


def test_a_view_requires_a_gradient_with_its_base():
    base, view = taken()
    assert view.requires_grad and view.is_leaf and view.grad_fn is None
    inner = view[:2]
    assert inner.requires_grad and not inner.is_leaf
    base.requires_grad_(False)
    assert not view.requires_grad and view.is_leaf


def test_whole_numbers_and_detached_tensors_do_not_follow():
    base = torch.ones(3, 3)
    others = base.detach(), base.view(torch.int32), base.long(), base.data[0]
    base.requires_grad_()
    assert not any(t.requires_grad for t in others)


def test_its_gradient_arrives_nowhere():
    base, view = taken()
    out = view * 2
    assert out.requires_grad and out.grad_fn.next_functions[0][0] is None
    out.sum().backward()
    assert base.grad is None and view.grad is None


def test_what_a_view_requires_of_its_own_stays():
    base, view = taken()
    view.requires_grad_(False)  # it is its base that asks
    assert view.requires_grad
    view.requires_grad_()
    base.requires_grad_(False)
    assert view.requires_grad
    (view * 2).sum().backward()
    assert view.grad.tolist() == [2, 2, 2]
    view.requires_grad_(False)
    assert not view.requires_grad


def test_it_is_written_to_like_any_view_of_a_leaf():
    _, view = taken()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        view.mul_(2)


def test_a_compiled_function_sees_it():
    base, view = taken(requires=False)

    @torch.compile(fullgraph=True)
    def run(view):
        return view * 2 if view.requires_grad else view * 3

    def thrice():
        found = [run(view) for _ in range(3)]
        return [(y[0].item(), y.requires_grad) for y in found]

    assert thrice() == [(3, False)] * 3
    base.requires_grad_()
    assert thrice() == [(2, True)] * 3
    base.requires_grad_(False)
    assert thrice() == [(3, False)] * 3


def computed():
    return torch.ones(3, requires_grad=True) * 1


def late():
    return taken()[1]


@pytest.mark.parametrize("first, second", [(computed, late), (late, computed)])
def test_a_compiled_function_sees_that_it_is_a_leaf(first, second):
    @torch.compile(fullgraph=True)
    def run(x):
        return x * 2 if x.is_leaf else x * 3

    wanted = {computed: 3, late: 2}
    for make in (first, first, first, second, second, second, first, second):
        out = run(make())
        assert out[0].item() == wanted[make] and out.requires_grad


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_views_that_came_before_their_leaf_stay_apart(compiled):
    base = torch.ones(3, 3)
    first, second = base.mT, base.T[0]
    base.requires_grad_()
    function = lambda x, y: (x * 3 - y).sum()
    run = torch.compile(function) if compiled else function
    for _ in range(2):
        grads = torch.autograd.grad(run(first, second), [first, second])
        assert grads[0].equal(torch.full((3, 3), 3.0))
        assert grads[1].equal(torch.full((3,), -3.0))
