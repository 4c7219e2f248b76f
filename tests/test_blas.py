"""The kernels of OpenBLAS that are chosen for a processor."""

import os

import pytest

import tidu
from tidu.base.process.blas import kernels_for, loading

FLAGS = "fpu avx avx2 fma avx512f avx512dq avx512bw avx512vl"


@pytest.mark.parametrize(
    ("vendor", "flags", "kernels"),
    [
        ("AuthenticAMD", f"{FLAGS} avx512_bf16", "Cooperlake"),
        ("AuthenticAMD", FLAGS, "SkylakeX"),
        ("AuthenticAMD", "fpu avx avx2 fma", None),
        ("GenuineIntel", f"{FLAGS} avx512_bf16", None),
    ],
)
def test_kernels_for(vendor, flags, kernels):
    cpuinfo = f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\nbugs\t\t: none\n"
    assert kernels_for(cpuinfo) == kernels


def test_the_environment_is_as_it_was(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    with loading(threads=1):
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "OPENBLAS_CORETYPE" not in os.environ
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    with pytest.raises(OSError), loading(threads=2):
        raise OSError
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("dtype", [tidu.float32, tidu.float64, tidu.complex64])
def test_zero_times_infinity_where_an_operand_has_one_element(dtype, rows):
    zero, many = tidu.zeros(1, 1, dtype=dtype), tidu.full((rows, 1), float("inf"), dtype=dtype)
    for out in (
        many @ zero, zero @ many.T, zero.squeeze(0) @ many.T, many @ zero.squeeze(0),
        tidu.mv(many, zero[0]), tidu.mv(tidu.zeros_like(many), zero[0] + float("inf")),
        tidu.nn.functional.linear(many, zero), tidu.nn.functional.linear(zero, many),
        tidu.einsum("ij,jk->ik", many, zero), tidu.tensordot(zero[0], many.T, 1),
    ):  # fmt: skip
        assert out.numel() == rows
        assert out.isnan().all()
    x, weight = tidu.full((1, 3), float("inf")).requires_grad_(), tidu.ones(1, 3).requires_grad_()
    tidu.nn.functional.linear(x, weight).backward(tidu.zeros(1, 1))
    assert x.grad.eq(0).all()
    assert weight.grad.isnan().all()


def test_zero_times_infinity_in_convolutions_and_recurrent_layers():
    x, kernel = tidu.full((1, 1, 1, 1), float("inf")), tidu.zeros(1, 1, 1, 1)
    assert tidu.nn.functional.conv2d(x, kernel).isnan().all()
    layer = tidu.nn.RNN(1, 3)
    with tidu.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(float("inf"))
        assert layer(tidu.zeros(1, 1, 1))[0].isnan().all()
