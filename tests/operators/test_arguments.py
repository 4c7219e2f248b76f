"""Wrong arguments are refused with PyTorch's first sentence; see refused.py."""

import inspect

import pytest
from refused import RECORDED, outcome

import tidu as torch
from tidu.base.frames import OURS
from tidu.frontend.calls import Interceptor
from tidu.ops.arguments import AROUND


@pytest.mark.parametrize("expression", RECORDED)
def test_refusal(expression):
    assert outcome(torch, expression) == RECORDED[expression]


def test_a_method_is_told_from_a_function_however_it_is_called():
    x = torch.ones(2, 3)
    as_method, as_function = "(position 1)", "(position 2)"
    nested = {"torch": torch, "x": [x]}
    method = x.cumsum
    calls = {
        lambda: x.cumsum("a"): as_method, lambda: torch.cumsum(x, "a"): as_function,
        lambda: (x + 1).T.cumsum("a"): as_method, lambda: method("a"): as_method,
        lambda: torch.Tensor.cumsum(x, "a"): as_method,
        lambda: nested["x"][0].cumsum("a"): as_method,
        lambda: nested["x"][0]
        .cumsum(
            "a"
        ): as_method,
        lambda: torch.exp(torch.cumsum(x.exp().cumsum(0), "a")): as_function,
    }  # fmt: skip
    for call, place in calls.items():
        with pytest.raises(TypeError, match="argument 'dim'") as caught:
            call()
        assert place in str(caught.value)


def test_forms_are_listed_and_hints_kept():
    x = torch.ones(2, 3)
    with pytest.raises(TypeError, match="tuple of ints dim, bool keepdim") as caught:
        x.sum("a")
    assert " * (*, torch.dtype dtype = None)" in str(caught.value)
    with pytest.raises(TypeError, match="Hint: write keepdim=True"):
        torch.amax(x, 0, 1)


def test_errors_of_right_arguments_stay():
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        torch.ones(2) + torch.ones(3)
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch.ones(2).sum(1)


def test_whole_numbers_beyond_64_bits_are_exact_where_floats_are_made():
    assert torch.tensor([1.5, 2**70]).tolist() == [1.5, 2.0**70]
    assert torch.tensor([2**70], dtype=torch.float64).tolist() == [2.0**70]
    assert (torch.ones(1, dtype=torch.float64) * 2**63).tolist() == [2.0**63]


def test_interceptors_around_functions_are_looked_through():
    x = torch.ones(2, 3)
    eight = x.to(torch.float8_e4m3fn)
    with pytest.raises(NotImplementedError):
        torch.exp(eight)  # from now on an interceptor refuses such numbers
    with pytest.raises(TypeError, match=r"argument 'keepdim' \(position 3\)"):
        torch.prod(x, 0, 1)
    with torch.profiler.profile(), pytest.raises(TypeError, match=r"argument 'dim' \(position 2\)"):
        torch.cumsum(x, "a")
    with pytest.raises(TypeError, match=r"argument 'dim' \(position 1\)"):
        x.cumsum("a")


SAID_UNDER_LAYERS = [
    "torch.prod(x, 0, 1)", "torch.matmul(x, 1)", "torch.mm(x, 'a')", "torch.bmm(x, 1)",
    "torch.addmm(x)", "F.pad(x, (2**70, 1))", "x.quantile('a')", "x.cumsum('a')",
    "F.avg_pool2d(x, 'a')",
]  # fmt: skip


@pytest.mark.parametrize("expression", SAID_UNDER_LAYERS)
def test_errors_are_the_same_in_autocast_and_after_it(expression):
    with torch.autocast("cpu"):
        inside = outcome(torch, expression)
    assert inside == outcome(torch, expression) == RECORDED[expression]


def test_errors_are_the_same_in_a_function_mode():
    with torch.overrides.BaseTorchFunctionMode(), Passing():
        said = {expression: outcome(torch, expression) for expression in RECORDED}
    assert said == RECORDED


class Passing(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def test_every_interceptor_is_looked_through():
    with torch.autocast("cpu"):
        pass  # from now on an interceptor casts
    torch.fx.symbolic_trace(torch.nn.ReLU())
    files = {inspect.getfile(kind.around) for kind in (Interceptor, *Interceptor.__subclasses__())}
    ours = {file for file in files if OURS[file]}
    assert len(ours) >= 4 and all(file.startswith(AROUND) for file in ours), ours
