"""`torch.return_types`: the named tuples that functions with several results return."""

from .ops import factorizations, integrals, matrix_functions, reductions

__all__ = ["all_return_types"]  # and the types, by the name of their function

_FAMILIES = (
    reductions.values_indices.values(),
    (reductions.AMINMAX,),
    matrix_functions.KINDS.values(),
    factorizations.KINDS.values(),
    (integrals.HISTOGRAM, integrals.HISTOGRAMDD, integrals.FREXP),
)
all_return_types = [kind for family in _FAMILIES for kind in family]
globals().update({kind.__name__: kind for kind in all_return_types})
__all__ += [kind.__name__ for kind in all_return_types]
