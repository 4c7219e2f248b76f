"""The kernels of OpenBLAS that are chosen for a processor."""

import os

import pytest

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
