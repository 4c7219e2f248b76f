"""What PyTorch has no derivative for: compiled functions track it and refuse as eager ones do."""

import pytest
from outcomes import same

import tidu as torch

FUNCTIONS = {
    "//": lambda x: x // 2,
    "number //": lambda x: 7 // x,
    "floor_divide_": lambda x: (x * 1).floor_divide_(2),
    "heaviside": lambda x: torch.heaviside(x, x),
    "after others": lambda x: ((x * 2) // 3).exp() + 1,
}


def tensor():
    return torch.tensor([1.5, -2.5, 3.5], requires_grad=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_refused_as_in_eager(name):
    function = FUNCTIONS[name]
    compiled = torch.compile(function, fullgraph=True)
    x = tensor()
    expected = function(x)
    with pytest.raises(RuntimeError, match="is not implemented") as error:
        expected.sum().backward()
    for _ in range(3):
        out = compiled(x)
        same(out, expected)
        with pytest.raises(type(error.value)) as ours:
            out.sum().backward()
        assert str(ours.value) == str(error.value)
        with torch.no_grad():
            same(compiled(x), function(x))


def test_other_results_have_gradients():
    compiled = torch.compile(lambda x: (x // 2, x * 3, x.detach() // 2), fullgraph=True)
    for _ in range(3):
        x = tensor()
        refused, fine, plain = compiled(x)
        assert refused.requires_grad and not plain.requires_grad
        fine.sum().backward(retain_graph=True)
        assert x.grad.tolist() == [3.0] * 3
        with pytest.raises(RuntimeError, match="aten::floor_divide is not implemented"):
            (refused + fine).sum().backward()


def test_a_step_that_goes_back_itself():
    x = tensor()

    @torch.compile
    def step():
        (x // 2).sum().backward()

    for _ in range(2):
        with pytest.raises(RuntimeError, match="aten::floor_divide is not implemented"):
            step()


def test_nothing_is_called_for_it(made):
    """The refusal costs the program nothing: the loops are those without it."""
    x = torch.rand(1000, requires_grad=True)
    out = torch.compile(lambda x: ((x * 2) // 3).exp() + 1)(x)
    assert out.requires_grad
    (program,) = made
    assert "operations in 1 loops, 0 products" in program.summary()


def test_gradients_that_may_be_missing_are_refused_too():
    """The pass for certain inputs comes to the node that refuses, and its name is eager's."""

    def f(x):
        return x // 2, (x // 2) * x

    for run in (f, torch.compile(f, fullgraph=True)):
        x = torch.tensor([5.0, 7.0], requires_grad=True)
        for out in run(x):
            with pytest.raises(RuntimeError, match="floor_divide is not implemented"):
                torch.autograd.grad(out.sum(), x, allow_unused=True)
        assert run(x)[0].grad_fn.name() == "torch::autograd::NotImplemented"
