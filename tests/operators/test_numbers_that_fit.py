"""A number becomes an element of the tensor's type or is refused, as PyTorch has it."""

import math

import pytest

import tidu as torch

# type: numbers it takes (with what becomes of them), and numbers it does not
TAKEN = {
    torch.uint8: ({255: 255, -1: 255, -129: 127, 1.9: 1}, (256, 300, -256, -0.5, 255.9, math.nan)),
    torch.int8: ({127: 127, -128: -128, -0.5: 0}, (128, -129, 200.5, math.inf)),
    torch.int32: ({-1.5: -1}, (2**31, 1e10, math.nan, 1 + 2j)),
    torch.int64: ({2**62: 2**62}, (1e30, math.inf)),
    torch.float32: ({3: 3.0, math.inf: math.inf, 1e38: 1e38}, (1e40, -(10**18) * 1e30, 1 + 2j)),
    torch.bool: ({5: True, 0.0: False, math.nan: True}, ()),
}


def ways(number, dtype):
    zeros, first = torch.zeros(2, dtype=dtype), torch.tensor([True, False])

    def assigned():
        zeros[0] = number
        return zeros

    yield lambda: torch.full((2,), number, dtype=dtype)
    yield lambda: torch.zeros(2, dtype=dtype).fill_(number)
    yield assigned
    yield lambda: torch.zeros(2, dtype=dtype).masked_fill(first, number)
    if not isinstance(number, complex):
        yield lambda: torch.zeros(2, dtype=dtype).index_fill(0, torch.tensor([0]), number)
        yield lambda: torch.zeros(2, dtype=dtype).scatter(0, torch.tensor([0]), number)


def test_numbers():
    for dtype, (taken, refused) in TAKEN.items():
        for number, element in taken.items():
            for way in ways(number, dtype):
                assert way()[0].item() == pytest.approx(element), (dtype, number)
        for number in refused:
            for way in ways(number, dtype):
                with pytest.raises(
                    RuntimeError, match=r"^value cannot be converted to type \S+ with"
                ):
                    way()


def test_lists():
    assert torch.tensor([-1, 255], dtype=torch.uint8).tolist() == [255, 255]
    for values, dtype in (
        ([300], torch.int8),
        ([1.5, math.nan], torch.int32),
        ([1e10], torch.int32),
    ):
        with pytest.raises(RuntimeError, match="cannot be converted to type int"):
            torch.tensor(values, dtype=dtype)
    for dtype in (torch.int32, torch.float32):
        with pytest.raises(TypeError):
            torch.tensor([1 + 2j], dtype=dtype)
