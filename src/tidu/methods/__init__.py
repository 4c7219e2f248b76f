"""The four methods for a derivative side by side: manual, numerical, symbolic, automatic."""

from .compare import Comparison, compare
from .expression import ExpressionError, function_of

__all__ = ["Comparison", "ExpressionError", "compare", "function_of"]
