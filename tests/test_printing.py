"""Printed tensors: texts recorded from PyTorch 2.13, and the options."""

import ml_dtypes
import numpy as np
import pytest

from tidu.base.printing import get_printoptions, printoptions, set_printoptions, tensor_text

F32, BF16 = np.float32, ml_dtypes.bfloat16

RECORDED = [
    ("np.float32(0.5)", "tensor(0.5000)"),
    ("np.array([1.0, 2.0, 3.0], F32)", "tensor([1., 2., 3.])"),
    ("np.array([1, -20, 300])", "tensor([  1, -20, 300])"),
    ("np.array([True, False])", "tensor([ True, False])"),
    ("np.array([1.5, np.nan, np.inf, -np.inf], F32)", "tensor([1.5000,    nan,    inf,   -inf])"),
    ("np.array([np.nan, 0.0], F32)", "tensor([nan, 0.])"),
    ("np.array([1e-5, 1.0], F32)", "tensor([1.0000e-05, 1.0000e+00])"),
    ("np.array([1e9, 1.0], F32)", "tensor([1.0000e+09, 1.0000e+00])"),
    ("np.array([[0.1, 1234.5]])", "tensor([[1.0000e-01, 1.2345e+03]], dtype=torch.float64)"),
    ("np.array([1 + 2j, -0.5j], np.complex64)", "tensor([1.+2.0000j, -0.-0.5000j])"),
    ("np.array([1.5, 2], BF16)", "tensor([1.5000, 2.0000], dtype=torch.bfloat16)"),
    (
        "np.arange(24, dtype=F32).reshape(2, 3, 4)",
        (
            "tensor([[[ 0.,  1.,  2.,  3.],\n"
            "         [ 4.,  5.,  6.,  7.],\n"
            "         [ 8.,  9., 10., 11.]],\n"
            "\n"
            "        [[12., 13., 14., 15.],\n"
            "         [16., 17., 18., 19.],\n"
            "         [20., 21., 22., 23.]]])"
        ),
    ),
    (
        "np.arange(2000, dtype=F32)",
        (
            "tensor([0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 1.9970e+03, 1.9980e+03,\n"
            "        1.9990e+03])"
        ),
    ),
    (
        "np.arange(30) * 1000003",
        (
            "tensor([       0,  1000003,  2000006,  3000009,  4000012,  5000015,  6000018,\n"
            "         7000021,  8000024,  9000027, 10000030, 11000033, 12000036, 13000039,\n"
            "        14000042, 15000045, 16000048, 17000051, 18000054, 19000057, 20000060,\n"
            "        21000063, 22000066, 23000069, 24000072, 25000075, 26000078, 27000081,\n"
            "        28000084, 29000087])"
        ),
    ),
    (
        "np.zeros((40, 50), np.int32)",
        (
            "tensor([[0, 0, 0,  ..., 0, 0, 0],\n"
            "        [0, 0, 0,  ..., 0, 0, 0],\n"
            "        [0, 0, 0,  ..., 0, 0, 0],\n"
            "        ...,\n"
            "        [0, 0, 0,  ..., 0, 0, 0],\n"
            "        [0, 0, 0,  ..., 0, 0, 0],\n"
            "        [0, 0, 0,  ..., 0, 0, 0]], dtype=torch.int32)"
        ),
    ),
    ("np.zeros((0,), F32)", "tensor([])"),
    ("np.zeros((2, 0), np.int64)", "tensor([], size=(2, 0), dtype=torch.int64)"),
    ("np.ones(3, F32), requires_grad=True", "tensor([1., 1., 1.], requires_grad=True)"),
    (
        "np.ones(8), grad_fn='MulBackward0'",
        (
            "tensor([1., 1., 1., 1., 1., 1., 1., 1.], dtype=torch.float64,\n"
            "       grad_fn=<MulBackward0>)"
        ),
    ),
    (
        "np.ones((2, 2), F32), parameter=True, requires_grad=True",
        "Parameter containing:\ntensor([[1., 1.],\n        [1., 1.]], requires_grad=True)",
    ),
    ("np.array(2.0), default_dtype='float64'", "tensor(2.)"),
]


@pytest.fixture(autouse=True)
def clean():
    yield
    set_printoptions(profile="default")


@pytest.mark.parametrize(("arguments", "expected"), RECORDED)
def test_recorded(arguments, expected):
    assert eval(f"tensor_text({arguments})") == expected


def test_options():
    third = np.array([1 / 3, 100.0], F32)
    set_printoptions(precision=2)
    assert tensor_text(third) == "tensor([  0.33, 100.00])"
    set_printoptions(sci_mode=True)
    assert tensor_text(third) == "tensor([3.33e-01, 1.00e+02])"
    set_printoptions(profile="default")
    assert tensor_text(third) == "tensor([  0.3333, 100.0000])"
    set_printoptions(threshold=3, edgeitems=1)
    assert tensor_text(np.arange(10)) == "tensor([0,  ..., 9])"
    set_printoptions(profile="full", linewidth=30)
    expected = "tensor([0, 1, 2, 3, 4, 5, 6,\n        7, 8, 9])"
    assert tensor_text(np.arange(10)) == expected
    assert len(tensor_text(np.arange(5000)).splitlines()) > 700


def test_options_of_a_block():
    before = get_printoptions()
    with printoptions(precision=1, edgeitems=2):
        assert get_printoptions()["precision"] == 1
    assert get_printoptions() == before


def test_properties_move_to_a_new_line():
    text = tensor_text(np.ones(8, F32), after=("tangent=tensor([0., 0.])", "level=1" * 5))
    assert text == (
        "tensor([1., 1., 1., 1., 1., 1., 1., 1.], tangent=tensor([0., 0.]),\n"
        "       level=1level=1level=1level=1level=1)"
    )
    device = tensor_text(np.zeros((0, 2), F32), before=("device='meta'",))
    assert device == "tensor([], device='meta', size=(0, 2))"
    assert tensor_text(np.array(1), prefix="Mine(") == "Mine(1)"
