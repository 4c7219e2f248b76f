"""torch.rand, randn, randint, normal_, bernoulli, multinomial ...: PyTorch's streams as tensors."""

import math
from functools import wraps

import numpy as np

from ..base import streams as draws
from ..base.devices import require_cpu
from ..base.dtypes import DEFAULT, FLOAT8, int64, refuse_kept, to_numpy_dtype
from ..base.size import LIMIT, checked_size, sizes_from
from ..base.streams.engine import ENGINE
from ..base.streams.normal import fill_few
from ..base.streams.uniform import fill32
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..core.modes import LOCAL, STATE
from ..core.native import NATIVE
from ..core.retries import worded
from ..core.versions import stamp
from ..primitives.base import transpose
from ..transforms.batch import drawn, drawn_from
from ..transforms.mutation import old_state, write, written
from ..transforms.trace import memory_of
from ..transforms.write_checks import check_writable, untracked
from .convert import finish, ndim_of, scalar_name, type_of
from .creation import empty_like
from .flags import strict
from .from_data import leaf
from .numbers import require_width
from .shapes import expand
from .underived import no_derivative, zero_derivative

ENGINE.native = NATIVE


def _drawn(name, draw, doc):
    def create(*size, generator=None, out=None, dtype=None, layout=None, device=None,
               requires_grad=False, pin_memory=False, names=None, **by_keyword):  # fmt: skip
        if device is not None:
            require_cpu(device)
        sizes = size
        if len(size) != 1 or size[0].__class__ is not int or not 0 <= size[0] < LIMIT:
            size = size or by_keyword.get("size", size)
            sizes = checked_size(sizes_from(size, name))
        to = DEFAULT.numpy if dtype is None else to_numpy_dtype(dtype)
        if _undisturbed():
            value = wrap(draw(sizes, to, generator))
        else:
            value = drawn(lambda shape: draw(shape, to, generator), sizes)
        return finish(leaf(value, requires_grad, name), out)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return worded(create)


rand = _drawn(
    "rand",
    lambda size, dtype, g: draws.rand(size, dtype, g),
    "Uniform numbers in [0, 1) of the given size, from PyTorch's own stream.",
)
randn = _drawn("randn", lambda size, dtype, g: draws.normal(size, dtype, generator=g),
               "Standard normal numbers of the given size, from PyTorch's own stream.")  # fmt: skip


def _like(name, create, fill):
    def like(input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
             memory_format=None, generator=None):  # fmt: skip
        dtype = dtype or type_of(input)
        memory = memory_of(input)
        in_order = memory.__class__ is not np.ndarray or memory.flags.c_contiguous
        if not in_order or memory_format is not None:  # numbers are drawn as they lie in memory
            out = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
            return fill(out, generator).requires_grad_(requires_grad)
        return create(tuple(shape_of(input)), dtype=dtype, device=device, generator=generator,
                      requires_grad=requires_grad)  # fmt: skip

    like.__name__ = like.__qualname__ = name
    like.__doc__ = f"{name[:-5]} in the shape and type of `input`."
    return worded(like)


rand_like = _like("rand_like", rand, lambda out, g: uniform_(out, generator=g))
randn_like = _like("randn_like", randn, lambda out, g: normal_(out, generator=g))


@worded
def randint(low, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None,
            device=None, requires_grad=False, pin_memory=False):  # fmt: skip
    """Integers from `low` (0) up to but without `high`: also randint(high, size).

    >>> import tidu as torch
    >>> torch.randint(3, 4, (2,))
    tensor([3, 3])
    """
    if size is None:
        low, high, size = 0, low, high
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            "randint(): argument 'size' (position 2) must be tuple of ints, not "
            f"{type(size).__name__}"
        )
    if high is None:
        low, high = 0, low
    require_cpu(device)
    require_width(int(low))
    require_width(int(high))
    to = np.dtype(np.int64) if dtype is None else to_numpy_dtype(dtype)
    value = drawn(
        lambda shape: draws.randint(shape, to, int(low), int(high), generator),
        checked_size(sizes_from((size,))),
    )
    return finish(leaf(value, requires_grad, "randint"), out)


def randint_like(input, low=None, high=None, **options):
    """randint in the shape and type of `input`: randint_like(input, high), or with `low` before."""
    if low is None or high is None:
        low, high = 0, low if high is None else high
    like = _like(
        "randint_like",
        lambda shape, **rest: randint(low, high, shape, **rest),
        lambda out, generator: random_(out, low, high, generator=generator),
    )
    return like(input, **options)


@worded
def randperm(n, *, generator=None, out=None, dtype=int64, layout=None, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """The numbers 0 ... n-1 in random order."""
    require_cpu(device)
    value = drawn(lambda shape: _permutations(shape, dtype.numpy, generator), (n,))
    return finish(leaf(value, requires_grad, "randperm"), out)


def _permutations(shape, dtype, generator):
    *lead, n = shape
    if not lead:
        return draws.randperm(n, dtype, generator)
    rows = [draws.randperm(n, dtype, generator) for _ in range(math.prod(lead))]
    return np.array(rows, dtype).reshape(shape)


@worded
def normal(mean, std=1.0, size=None, *, generator=None, out=None, dtype=None, device=None,
           requires_grad=False, **layout):  # fmt: skip
    """Normal numbers with the given mean and standard deviation (numbers or tensors)."""
    if isinstance(mean, TensorBase) or isinstance(std, TensorBase):
        like = mean if isinstance(mean, TensorBase) else std
        dtype = element_type(like)
        value = drawn_from(
            lambda mean, std: draws.normal_from_arrays(mean, std, dtype, generator), mean, std
        )
        tensors = [t for t in (mean, std) if isinstance(t, TensorBase)]
        name = f"NormalBackward{3 if len(tensors) == 2 else 1 if mean is tensors[0] else 2}"
        return finish(zero_derivative(value, name, *tensors), out)
    to = DEFAULT.numpy if dtype is None else to_numpy_dtype(dtype)
    value = drawn(lambda shape: draws.normal(shape, to, mean, std, generator), sizes_from((size,)))
    return finish(leaf(value, requires_grad, "normal"), out)


@worded
def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability each element gives, else 0."""
    like = element_type(input)
    if p is not None:
        shape = tuple(shape_of(input))
        value = drawn(lambda shape: draws.bernoulli(shape, like, p, generator), shape)
        return finish(zero_derivative(value, "BernoulliBackward2", input), out)
    value = drawn_from(lambda p: draws.bernoulli_array(p.shape, like, p, generator), input)
    return finish(zero_derivative(value, "BernoulliBackward0", input), out)


def bernoulli_like(input, p):
    """`bernoulli(input, p)`, drawn in the order in which the elements of `input` lie in memory."""
    axes = None if LOCAL.tracer is None else LOCAL.tracer.drawn_along(input)
    return _along_memory(
        empty_like(input, requires_grad=False),
        lambda shape, dtype: draws.bernoulli(shape, dtype, p, None), axes,
    )  # fmt: skip


def kept_noise(input, keep):
    """Zeros and, with probability `keep`, 1 / keep: what dropout multiplies `input` with."""
    array = input._value
    if array.__class__ is np.ndarray and array.flags.c_contiguous and _undisturbed():
        if array.dtype.kind == "f" and array.itemsize >= 4:
            noise = draws.bernoulli(array.shape, array.dtype, keep, None)
            noise /= keep
            return wrap(noise)
    return bernoulli_like(input, keep).div_(keep)


def _undisturbed():
    """Whether a draw is simply an array: no listener, no vmap, nothing that records it."""
    return not STATE.listeners and not LOCAL.batches and LOCAL.tracer is None


@worded
@strict
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn with the probabilities (weights) of each row."""
    if ndim_of(input) not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if out is not None and type_of(out) is not int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {scalar_name(type_of(out))}")

    def draw(weights):
        lead = weights.shape[:-1]
        rows = weights.reshape(-1, weights.shape[-1]) if len(lead) > 1 else weights
        found = draws.multinomial(rows, num_samples, replacement, generator)
        return np.ascontiguousarray(found).reshape(*lead, num_samples)

    return finish(drawn_from(draw, input), out)


@worded
def poisson(input, generator=None):
    """Poisson counts with the rates of `input`."""
    value = drawn_from(lambda rates: draws.poisson(rates, generator), input)
    return zero_derivative(value, "PoissonBackward0", input)


# --- filling in place ---------------------------------------------------------------------------


def _filler(name, draw, at_once=None):
    def general(self, *args, generator=None, **kwargs):
        check_writable(self)
        array = self._value
        if _whole(self) and _undisturbed():
            array[...] = draw(array.shape, array.dtype, *args, generator=generator, **kwargs)
            written(self)
            return self
        memory = memory_of(self)
        if name == "normal_" and memory.__class__ is np.ndarray and not memory.flags.c_contiguous:
            kwargs["serial"] = True
        value = _along_memory(
            self, lambda shape, dtype: draw(shape, dtype, *args, generator=generator, **kwargs)
        )
        return write(self, _replaced(self, value, name))

    general.__name__ = general.__qualname__ = name
    general.__doc__ = f"Fill this tensor with numbers from PyTorch's {name[:-1]} stream."
    general = worded(general)

    @wraps(general)
    def fill(self, *args, **kwargs):
        if not args and not kwargs and _alone(self) and self._value.dtype.kind == "f":
            array = self._value
            if at_once is None or not at_once(array):
                array[...] = draw(array.shape, array.dtype)
            stamp(array)
            return self
        return general(self, *args, **kwargs)

    return fill


def _alone(self):
    """Whether nothing watches this tensor, and it owns its memory."""
    try:
        if self._node is not None or self._view is not None or self._extra is not None:
            return False
        array = self._value
    except AttributeError:
        return False
    if STATE.special or STATE.listeners or array.__class__ is not np.ndarray:
        return False
    if array.base is not None or not array.flags.c_contiguous or array.dtype.kind not in "f":
        return False
    return LOCAL.tracer is None and not LOCAL.batches


def _whole(self):
    array = self._value
    return array.__class__ is np.ndarray and untracked(self) and array.flags.c_contiguous


def _along_memory(self, draw, axes=None):
    """What `draw` gives, in the order in which the elements of `self` lie in memory, or would where
    it is recorded (`axes`, where that is known already)."""
    shape, dtype, array = tuple(shape_of(self)), element_type(self), memory_of(self)
    if axes is None:
        if array.__class__ is not np.ndarray or array.flags.c_contiguous:
            return drawn(lambda shape: draw(shape, dtype), shape)
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    found = drawn(lambda shape: draw(shape, dtype), tuple([shape[axis] for axis in axes]))
    return _turned(found, axes)


def _turned(found, axes):
    """What was drawn with the axes in this order, in their own."""
    return transpose(found, axes=tuple([int(a) for a in np.argsort(axes)]))


def _replaced(self, fresh, name, *sources):
    """New contents, with a history of zero gradients."""
    if not name[-1].isdigit():
        name = "".join(map(str.capitalize, name.split("_"))) + "Backward0"
    return zero_derivative(fresh, name, old_state(self), *sources)


def _uniform(shape, dtype, from_=0.0, to=1.0, *, generator=None, **named):
    if not named:
        return draws.uniform(shape, dtype, from_, to, generator)
    low = named.pop("from", from_)
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    return draws.uniform(shape, dtype, low, to, generator)


uniform_ = _filler("uniform_", _uniform, fill32)
normal_ = _filler("normal_", lambda shape, dtype, mean=0.0, std=1.0, **options:
                  draws.normal(shape, dtype, mean, std, **options), fill_few)  # fmt: skip
log_normal_ = _filler("log_normal_", lambda shape, dtype, mean=1.0, std=2.0, *, generator=None:
                      draws.log_normal(shape, dtype, mean, std, generator))  # fmt: skip
exponential_ = _filler("exponential_", lambda shape, dtype, lambd=1.0, *, generator=None:
                       draws.exponential(shape, dtype, lambd, generator))  # fmt: skip
cauchy_ = _filler("cauchy_", lambda shape, dtype, median=0.0, sigma=1.0, *, generator=None:
                  draws.cauchy(shape, dtype, median, sigma, generator))  # fmt: skip
geometric_ = _filler("geometric_", lambda shape, dtype, p, *, generator=None:
                     draws.geometric(shape, dtype, p, generator))  # fmt: skip


@worded
def random_(self, from_=None, to=None, *, generator=None, **named):
    """Fill with integers: random_(), random_(to), random_(from, to)."""
    low = named.get("from", from_)
    name = f"RandomBackward{2 if low is None and to is None else 1 if None in (low, to) else 0}"
    if to is None and low is not None:
        low, to = 0, low
    for bound in (low, to):
        require_width(0 if bound is None else bound)
    check_writable(self)
    if type_of(self) in FLOAT8:
        refuse_kept(element_type(self), "random_kernel_cpu")
    value = _along_memory(
        self, lambda shape, dtype: draws.random_integers(shape, dtype, low, to, generator)
    )
    return write(self, _replaced(self, value, name))


@worded
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1 (probability p, a number or a tensor) and 0."""
    check_writable(self)
    shape, dtype = tuple(shape_of(self)), element_type(self)
    if isinstance(p, TensorBase):
        value = drawn_from(
            lambda p: draws.bernoulli_array(p.shape, dtype, p, generator), expand(p, shape)
        )
    else:
        value = _along_memory(
            self, lambda shape, dtype: draws.bernoulli(shape, dtype, p, generator)
        )
    if isinstance(p, TensorBase):
        return write(self, _replaced(self, value, "BernoulliBackward1", p))
    return write(self, _replaced(self, value, "BernoulliBackward2"))


@strict
def binomial(count, prob, generator=None, *, out=None):
    """Successes among `count` trials of probability `prob`, element by element."""
    draw = lambda trials, chances: draws.binomial(trials, chances, generator)
    found = drawn_from(draw, count.detach(), prob.detach())
    return finish(no_derivative(found, "aten::binomial", count, prob), out)
