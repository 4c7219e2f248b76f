"""The machine: handles, primitives, the tape and the one crossing point. It knows no operation."""

from .memory import keep_freed_memory

keep_freed_memory()
