"""The kernels of OpenBLAS that are chosen for a processor."""

import pytest

from tidu.process.blas import kernels_for

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
