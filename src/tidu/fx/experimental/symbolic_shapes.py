"""torch.fx.experimental.symbolic_shapes: questions about sizes; here each size is a number."""

from ...base.refusals import refused_classes

__all__ = ["GuardOnDataDependentSymNode", "ShapeEnv", "free_symbols", "free_unbacked_symbols",
           "guard_or_false", "guard_or_true", "is_concrete_bool", "is_concrete_int",
           "statically_known_true"]  # fmt: skip

ShapeEnv, GuardOnDataDependentSymNode = refused_classes(
    "fx.experimental.symbolic_shapes", "ShapeEnv GuardOnDataDependentSymNode",
    "sizes are numbers here: compare them.",
)  # fmt: skip


def guard_or_false(a):
    """Whether a condition about sizes holds."""
    return bool(a)


guard_or_true = statically_known_true = guard_or_false


def is_concrete_int(a):
    """True: a size is a number."""
    return True


is_concrete_bool = is_concrete_int


def free_symbols(val):
    """The symbols in sizes: none."""
    return set()


free_unbacked_symbols = free_symbols
