"""`as_strided` in compiled functions: what it shows is part of a storage, of which a recording
knows what was computed in it, and no more."""

import pytest

import tidu as torch

# A look at what no part of the function has computed runs eagerly.
pytestmark = pytest.mark.filterwarnings("ignore:.*it looks beyond a tensor:UserWarning")

COMPUTED = (
    lambda x: (x * 1.5)[1:].as_strided((2,), (1,), 0),
    lambda x: (x * 1.5)[1:].as_strided((2,), (1,), 4),
    lambda x: (x * 1.5)[:, 1].as_strided((2, 2), (3, 1)),
    lambda x: (x * 1.5).mT.as_strided((12,), (1,)),
    lambda x: (x * 1.5)[1:].detach().as_strided((2, 2), (3, 1), 0),
    lambda x: (x * 1.5).expand(2, 4, 3).as_strided((2, 2), (3, 1)),
    lambda x: torch.view_as_real(torch.complex(x, x + 1)).as_strided((24,), (1,)),
)
GIVEN = (
    lambda x: x[1:].as_strided((2,), (1,), 0), lambda x: x.as_strided((2, 2), (1, 1), 1),
    lambda x: x[:, 1].as_strided((2, 2), (3, 1)), lambda x: x[::2].as_strided((2,), (1,)),
)  # fmt: skip


def of_twelve(start=0):
    return torch.arange(12.0 + 3 * start).reshape(-1, 3)[start:]


@pytest.mark.parametrize("function", [*COMPUTED, *GIVEN])
def test_a_look_at_a_storage(function):
    run = torch.compile(function)
    for x in (of_twelve(), of_twelve(), of_twelve(2), of_twelve(1), of_twelve()):
        expected = function(x)
        got = run(x)
        assert got.tolist() == expected.tolist()
        assert got.stride() == expected.stride()


@pytest.mark.parametrize("function", [
    lambda x: (x * 1.5).as_strided((13,), (1,)), lambda x: (x * 1.5)[1:].as_strided((10,), (1,)),
    lambda x: (x * 1.5)[1:].as_strided((2,), (1,), 11),
    lambda x: x[:0].clone().as_strided((1,), (1,)), lambda x: torch.zeros(3).as_strided((4,), (1,)),
])  # fmt: skip
def test_what_lies_outside_is_refused(function):
    run = torch.compile(function, fullgraph=True)
    for call in (function, run, run):
        with pytest.raises(RuntimeError, match="are out of bounds for storage of size"):
            call(of_twelve())


def test_outside_of_what_was_given():
    run = torch.compile(lambda x: x.as_strided((13,), (1,)))
    with pytest.raises(RuntimeError, match="are out of bounds for storage of size 48"):
        run(of_twelve())
    assert run(torch.arange(20.0)[2:6]).tolist() == [*range(2, 15)]


def test_gradients_of_a_look():
    def function(x):
        return ((x * x).mT.as_strided((2, 3), (2, 1), 1) ** 2).sum()

    for run in (function, torch.compile(function, fullgraph=True)):
        x = of_twelve().requires_grad_()
        run(x).backward()
        assert x.grad.reshape(-1).tolist() == [0, 4, 32, 2 * 108, 256, 500, *[0] * 6]


@pytest.mark.parametrize("shape", [(0, 2), (3, 0), (0,)])
def test_pairs_without_elements_are_complex_numbers(shape):
    def function(x):
        return torch.view_as_complex(torch.view_as_real(x).flip(-1).contiguous())

    for run in (function, torch.compile(function, fullgraph=True)):
        found = run(torch.ones(shape, dtype=torch.complex128))
        assert found.shape == shape and found.dtype is torch.complex128
