"""PyTorch divides by zero without a word; so does tidu, without changing NumPy for the program.

NumPy attributes a floating-point warning to the module whose line computed. Only warnings from
tidu's own modules are silenced; those of the user's NumPy code stay.
"""

import warnings

__all__ = ["silence_own_arithmetic"]


def silence_own_arithmetic():
    """Ignore NumPy's floating-point warnings that arise in this package."""
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tidu\.")
