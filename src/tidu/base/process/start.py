"""Runs first when tidu is imported: matrix kernels, memory, and warnings about our own lines."""

from .blas import choose_kernels
from .memory import keep_freed_memory
from .neighbours import watch_for_neighbours
from .quiet import silence_own_arithmetic

__all__: list[str] = []

choose_kernels()
keep_freed_memory()
silence_own_arithmetic()
watch_for_neighbours()
