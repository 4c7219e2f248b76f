"""torch.backends.cpu: what the processor can do."""

from ..lazy import lazy_module

_umath = lazy_module("numpy._core._multiarray_umath")


def get_cpu_capability():
    """The widest vectors NumPy finds: 'AVX512', 'AVX2' or 'DEFAULT'."""
    found = _umath.__cpu_features__
    return "AVX512" if found.get("AVX512F") else "AVX2" if found.get("AVX2") else "DEFAULT"
