"""torch.rand, randn, randint, normal_, bernoulli, multinomial ...: PyTorch's streams as tensors."""

import numpy as np

from .. import streams as draws
from ..core.handle import TensorBase, concrete, element_type, shape_of, wrap
from ..devices import require_cpu
from ..dtypes import DEFAULT, int64, to_numpy_dtype
from ..primitives.arithmetic import zeros_like
from ..size import sizes_from
from ..transforms.mutation import check_writable, old_state, write
from .convert import finish, type_of
from .creation import _leaf, checked_size


def _drawn(name, draw):
    def create(*size, generator=None, out=None, dtype=None, layout=None, device=None,
               requires_grad=False, pin_memory=False, names=None, **by_keyword):  # fmt: skip
        require_cpu(device)
        sizes = checked_size(sizes_from(by_keyword.get("size", size) if not size else size))
        to = DEFAULT.numpy if dtype is None else to_numpy_dtype(dtype)
        return finish(_leaf(draw(sizes, to, generator), requires_grad), out)

    create.__name__ = create.__qualname__ = name
    return create


rand = _drawn("rand", lambda size, dtype, g: draws.rand(size, dtype, g))
randn = _drawn("randn", lambda size, dtype, g: draws.normal(size, dtype, generator=g))
rand.__doc__ = "Uniform numbers in [0, 1) of the given size, from PyTorch's own stream."
randn.__doc__ = "Standard normal numbers of the given size, from PyTorch's own stream."


def _like(name, create):
    def like(
        input,
        *,
        dtype=None,
        layout=None,
        device=None,
        requires_grad=False,
        memory_format=None,
        generator=None,
    ):
        return create(tuple(shape_of(input)), dtype=dtype or type_of(input), device=device,
                      requires_grad=requires_grad, generator=generator)  # fmt: skip

    like.__name__ = like.__qualname__ = name
    like.__doc__ = f"{name[:-5]} in the shape and type of `input`."
    return like


rand_like, randn_like = _like("rand_like", rand), _like("randn_like", randn)


def randint(low, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None,
            device=None, requires_grad=False, pin_memory=False):  # fmt: skip
    """Integers from `low` (0) up to but without `high`: also randint(high, size).

    >>> import tidu as torch
    >>> torch.randint(3, 4, (2,))
    tensor([3, 3])
    """
    if size is None:
        low, high, size = 0, low, high
    if high is None:
        low, high = 0, low
    require_cpu(device)
    to = np.dtype(np.int64) if dtype is None else to_numpy_dtype(dtype)
    value = draws.randint(checked_size(sizes_from((size,))), to, int(low), int(high), generator)
    return finish(_leaf(value, requires_grad), out)


def randint_like(input, low, high=None, *, dtype=None, **options):
    """randint in the shape and type of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, tuple(shape_of(input)), dtype=dtype or type_of(input))


def randperm(n, *, generator=None, out=None, dtype=int64, layout=None, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """The numbers 0 ... n-1 in random order."""
    require_cpu(device)
    return finish(_leaf(draws.randperm(n, dtype.numpy, generator), requires_grad), out)


def normal(mean, std=1.0, size=None, *, generator=None, out=None, dtype=None, device=None,
           requires_grad=False):  # fmt: skip
    """Normal numbers with the given mean and standard deviation (numbers or tensors)."""
    if isinstance(mean, TensorBase) or isinstance(std, TensorBase):
        like = mean if isinstance(mean, TensorBase) else std
        arrays = [concrete(a) if isinstance(a, TensorBase) else a for a in (mean, std)]
        value = draws.normal_from_arrays(*arrays, element_type(like), generator)
        return finish(wrap(value), out)
    to = DEFAULT.numpy if dtype is None else to_numpy_dtype(dtype)
    value = draws.normal(sizes_from((size,)), to, mean, std, generator)
    return finish(_leaf(value, requires_grad), out)


def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability each element gives, else 0."""
    like = element_type(input)
    if p is not None:
        return finish(wrap(draws.bernoulli(tuple(shape_of(input)), like, p, generator)), out)
    return finish(
        wrap(
            draws.bernoulli_array(
                tuple(shape_of(input)), element_type(input), concrete(input), generator
            )
        ),
        out,
    )


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn with the probabilities (weights) of each row."""
    return finish(
        wrap(draws.multinomial(concrete(input), num_samples, replacement, generator)), out
    )


def poisson(input, generator=None):
    """Poisson counts with the rates of `input`."""
    return wrap(draws.poisson(concrete(input), generator))


# --- filling in place ---------------------------------------------------------------------------


def _filler(name, draw):
    def fill(self, *args, generator=None, **kwargs):
        check_writable(self)
        value = _along_memory(
            self, lambda shape, dtype: draw(shape, dtype, *args, generator=generator, **kwargs)
        )
        return write(self, _replaced(self, value))

    fill.__name__ = fill.__qualname__ = name
    fill.__doc__ = f"Fill this tensor with numbers from PyTorch's {name[:-1]} stream."
    return fill


def _along_memory(self, draw):
    """What `draw` gives, in the order in which the elements of `self` lie in memory."""
    shape, dtype, array = tuple(shape_of(self)), element_type(self), self._value
    if array.__class__ is not np.ndarray or array.flags.c_contiguous:
        return draw(shape, dtype)
    axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    drawn = draw(tuple([shape[axis] for axis in axes]), dtype)
    return drawn.transpose(np.argsort(axes))


def _replaced(self, value):
    """New contents; a tracked tensor keeps a history with zero gradient."""
    fresh = wrap(value)
    if self._node is None:
        return fresh
    return zeros_like(old_state(self)) + fresh


def _uniform(shape, dtype, from_=0.0, to=1.0, *, generator=None, **named):
    low = named.get("from", from_)
    return draws.uniform(shape, dtype, low, to, generator)


uniform_ = _filler("uniform_", _uniform)
normal_ = _filler("normal_", lambda shape, dtype, mean=0.0, std=1.0, *, generator=None:
                  draws.normal(shape, dtype, mean, std, generator))  # fmt: skip
log_normal_ = _filler("log_normal_", lambda shape, dtype, mean=1.0, std=2.0, *, generator=None:
                      draws.log_normal(shape, dtype, mean, std, generator))  # fmt: skip
exponential_ = _filler("exponential_", lambda shape, dtype, lambd=1.0, *, generator=None:
                       draws.exponential(shape, dtype, lambd, generator))  # fmt: skip
cauchy_ = _filler("cauchy_", lambda shape, dtype, median=0.0, sigma=1.0, *, generator=None:
                  draws.cauchy(shape, dtype, median, sigma, generator))  # fmt: skip
geometric_ = _filler("geometric_", lambda shape, dtype, p, *, generator=None:
                     draws.geometric(shape, dtype, p, generator))  # fmt: skip


def random_(self, from_=None, to=None, *, generator=None, **named):
    """Fill with integers: random_(), random_(to), random_(from, to)."""
    low = named.get("from", from_)
    if to is None and low is not None:
        low, to = 0, low
    check_writable(self)
    value = draws.random_integers(tuple(shape_of(self)), element_type(self), low, to, generator)
    return write(self, _replaced(self, value))


def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1 (probability p, a number or a tensor) and 0."""
    check_writable(self)
    shape, dtype = tuple(shape_of(self)), element_type(self)
    if isinstance(p, TensorBase):
        value = draws.bernoulli_array(shape, dtype, np.broadcast_to(concrete(p), shape), generator)
    else:
        value = _along_memory(
            self, lambda shape, dtype: draws.bernoulli(shape, dtype, p, generator)
        )
    return write(self, _replaced(self, value))
