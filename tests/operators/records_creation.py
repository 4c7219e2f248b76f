"""Records of what makes tensors: from nothing, from others, by chance; windows; conversions."""

import numpy as np
from making import ALL, FLOATS, REAL, drawer, record, refuse

x = drawer("creation")
NEW = dict(differentiable=False, batch=False, dtypes=())
KINDS = (
    "bool",
    "byte",
    "char",
    "short",
    "int",
    "long",
    "half",
    "float",
    "double",
    "bfloat16",
    "cfloat",
    "cdouble",
)


def unset(name):
    """Elements are not set: shape and type alone are compared."""

    def choose(library):
        function = getattr(library, name, None)

        def call(*args, **kwargs):
            return library.zeros_like(function(*args, **kwargs))

        return call

    return choose


def method(name, then=lambda out: out):
    return lambda library: lambda a, *args, **kwargs: then(getattr(a, name)(*args, **kwargs))


def new(name):
    """A method that makes tensors like its own, whose elements may not be set."""
    return lambda library: lambda a, *args: library.zeros_like(getattr(a, name)(*args))


def drawn(name, *samples, **options):
    return record(name, *samples, **{**NEW, "out": False, "random": True, **options})


def inplace_draw(name, *samples, **options):
    """x.name_(...): the elements replaced by random numbers."""
    call = lambda library: lambda a, *args: getattr(a.clone(), name + "_")(*args)
    return drawn(name, *samples, call=call, **options)


MAKING = [
    record("arange", (5,), (1, 7, 2), (0.5, 2.0, 0.25), **NEW, refusals=(
        refuse(RuntimeError, "upper bound and lower bound inconsistent with step sign", 5, 1, 1),)),
    record("linspace", (0, 1, 5), (-2.0, 3.0, 4), (1, 1, 1), **NEW),
    record("linspace", (np.array(0.5), np.array(2.5), 5), (np.array(1.0), 2.0, 3), suffix=".tensor_overload",
           **{**NEW, "batch": True, "dtypes": ("float32", "float64")}),
    record("logspace", (0, 1, 5), (-2.0, 1.0, 4, 2.0), **NEW),
    record("logspace", (np.array(0.5), np.array(1.5), 5), suffix=".tensor_overload",
           **{**NEW, "batch": True, "dtypes": ("float32", "float64")}),
    record("eye", (3,), (2, 4), **NEW), record("full", ((2, 3), 1.5), ((), 2), **NEW), record("scalar_tensor", (2.5,), **NEW, out=False),
    record("ones", (2, 3), ((2, 0),), **NEW), record("zeros", (2, 3), ((),), **NEW),
    record("tril_indices", (3, 4), (4, 3, 1), **NEW, out=False), record("triu_indices", (3, 4), (4, 3, -1), **NEW, out=False),
    record("empty", (2, 3), call=unset("empty"), **NEW, out=False),
    record("empty_strided", ((2, 3), (1, 2)), call=unset("empty_strided"), **NEW, out=False),
    record("empty_permuted", ((2, 3, 4), (2, 0, 1)), call=unset("empty_permuted"), **NEW, out=False),
    record("broadcast_shapes", ((2, 1), (3,)), ((4, 1, 3), (2, 1)), **NEW, out=False,
           call=lambda t: lambda *shapes: t.tensor(tuple(t.broadcast_shapes(*shapes)))),
]  # fmt: skip

LIKE = dict(differentiable=False, out=False, dtypes=ALL)
LIKES = [
    record("ones_like", (x(2, 3),), **LIKE), record("zeros_like", (x(2, 3),), **LIKE),
    record("full_like", (x(2, 3), 2.5), **{**LIKE, "dtypes": FLOATS}),
    record("empty_like", (x(2, 3),), call=unset("empty_like"), **LIKE),
    record("rand_like", (x(2, 3),), random=True, **{**LIKE, "dtypes": FLOATS}, batch=False),
    record("randn_like", (x(2, 3),), random=True, **{**LIKE, "dtypes": FLOATS}, batch=False),
    record("randint_like", (x(2, 3), 5), (x(2, 3), 2, 9), random=True, **{**LIKE, "dtypes": REAL}, batch=False),
    record("Tensor.new_ones", (x(2), (2, 3)), **LIKE), record("Tensor.new_zeros", (x(2), (2, 3)), **LIKE),
    record("Tensor.new_full", (x(2), (2, 3), 1.0), **{**LIKE, "dtypes": FLOATS}),
    record("Tensor.new_empty", (x(2), (2, 3)), call=new("new_empty"), **LIKE),
    record("Tensor.new_empty_strided", (x(2), (2, 3), (1, 2)), call=new("new_empty_strided"), **LIKE),
    record("fill", (x(2, 3), 1.5), (x(2, 3), x()), out=False, inplace=True, dtypes=FLOATS),
    record("Tensor.zero_", (x(2, 3),), call=lambda t: lambda a: a.clone().zero_(), out=False, differentiable=False, dtypes=ALL),
    record("resize_", (x(2, 3), (2, 2)), (x(2, 3), (6,)), call=lambda t: lambda a, size: a.resize_(size), **{**LIKE, "batch": False}),
    record("resize_as_", (x(2, 3), x(3, 2)), call=lambda t: lambda a, b: a.resize_as_(b), **{**LIKE, "batch": False}),
]  # fmt: skip

CHANCE = [
    drawn("rand", (2, 3)), drawn("randn", (2, 3), (4, 5)), drawn("randint", (5, (2, 3)), (2, 9, (4,))), drawn("randperm", (6,)),
    drawn("normal", (x(3), x(3, low=0.5)), (x(3), 2.0), dtypes=("float32", "float64")),
    drawn("normal", (1.0, x(3, low=0.5)), suffix=".number_mean", dtypes=("float32", "float64")),
    drawn("normal", (x(3), 1.0, 2.0), suffix=".in_place", call=lambda t: lambda a, *given: a.clone().normal_(*given), dtypes=FLOATS),
    drawn("bernoulli", (x(2, 3, low=0.1, high=0.9),), dtypes=("float32", "float64")),
    drawn("multinomial", (x(2, 4, low=0.1), 2), (x(4, low=0.1), 5, True), dtypes=("float32", "float64")),
    *[inplace_draw(name, *samples, dtypes=("float32", "float64")) for name, *samples in (
        ("uniform", (x(2, 3), -1.0, 2.0)), ("exponential", (x(2, 3), 1.5)), ("cauchy", (x(2, 3), 0.5, 2.0)),
        ("geometric", (x(2, 3), 0.3)), ("log_normal", (x(2, 3), 0.5, 0.25)))],
    drawn("svd_lowrank", (x(4, 3),), call=lambda t: lambda a: t.svd_lowrank(a, q=3)[1], dtypes=("float64",)),
    drawn("pca_lowrank", (x(4, 3),), call=lambda t: lambda a: t.pca_lowrank(a, q=3)[1], dtypes=("float64",)),
]  # fmt: skip

WINDOWS = [
    *[record(f"signal.windows.{name}", (7,), (1,), (6, {"sym": False}), **NEW, out=False) for name in (
        "bartlett", "blackman", "cosine", "hamming", "hann", "nuttall")],
    record("signal.windows.exponential", (7,), (6, {"tau": 2.0, "sym": False}), **NEW, out=False),
    record("signal.windows.gaussian", (7,), (6, {"std": 2.0, "sym": False}), **NEW, out=False),
    record("signal.windows.general_cosine", (7, {"a": [0.5, 0.3, 0.2]}), **NEW, out=False),
    record("signal.windows.general_hamming", (7,), (6, {"alpha": 0.6, "sym": False}), **NEW, out=False),
    record("signal.windows.kaiser", (7,), (6, {"beta": 8.0, "sym": False}), **NEW, out=False),
    *[record(f"{name}_window", (7,), (6, False), **NEW, out=False) for name in ("bartlett", "blackman", "hamming", "hann", "kaiser")],
]  # fmt: skip

CONVERSIONS = [
    *[record(f"Tensor.{kind}", (x(2, 3, low=0.0),), (x(2, 3, low=0.0).T,), out=False, dtypes=ALL,
             differentiable=kind in ("double", "cdouble"), twice=kind == "double", forward=kind == "double") for kind in KINDS],
    record("Tensor.to", (x(2, 3), "float32"), (x(2, 3), "int64"), (x(2, 3), "complex128"), out=False, dtypes=("float32", "float64"),
           differentiable=False, call=lambda t: lambda a, kind: a.to(getattr(t, kind))),
    record("Tensor.item", (x(),), (x(1),), out=False, batch=False, differentiable=False, dtypes=REAL,
           call=lambda t: lambda a: t.tensor(a.item())),
    record("complex", (x(2, 3), x(2, 3)), (x(3), x(1)), dtypes=("float32", "float64")),
    record("polar", (x(2, 3, low=0.1), x(2, 3)), dtypes=("float32", "float64")),
]  # fmt: skip

CREATION = MAKING + LIKES + CHANCE + WINDOWS + CONVERSIONS
