"""What cannot be allocated is a MemoryError, as Python has it, and PyTorch's RuntimeError."""

import pytest

import tidu as torch

LARGE = 10**15
SENTENCE = r"\[enforce fail at alloc_cpu.cpp:127\] err == 0. DefaultCPUAllocator: can't allocate"

CALLS = {
    "empty": lambda one: torch.empty(LARGE),
    "ones": lambda one: torch.ones(LARGE),
    "randn": lambda one: torch.randn(LARGE),
    "repeat": lambda one: one.repeat(LARGE),
    "sum of two": lambda one: one.expand(10**8, 1) + one.expand(10**8),
    "function": lambda one: one.expand(LARGE).exp(),
    "comparison": lambda one: one.expand(LARGE) > 0,
    "product": lambda one: torch.ones(10**7, 1) @ torch.ones(1, 10**7),
    "running sum": lambda one: one.expand(LARGE).cumsum(0),
    "copy": lambda one: one.expand(LARGE).clone(),
    "another type": lambda one: one.expand(LARGE).double(),
    "tracked": lambda one: one.requires_grad_().expand(LARGE) * 2,
    "layer": lambda one: torch.nn.Linear(10**8, 10**8),
    "window": lambda one: torch.signal.windows.hann(LARGE),
    "older window": lambda one: torch.bartlett_window(LARGE),
    "resized": lambda one: torch.nn.functional.interpolate(
        one.reshape(1, 1, 1, 1), size=(10**8, 10**7), mode="bilinear"
    ),
    "powers": lambda one: torch.vander(one.expand(10**6), 10**9),
    "choices": lambda one: torch.combinations(one.expand(10**5), 3),
    "joined": lambda one: torch.cat([one.expand(LARGE)] * 2),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", [MemoryError, RuntimeError])
def test_both_kinds(call, kind):
    with pytest.raises(kind, match=SENTENCE):
        CALLS[call](torch.ones(1))


def test_the_size_is_told():
    with pytest.raises(RuntimeError, match="you tried to allocate 4000000000000000 bytes"):
        torch.empty(LARGE)
    assert torch.ones(3).sum() == 3  # and work goes on


def test_choices_of_none():
    assert torch.combinations(torch.ones(3), 0).shape == (0,)
    assert torch.combinations(torch.ones(0), 2, True).shape == (0, 2)
