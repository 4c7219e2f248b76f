"""PyTorch's CPU random streams on NumPy arrays: the same seed gives the same numbers.

Every draw is a function of a shape (or parameter arrays), a NumPy dtype and a `Generator`, and
returns a new array; `fill` draws into existing memory in the order PyTorch does.
"""

from .choice import multinomial, randperm
from .generator import Generator, default_generator
from .memory import fill, is_contiguous
from .normal import log_normal, normal, normal_from_arrays
from .sampled import binomial, dirichlet, poisson, standard_gamma
from .uniform import (
    bernoulli,
    bernoulli_array,
    cauchy,
    coin_mask,
    exponential,
    geometric,
    rand,
    randint,
    random_integers,
    uniform,
)

__all__ = [
    "Generator",
    "bernoulli",
    "bernoulli_array",
    "binomial",
    "cauchy",
    "coin_mask",
    "default_generator",
    "dirichlet",
    "exponential",
    "fill",
    "geometric",
    "is_contiguous",
    "log_normal",
    "multinomial",
    "normal",
    "normal_from_arrays",
    "poisson",
    "rand",
    "randint",
    "random_integers",
    "randperm",
    "standard_gamma",
    "uniform",
]
