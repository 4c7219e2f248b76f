"""int, float, bool and complex stand for torch's types, as in PyTorch."""

import pytest

import tidu as torch

x = torch.ones(2, 3)
STANDS_FOR = {int: torch.int64, float: torch.float64, bool: torch.bool, complex: torch.complex128}
CALLS = {
    "as_tensor": lambda kind: torch.as_tensor(x, dtype=kind),
    "asarray": lambda kind: torch.asarray(x, dtype=kind),
    "to": lambda kind: x.to(kind),
    "to, by name": lambda kind: x.to(dtype=kind),
    "zeros": lambda kind: torch.zeros(2, dtype=kind),
    "full": lambda kind: torch.full((2,), 1, dtype=kind),
    "sum": lambda kind: x.sum(dtype=kind),
    "prod": lambda kind: x.prod(dtype=kind),
    "zeros_like": lambda kind: torch.zeros_like(x, dtype=kind),
    "full_like": lambda kind: torch.full_like(x, 1, dtype=kind),
    "new_zeros": lambda kind: x.new_zeros(2, dtype=kind),
    "eye": lambda kind: torch.eye(2, dtype=kind),
    "tensor": lambda kind: torch.tensor([1], dtype=kind),
    "scalar_tensor": lambda kind: torch.scalar_tensor(1, dtype=kind),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", STANDS_FOR)
def test_types(name, kind):
    assert CALLS[name](kind).dtype is STANDS_FOR[kind]


def test_floating_point_only():
    assert torch.softmax(x, 0, dtype=float).dtype is torch.float64
    assert torch.nn.Linear(2, 2, dtype=float).weight.dtype is torch.float64
    assert torch.nn.Linear(2, 2).to(float).weight.dtype is torch.float64
    assert torch.fft.fftfreq(3, dtype=float).dtype is torch.float64
    assert torch.finfo(float).eps == torch.finfo(torch.float64).eps
    assert torch.promote_types(int, torch.float32) is torch.float32
    assert torch.can_cast(int, torch.float32)


def test_integers_have_no_softmax():
    for dtype in (int, torch.int64, bool):
        with pytest.raises(NotImplementedError, match=r"softmax.* for '(Long|Bool)'"):
            torch.softmax(x, 0, dtype=dtype)


def test_sums_as_bools():
    assert x.sum(dtype=torch.bool).dtype is torch.bool
    assert x.sum(0, dtype=torch.bool).tolist() == [True] * 3


def test_complex_numbers_have_no_parts_of_bfloat16():
    half = torch.ones(2, dtype=torch.bfloat16)
    with pytest.raises(RuntimeError, match="Half, Float or Double tensors but got BFloat16 and"):
        torch.complex(half, half)
