"""Results of compiled functions as objects: their strides, whose memory they share, which very
tensor they are."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from layouts import STRIDES

import tidu as torch

pytestmark = pytest.mark.slow

EAGER_ALONE = ("nonzero", "where", "Conv2d")  # values that decide shapes; memory that is replaced


def steps(t):
    """Its strides, but those of axes with one element, which say nothing."""
    return [step for n, step in zip(t.shape, t.stride(), strict=True) if n > 1]


@pytest.mark.parametrize("expression", [e for e in STRIDES if not any(w in e for w in EAGER_ALONE)])
def test_strides(expression):
    images = torch.arange(96.0).reshape(2, 3, 4, 4)
    given = {
        "m": torch.arange(6.0).reshape(2, 3).t(), "y": images, "w": torch.ones(2, 3, 3, 3),
        "x": images.contiguous(memory_format=torch.channels_last),
        "c": torch.arange(24.0).reshape(2, 3, 4),
    }  # fmt: skip
    names = {"torch": torch, "F": torch.nn.functional}
    function = eval(f"lambda {', '.join(given)}: {expression}", names)
    got = torch.compile(function, fullgraph=True)(*given.values())
    assert steps(got) == steps(function(*given.values()))


def test_draws_follow_memory_with_channels_last():
    def function(x):
        return torch.nn.functional.dropout(torch.nn.functional.max_pool2d(x, 2))

    x = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    found = []
    for run in (function, torch.compile(function, fullgraph=True)):
        torch.manual_seed(1)
        found.append(run(x))
    torch.testing.assert_close(*found)


def _sum_and_views(x):
    total = x.sum()
    return total, total.view(1), total.detach()


def _complex_and_parts(x):
    y = torch.complex(x, x * 2) * 2j
    return y, y.real, torch.view_as_real(y), y.imag[..., 1:]


def _copied_parts(x):
    y = torch.complex(x, x * 2) * 2j
    a, b, c = y.real.contiguous(), y.imag.reshape(-1), torch.view_as_real(y).mT.contiguous()
    a = a + y.real[0].expand(2, 3) + y.imag.unfold(0, 2, 1).sum()
    return a, b, c, y.real.clone(), torch.view_as_complex(torch.view_as_real(y) * 2).mT + 1j, y.real


def _of_an_expanded_constant(x):
    y = x.mT.sin()
    return torch.ones(()).expand(3, 2) * y, torch.ones(2, 3).mT + y


def _part_alone(x):
    return torch.complex(x.mT, x.mT).conj().imag


def _strided(x):
    y = x * 2
    return y, y.as_strided((2, 2), (1, 2)), y.unfold(1, 2, 1)


def _parts_of_other_types(x):
    whole = x.bfloat16() * 1.5
    left, right = whole.split([1, 2], 1)
    first, second = (x * 1j).unbind(1)[:2]
    return left, right, whole.mT.unbind(1)[0], first, second


def _constant_and_part(x):
    z = torch.arange(4.0)
    return z, z[1:], x + 1, z.view(2, 2)


@pytest.mark.parametrize("function", [
    _sum_and_views, _complex_and_parts, _copied_parts, _part_alone, _of_an_expanded_constant,
    _strided, _constant_and_part, _parts_of_other_types,
])  # fmt: skip
def test_views_among_results_share_memory(function):
    def results(run):
        outs = run(torch.arange(6.0).reshape(2, 3))
        outs = outs if isinstance(outs, tuple) else (outs,)
        arrays = [t._array() for t in outs]
        together = [[np.may_share_memory(a, b) for b in arrays] for a in arrays]
        outs[-1].add_(1)
        return [steps(t) for t in outs], together, [t.tolist() for t in outs]

    compiled = torch.compile(function, fullgraph=True)
    for _ in range(2):
        assert results(compiled) == results(function)


@pytest.mark.parametrize("clears", [False, True])
def test_a_gradient_that_is_returned_is_the_gradient(clears):
    def function(p):
        if clears:
            p.grad = None
        (p * p).sum().backward()
        return p.grad, [p.grad]

    compiled = torch.compile(function, fullgraph=True)
    p, q = [torch.ones(3, requires_grad=True) for _ in range(2)]
    for _ in range(4):
        (got, [again]), (expected, _) = compiled(p), function(q)
        assert got is p.grad and again is p.grad
        torch.testing.assert_close(got, expected)


@pytest.mark.filterwarnings("ignore:.*cannot be compiled as one graph")
def test_what_is_set_on_a_result_is_there():
    kept = {}

    def function(x):
        y = x * 2
        y.tag = "doubled"
        kept["last"] = x + 1
        kept["last"].tag = "stored"
        return y, y + 1

    compiled = torch.compile(function)
    for _ in range(3):
        y, z = compiled(torch.ones(2))
        assert (y.tag, kept["last"].tag) == ("doubled", "stored") and not hasattr(z, "tag")
        assert (y.tolist(), z.tolist(), kept["last"].tolist()) == ([2, 2], [3, 3], [2, 2])
