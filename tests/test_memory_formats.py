"""Memory formats: made, kept, asked for; and what is drawn into memory of another order."""

import pytest

import tidu as torch

LAST = torch.channels_last
IMAGE = (2, 3, 5, 7)


@pytest.mark.parametrize("make", [
    lambda: torch.empty(IMAGE, memory_format=LAST),
    lambda: torch.zeros_like(torch.ones(IMAGE), memory_format=LAST),
    lambda: torch.full_like(torch.ones(IMAGE), 3, memory_format=LAST),
    lambda: torch.rand_like(torch.ones(IMAGE), memory_format=LAST),
    lambda: torch.randint_like(torch.ones(IMAGE), 5, memory_format=LAST),
    lambda: torch.ones(IMAGE).clone(memory_format=LAST),
    lambda: torch.ones(IMAGE).double(memory_format=LAST),
    lambda: torch.ones(IMAGE).to(memory_format=LAST),
])  # fmt: skip
def test_channels_last(make):
    made = make()
    assert made.stride() == (105, 1, 21, 3) and made.dim_order() == (0, 2, 3, 1)
    assert made.is_contiguous(memory_format=LAST) and not made.is_contiguous()


def test_other_formats():
    volume = torch.empty(2, 3, 5, 7, 2, memory_format=torch.channels_last_3d)
    assert volume.stride() == (210, 1, 42, 6, 3)
    image = torch.ones(IMAGE).to(memory_format=LAST)
    assert torch.empty_like(image).stride() == image.stride()
    assert torch.empty_like(image, memory_format=torch.contiguous_format).is_contiguous()


def test_refusals():
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        torch.empty(2, 3, memory_format=LAST)
    with pytest.raises(RuntimeError, match="required rank 4 tensor"):
        torch.ones_like(torch.ones(2, 3), memory_format=LAST)
    with pytest.raises(RuntimeError, match="unsupported memory format Preserve"):
        torch.empty(IMAGE, memory_format=torch.preserve_format)
    with pytest.raises(TypeError, match=r"'memory_format' must be torch\.memory_format, not int"):
        torch.empty(IMAGE, memory_format=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'memory_format'"):
        torch.zeros(IMAGE, memory_format=LAST)


def test_order_of_axes():
    e = torch.empty
    orders = {
        e(2, 3).t(): (1, 0), e(2, 3, 4).permute(2, 0, 1): (1, 2, 0), e(3).expand(2, 3): (0, 1),
        e(2, 1): (0, 1), e(6).as_strided((2, 3), (1, 1)): (1, 0), e(()): (),
        e(6).as_strided((3, 2), (1, 1)): (0, 1),
        torch.ones(IMAGE).to(memory_format=LAST): (0, 2, 3, 1),
    }  # fmt: skip
    for tensor, order in orders.items():
        assert tensor.dim_order() == order
    assert e(2, 3).dim_order(ambiguity_check=True) == (0, 1)
    assert e(2, 1).dim_order(ambiguity_check=[torch.contiguous_format, LAST]) == (0, 1)
    for tensor, check in ((e(2, 1), True), (e(2, 3, 1, 1), [torch.contiguous_format, LAST])):
        with pytest.raises(RuntimeError, match="does not have unique dim order"):
            tensor.dim_order(ambiguity_check=check)
    with pytest.raises(TypeError, match="must be a bool or a list of memory formats"):
        e(2, 3).dim_order(ambiguity_check=3)


# What PyTorch 2.13 drew with seed 0: the first three numbers, in the order of the axes.
DRAWN = {
    "normal, transposed": (
        lambda: torch.empty(5, 6).t().normal_(), [1.5409961, 0.4033468, -0.8566746]),
    "normal, with gaps": (
        lambda: torch.empty(50, 6)[:, ::2].normal_(), [1.5409961, -0.2934289, -2.1787894]),
    "randn_like": (
        lambda: torch.randn_like(torch.ones(5, 6).t()), [1.5409961, 0.4033468, -0.8566746]),
    "randn_like, channels last": (
        lambda: torch.randn_like(torch.ones(2, 3, 4, 4), memory_format=LAST),
        [1.5409961, 0.5684313, 0.4033468]),
    "normal, float64": (
        lambda: torch.empty(5, 6, dtype=torch.float64).t().normal_(),
        [1.5409961082, 0.4033468476, -0.8566745933]),
    "randint_like": (lambda: torch.randint_like(torch.ones(5, 6).t(), 10), [4, 7, 6]),
    "randint_like, channels last": (
        lambda: torch.randint_like(torch.ones(2, 3, 4, 4), 10, memory_format=LAST), [4, 0, 7]),
    "random": (lambda: torch.empty(5, 6).t().random_(10), [4, 7, 6]),
    "kaiming_normal": (
        lambda: torch.nn.init.kaiming_normal_(torch.empty(2, 3, 4, 4).to(memory_format=LAST)),
        [0.3145545, 0.1160306, 0.0823328]),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_numbers_are_drawn_as_memory_lies(name):
    draw, expected = DRAWN[name]
    torch.manual_seed(0)
    found = draw().flatten()[:3].tolist()
    assert found == pytest.approx(expected, abs=1e-6)
