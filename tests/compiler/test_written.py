"""Writes into what was saved for the backward pass: compiled functions refuse them as eager does,
and leave all as eager does."""

import pytest

import tidu as torch


def output(x):
    y = x.exp()
    z = y.sum()
    y.add_(1)
    return z


def result(x):
    y = x.exp()
    y.add_(1)
    return y.sum()


def given(x, w):
    z = (x * w).sum()
    with torch.no_grad():
        w.add_(1)
    return z


def through_a_view(x):
    y = x.exp()
    y.t()[0].mul_(2)
    return y.sum()


def a_view_that_is_gone(x):
    c = torch.ones(2, 2) * 2
    y = x * c.t()
    c.add_(x.detach())
    return y.sum()


def detached(x):
    y = x.exp()
    y.detach().mul_(2)
    return y.sum()


def part_by_part(x):
    y = x * 1
    y[0].exp_()
    y[1].sigmoid_()
    return y.sum()


def copied(x):
    y = x.exp()
    z = x * 1
    z.copy_(y)
    w = z * z
    z.mul_(3)
    return w.sum()


def in_place_before(x):
    y = torch.nn.functional.relu(x * 1, inplace=True)
    y.mul_(2)
    return y.sum()


def constant(x):
    c = torch.ones(2, 2)
    y = x * c
    c.add_(1)
    return y.sum()


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y, g * x


class Exponential(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


def saved_by_a_users_function(x):
    c = torch.ones(2, 2) * 3
    y = Product.apply(x, c)
    c.add_(1)
    return y.sum()


def a_view_saved_by_a_users_function(x):
    c = torch.ones(2, 2) * 3
    y = Product.apply(x, c[...])
    c[0] = 7
    return y.sum()


def the_output_of_a_users_function(x):
    y = Exponential.apply(x)
    z = y * 1
    y.mul_(2)
    return (y + z).sum()


REFUSED = [saved_by_a_users_function, a_view_saved_by_a_users_function,
           the_output_of_a_users_function, output, result, given, through_a_view,
           a_view_that_is_gone, detached, part_by_part, copied, in_place_before,
           constant]  # fmt: skip


def operands_of_the_write(x):
    y = x * 1
    y.addcmul_(y, y)
    y.pow_(2)
    y.lerp_(x, 0.5)
    return y.sum()


def filled(x):
    y = torch.zeros(4, 2)
    y[:2] = x
    y[2:] = x * 2
    w = y.exp()
    y.mul_(2)
    return w.sum()


def source_of_a_copy(x):
    y = x.exp()
    z = x * 1
    z.copy_(y)
    z.mul_(3)
    return z.sum()


def written_before_a_users_function(x):
    c = torch.ones(2, 2) * 3
    c.add_(1)
    return Product.apply(x, c).sum()


def unnoticed(x):
    y = x * 1
    z = y * y
    y.data.mul_(2)
    return z.sum()


ALLOWED = [operands_of_the_write, filled, source_of_a_copy, written_before_a_users_function,
           unnoticed]  # fmt: skip


def outcome(function, compiled, backward):
    """What a pass back says, the numbers of the inputs, and their gradients; the pass is in the
    function (`backward` is "inside") or after it."""
    torch.manual_seed(0)
    x = torch.rand(2, 2, requires_grad=True)
    inputs = [x, torch.rand(2, 2, requires_grad=True)][: function.__code__.co_argcount]

    def inside(*inputs):
        function(*inputs).backward()

    run = inside if backward == "inside" else function
    error = None
    try:
        loss = (torch.compile(run) if compiled else run)(*inputs)
        if backward == "after":
            loss.backward()
    except RuntimeError as found:
        error = str(found).split("\n")[0]
    return error, [t.tolist() for t in inputs], [t.grad for t in inputs]


@pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
@pytest.mark.parametrize("backward", ["inside", "after"])
@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_what_was_saved_is_written(function, backward):
    expected = outcome(function, False, backward)
    assert "modified by an inplace operation" in expected[0]
    assert outcome(function, True, backward) == expected


@pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
@pytest.mark.parametrize("backward", ["inside", "after"])
@pytest.mark.parametrize("function", ALLOWED, ids=lambda f: f.__name__)
def test_what_was_not_saved_is_written(function, backward):
    error, inputs, gradients = outcome(function, False, backward)
    found = outcome(function, True, backward)
    assert error is None and found[:2] == (None, inputs)
    for g, expected in zip(found[2], gradients, strict=True):
        torch.testing.assert_close(g, expected)


@pytest.mark.filterwarnings("error")
def test_forward_passes_alone_stay_compiled():
    """The error is one of the pass back; beside it other results have their gradients."""

    @torch.compile(fullgraph=True)
    def f(x):
        return result(x), (x * 2).sum()

    x = torch.ones(2, 2, requires_grad=True)
    spoilt, whole = f(x)
    whole.backward()
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    with pytest.raises(RuntimeError, match="output 0 of Exp, is at version 1; expected version 0"):
        spoilt.backward()


@pytest.mark.filterwarnings("error")
def test_a_given_tensor_whose_pass_back_is_not_asked_for():
    def f(w, state):
        product = (w * state).sum()
        state.add_(1)
        state.mul_(2)
        return product

    compiled = torch.compile(f, fullgraph=True)
    w, found = torch.ones(3, requires_grad=True), []
    for run in (f, compiled):
        state = torch.zeros(3)
        for _ in range(4):
            product = run(w, state)
        assert product.item() == 3 * 14.0
        with pytest.raises(RuntimeError, match="modified by an inplace operation") as told:
            product.backward()
        found.append(str(told.value).split("\n")[0])
    assert "is at version 8; expected version 6" in found[0]
    assert found[1].startswith(found[0].split(" is at version")[0])


def test_after_an_update():
    """A graph that is kept over an optimizer's step."""

    def step(w, updates):
        loss = (w * w).sum()
        loss.backward(retain_graph=True)
        updates.step()
        loss.backward()

    for wrap in (lambda f: f, torch.compile):
        w = torch.full((3,), 2.0, requires_grad=True)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            wrap(step)(w, torch.optim.SGD([w], lr=0.5))
        assert w.tolist() == [0.0] * 3


@pytest.mark.filterwarnings("error")
def test_data_that_is_assigned_after_a_write():
    def step(w):
        loss = (w**2).sum()
        loss.backward()
        w.data -= 0.5 * w.grad.data
        return loss

    w = torch.full((3,), 2.0, requires_grad=True)
    torch.compile(step, fullgraph=True)(w)
    assert w.tolist() == [0.0] * 3
