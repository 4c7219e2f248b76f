"""What a record of an operator is, and the ways to make one. Read `Record`, `unary`, `record`.

Arrays in a sample become tensors of whatever library is under test.
"""

import math
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "uint8")
REAL = (*FLOATS, *INTEGERS)
ALL = (*REAL, "bool", "complex64")


@dataclass(frozen=True)
class Sample:
    args: tuple
    kwargs: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A call that must raise `kind` with a message whose first sentence contains `text`."""

    args: tuple
    kwargs: dict
    kind: type
    text: str


@dataclass(frozen=True)
class Record:
    """`name`: a public name of the library, or `Tensor.name`. `dtypes`: for the reference."""

    name: str
    samples: tuple
    reference: Any = None
    differentiable: bool = True
    twice: bool = True
    forward: bool = True
    batch: bool = True
    dtypes: tuple = FLOATS
    tolerance: float = 1e-9
    out: bool = True
    inplace: bool = False
    refusals: tuple = ()
    suffix: str = ""
    kinks: bool = False
    symmetric: bool = False  # of the matrices only symmetric changes are seen
    ours: bool = False  # the derivatives are ours: PyTorch has none
    fixed: tuple = ()  # positions of arguments that carry no gradient and no batch
    call: Any = None  # library -> the function, where it is not what the name says
    random: bool = False  # draws numbers: each call starts from the same seed

    @property
    def id(self):
        return self.name + self.suffix

    def function(self, library):
        function = self.named(library) if self.call is None else self.call(library)
        return seeded(library, function) if self.random else function

    def named(self, library):
        target = library
        for part in self.name.split("."):
            target = getattr(target, part)
        return target


def seeded(library, function):
    def call(*args, **kwargs):
        library.manual_seed(0)
        return function(*args, **kwargs)

    return call


def source(name):
    """A random source of its own for each record."""
    return np.random.RandomState(zlib.crc32(name.encode()) % (1 << 31))


def draw(random, shape, low=-2.0, high=2.0, apart=False):
    """Values in (low, high); `apart`: no two nearly equal, so that orders are stable."""
    if apart:
        count = math.prod(shape)
        return (random.permutation(count) + 0.3 * random.rand(count)).reshape(shape) * (
            (high - low) / max(count, 1)
        ) + low
    return np.asarray(random.uniform(low, high, shape))


def strided(array):
    """The same values in memory that is not contiguous."""
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 0] = array
    return wide[..., 0]


SHAPES = ((), (3,), (2, 3), (0, 3))


def unary(name, reference, low=-2.0, high=2.0, dtypes=FLOATS, inplace=True, **options):
    random = source(name)
    arrays = [draw(random, shape, low, high) for shape in SHAPES]
    arrays += [strided(draw(random, (3, 2), low, high)), draw(random, (2, 3), low, high).T]
    return Record(name, tuple([Sample((a,)) for a in arrays]), reference, dtypes=dtypes,
                  inplace=inplace, **options)  # fmt: skip


PAIRS = (((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((2, 3), ()), ((0, 3), (1, 3)))


def binary(name, reference, low=-2.0, high=2.0, numbers=True, dtypes=FLOATS, **options):
    random = source(name)
    samples = [Sample((draw(random, a, low, high), draw(random, b, low, high))) for a, b in PAIRS]
    samples.append(
        Sample((strided(draw(random, (3, 2), low, high)), draw(random, (2, 3), low, high).T))
    )
    if numbers:
        samples += [Sample((draw(random, (3,), low, high), n)) for n in (2, 1.5)]
    options.setdefault("inplace", True)
    return Record(name, tuple(samples), reference, dtypes=dtypes, **options)


def reduction(name, reference, dtypes=FLOATS, empty=True, several=True, single=True, **options):
    random = source(name)
    shape, kwargs = (2, 3, 2), [{}, {"dim": 1}, {"dim": -1, "keepdim": True}]
    if several:
        kwargs += [{"dim": (0, 2)}, {"dim": (0, 2), "keepdim": True}]
    samples = [Sample((draw(random, shape, apart=True),), k) for k in kwargs]
    samples.append(Sample((draw(random, (3, 2), apart=True).T,)))
    if single:
        samples.append(Sample((draw(random, ()),)))
    if empty:
        samples.append(Sample((np.zeros((0, 3)),)))
    return Record(name, tuple(samples), numpy_reduction(reference), dtypes=dtypes, **options)


def numpy_reduction(reference):
    if reference is None:
        return None
    return lambda x, dim=None, keepdim=False: reference(x, axis=dim, keepdims=keepdim)


def unbiased(reference):
    return lambda a, axis, keepdims: reference(a, axis=axis, keepdims=keepdims, ddof=1)


def record(name, *samples, reference=None, **options):
    """A record from explicit samples: each a tuple of arguments, the last perhaps a dict."""
    made = []
    for sample in samples:
        args, kwargs = (sample[:-1], sample[-1]) if isinstance(sample[-1], dict) else (sample, {})
        made.append(Sample(args, kwargs))
    return Record(name, tuple(made), reference, **options)


def refuse(kind, text, *args, **kwargs):
    return Refusal(args, kwargs, kind, text)


def drawer(name):
    """x(*shape, low, high, apart): arrays from a source of their own."""
    random = source(name)

    def x(*shape, low=-2.0, high=2.0, apart=False):
        return draw(random, shape, low, high, apart)

    return x


def i(*values):
    return np.array(values, np.int64)
