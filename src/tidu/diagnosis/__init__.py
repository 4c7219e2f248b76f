"""Why a gradient is missing, and where a NaN comes from: read-only looks at a running program."""

from .nan import NonFiniteError, trace_nan
from .why import why

__all__ = ["NonFiniteError", "trace_nan", "why"]
