"""Chi2."""

from . import constraints
from .distribution import together
from .gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The sum of `df` squared normals."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df, validate_args=None):
        (df,) = together(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)
        if self._validate_args and not bool((df > 0).all()):
            raise ValueError(
                f"Expected parameter df (Tensor of shape {tuple(df.shape)}) of distribution "
                f"{self!r} to satisfy the constraint {constraints.positive!r}, but found invalid "
                f"values:\n{df}"
            )

    df = property(lambda self: self.concentration * 2)
