"""Backends of one's own, which PyTorch takes as C++ libraries: left out."""

from ..base.refusals import refused_functions

__all__ = ["generate_methods_for_privateuse1_backend", "rename_privateuse1_backend"]

rename_privateuse1_backend, generate_methods_for_privateuse1_backend = refused_functions(
    "utils", "rename_privateuse1_backend generate_methods_for_privateuse1_backend",
    "there is one backend, the CPU.",
)  # fmt: skip
