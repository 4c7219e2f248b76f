"""torch.backends.cpu: what the processor can do."""

from numpy._core._multiarray_umath import __cpu_features__ as _found


def get_cpu_capability():
    """The widest vectors NumPy finds: 'AVX512', 'AVX2' or 'DEFAULT'."""
    return "AVX512" if _found.get("AVX512F") else "AVX2" if _found.get("AVX2") else "DEFAULT"
