"""torch.zeros, full, arange, linspace, eye ...: tensors from sizes and ranges."""

import math
import warnings

import numpy as np

from ..base import dtypes
from ..base.constants import strided
from ..base.devices import device as Device
from ..base.devices import require_cpu
from ..base.dtypes import DEFAULT, complex32, int64
from ..base.errors import hinted
from ..base.frames import user_depth
from ..base.lazy import lazy_module
from ..base.size import LIMIT, checked_size, sizes_from
from ..core import blocks
from ..core.direct import directly, memory
from ..core.handle import TensorBase, concrete, element_type, shape_of, wrap
from ..core.native import NATIVE, SUM_FROM
from ..core.retries import worded
from ..primitives.arithmetic import make_complex
from ..transforms.batch import batched_as
from . import direct
from .convert import (
    finish,
    invalid_combination,
    named,
    number_type,
    require_tensor,
    scalar_name,
    type_of,
)  # fmt: skip
from .examples import each_example
from .formats import laid_in
from .from_data import leaf, types_of
from .numbers import fitted, require_scalar

_ROOT = __name__.partition(".")[0]
making = lazy_module(f"{_ROOT}.sparse.making")
meta = lazy_module(f"{_ROOT}.meta")


def _sparse(name, layout, sizes, dtype, requires_grad):
    """zeros or empty in a sparse layout, of which there are no others."""
    if name == "ones":
        raise RuntimeError(hinted(
            "full(...) is not implemented for sparse layout", "write torch.ones(n).to_sparse().",
        ))  # fmt: skip
    return making.without_elements(name, layout, sizes, dtype, requires_grad)


# --- filled -------------------------------------------------------------------------------------


def _filled(name, make, doc):
    def create(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
               pin_memory=False, memory_format=None, names=None):  # fmt: skip
        sizes = _lengths(size or create_size())
        if device is not None and Device(device).type == "meta":
            return meta.MetaTensor.made(sizes, dtype or DEFAULT.dtype, None, requires_grad)
        require_cpu(device)
        if layout is not None and layout is not strided:
            return _sparse(name, layout, sizes, dtype, requires_grad)
        result = leaf(make(sizes, types_of(dtype, DEFAULT.numpy)), requires_grad, name)
        if memory_format is not None:
            if name != "empty":
                raise TypeError(f"{name}() got an unexpected keyword argument 'memory_format'")
            laid_in(result, memory_format, function=name)
        return finish(result, out)

    def _lengths(size):
        sizes = sizes_from(size, name)
        if name == "zeros" and min(sizes, default=0) < 0:
            raise RuntimeError("zeros: Dimension size must be non-negative.")
        return checked_size(sizes)

    def create_size():
        raise TypeError(f"{name}() received an invalid combination of arguments - got (), but "
                        "expected (tuple of ints size, ...)")  # fmt: skip

    def by_keyword(*size, **options):
        if size and not options:
            if len(size) > 1 or size[0].__class__ is not int or not 0 <= size[0] < LIMIT:
                size = _lengths(size)
            return wrap(make(size, DEFAULT.numpy))
        given = options.pop("size", None)
        if given is None:
            return create(*size, **options)
        return create(*(given or ((),)), **options)

    by_keyword.__name__ = by_keyword.__qualname__ = name
    by_keyword.__doc__ = doc
    return worded(by_keyword)


zeros = _filled("zeros", blocks.zeros, "A tensor of zeros of the given size.")
ones = _filled("ones", blocks.ones, "A tensor of ones of the given size.")
empty = _filled("empty", np.empty, "A tensor of the given size whose elements are not set.")


@worded
def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False):  # fmt: skip
    """A tensor of the given size, each element `fill_value`."""
    require_cpu(device)
    if isinstance(size, (int, float)) or not (
        isinstance(fill_value, (TensorBase, int, float, complex, np.generic))
    ):
        raise invalid_combination("full", size, fill_value)  # `worded` knows which it is
    if isinstance(fill_value, TensorBase):
        fill_value = concrete(fill_value).item()
    default = number_type(fill_value.item() if isinstance(fill_value, np.generic) else fill_value)
    shape = checked_size(sizes_from((size,), "full"))
    to = types_of(dtype, np.dtype(np.complex64) if default is complex32 else default.numpy)
    value = np.full(shape, fitted(fill_value, to, math.prod(shape) != 1), to)
    return finish(leaf(value, requires_grad, "full"), out)


def _like(name, create, make, doc):
    def plain(input):
        x = memory(input)
        return make(x.shape, x.dtype) if x.flags.c_contiguous else None

    def like(input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
             memory_format=None):  # fmt: skip
        sparse = getattr(input._value, "like", None)
        if sparse is not None:
            made = sparse(name, dtype)
            return made.requires_grad_() if requires_grad else made
        if layout is not None and layout is not strided:
            sizes = tuple(shape_of(input))
            return _sparse(name[:-5], layout, sizes, dtype or type_of(input), requires_grad)
        result = create(
            tuple(shape_of(input)), dtype=dtype or type_of(input), device=device,
            requires_grad=requires_grad,
        )  # fmt: skip
        laid_in(result, memory_format, input)  # random numbers are drawn in the order in memory
        return result if input._value.dtype is not None else batched_as(result, input)

    like.__name__ = like.__qualname__ = name
    like.__doc__ = doc
    return directly(plain)(like)


zeros_like = _like("zeros_like", zeros, blocks.zeros, "Zeros of the shape and type of `input`.")
ones_like = _like("ones_like", ones, blocks.ones, "Ones of the shape and type of `input`.")
empty_like = _like(
    "empty_like", empty, np.empty, "Unset elements, in the shape and type of `input`."
)


@worded
def full_like(input, fill_value, *, dtype=None, device=None, requires_grad=False,
              memory_format=None, **layout):  # fmt: skip
    """`fill_value` everywhere, in the shape and type of `input`."""
    sparse = getattr(input._value, "like", None)
    if sparse is not None:
        return sparse("ones_like", dtype).fill_(fill_value)
    result = full(tuple(shape_of(input)), fill_value, dtype=dtype or type_of(input), device=device,
                  requires_grad=requires_grad)  # fmt: skip
    return batched_as(laid_in(result, memory_format, input), input)


@worded
def empty_strided(size, stride, *, dtype=None, device=None, requires_grad=False, **layout):
    """Unset elements with the given strides (in elements)."""
    require_cpu(device)
    to = types_of(dtype, DEFAULT.numpy)
    span = (
        1 + sum([(n - 1) * s for n, s in zip(size, stride, strict=True)]) if math.prod(size) else 0
    )
    memory = np.empty(span, to)
    steps = tuple([s * to.itemsize for s in stride])
    return leaf(np.ndarray(tuple(size), to, memory, 0, steps), requires_grad, "empty_strided")


# --- ranges -------------------------------------------------------------------------------------


@directly(direct.arange)
def arange(start, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
           requires_grad=False, pin_memory=False):  # fmt: skip
    """Numbers from `start` (0) up to but without `end`, `step` apart.

    >>> import tidu as torch
    >>> torch.arange(1, 4)
    tensor([1, 2, 3])
    """
    require_cpu(device)
    for n in (start, end, step):
        require_scalar(n)
    given = (start,) if end is None else (start, end)
    start, end = (0, start) if end is None else given
    numbers = [concrete(n).item() if isinstance(n, TensorBase) else n for n in (start, end, step)]
    numbers = [n.item() if isinstance(n, np.generic) else n for n in numbers]
    start, end, step = numbers
    _require_numbers("arange", *given)
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    default = DEFAULT.numpy if any(isinstance(n, float) for n in numbers) else np.dtype(np.int64)
    to = types_of(dtype, default if out is None else element_type(out))
    dtypes.refuse_kept(to, "arange_cpu")
    if to == np.bool_:
        raise NotImplementedError("\"arange_cpu\" not implemented for 'Bool'")
    asked = step
    if to == np.int64:
        start, end, step = [int(fitted(n, to)) for n in (start, end, step)]
    if step == 0:
        raise (ValueError if asked else RuntimeError)("step must be nonzero")
    count = math.ceil((end - start) / step)
    if count >= LIMIT:
        raise RuntimeError(
            hinted("invalid size, possible overflow?", f"the range has {count} numbers.")
        )
    return finish(leaf(_counted(start, step, count, to), requires_grad, "arange"), out)


def _require_numbers(function, *bounds):
    if any(not isinstance(n, (TensorBase, int, float, np.number)) for n in bounds):
        if len(bounds) > 1:
            raise invalid_combination(function, *bounds)
        raise TypeError(
            f"arange(): argument 'end' (position 1) must be Number, not {type(bounds[0]).__name__}"
        )


_LANES = {"float32": 8, "float64": 4}


def _counted(start, step, count, to):
    """start + i·step. PyTorch counts vectors of numbers, each from its own rounded first one, and
    what does not fill two vectors one by one."""
    index = np.arange(count)
    lanes = _LANES.get(to.name)
    if lanes is None or (isinstance(start, int) and isinstance(step, int)):
        return (start + index * step).astype(to)
    full = count // (2 * lanes) * (2 * lanes)
    begin = index[:full] // lanes * lanes
    wide = np.longdouble if lanes == 4 else np.float64  # As wide as a fused multiplication and sum.
    step, first = wide(step), (start + wide(step) * begin).astype(to).astype(wide)
    rest = start + step * index[full:]
    return np.concatenate([first + step * (index[:full] - begin), rest]).astype(to)


def range_(start, end, step=1, *, dtype=None, **options):
    """Like arange, but with `end` included."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior "
        "is inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).", UserWarning, stacklevel=user_depth(),
    )  # fmt: skip
    count = math.floor((end - start) / step) + 1
    to = types_of(dtype, DEFAULT.numpy)
    wants = options.get("requires_grad", False)
    return leaf((start + np.arange(count) * step).astype(to), wants, "range")


def _spaced(start, end, steps, to):
    """The lower half counted from `start`, the upper from `end`: both ends are exact."""
    for n, word in ((start, "start"), (end, "end")):
        if isinstance(n, TensorBase) and shape_of(n):
            raise RuntimeError(
                "linspace only supports 0-dimensional start and end tensors, but got "
                f"{word} with {len(shape_of(n))} dimension(s)."
            )
    start, end = [concrete(n).item() if isinstance(n, TensorBase) else n for n in (start, end)]
    for n in (start, end):
        require_scalar(n)
    if isinstance(steps, (TensorBase, float)):
        raise invalid_combination("linspace", start, end, steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    checked_size((steps,))
    if steps <= 1:
        return np.full(steps, start, to)
    kind = np.float64 if to.kind in "iub" else to.type  # 16-bit types round after each step
    first, last = (kind(int(n) if to.kind in "iu" else n) for n in (start, end))
    step = (last - first) / kind(steps - 1)
    if steps >= SUM_FROM and kind in (np.float32, np.float64) and to.kind == "f" and NATIVE:
        if (out := NATIVE.spaced(np.empty(steps, to), float(first), float(last))) is not None:
            return out
    if kind in (np.float32, np.float64):  # multiplied and added with one rounding
        wide = np.float64 if kind is np.float32 else np.longdouble
        first, last, step = wide(first), wide(last), wide(step)
    index = np.arange(steps)
    if to.itemsize == 2 and to.kind in "fV":
        low, high = first + step * index.astype(to), last - step * index[::-1].astype(to)
        return np.where(index < steps // 2, low, high)
    low, high = first + step * index, last - step * (steps - 1 - index)
    return np.where(index < steps // 2, low, high).astype(kind).astype(to)


@directly(direct.linspace)
@each_example
def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """`steps` numbers evenly spaced from `start` to `end`, both included."""
    require_cpu(device)
    _require_numbers("linspace", start, end, steps)
    to = types_of(dtype, DEFAULT.numpy if out is None else element_type(out))
    dtypes.refuse_kept(to, "linspace_cpu")
    return finish(leaf(_spaced(start, end, steps, to), requires_grad, "linspace"), out)


@worded
@each_example
def logspace(start, end, steps, base=10.0, *, out=None, dtype=None, device=None,
             requires_grad=False, **layout):  # fmt: skip
    """base ** linspace(start, end, steps)."""
    to = types_of(dtype, DEFAULT.numpy)
    wide = _spaced(start, end, steps, np.dtype(np.float64))
    return finish(leaf((float(base) ** wide).astype(to), requires_grad, "logspace"), out)


@worded
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
        pin_memory=False):  # fmt: skip
    """Ones on the diagonal of an n x m matrix, zeros elsewhere."""
    require_cpu(device)
    for size, letter in ((n, "n"), (m, "m")):
        if size is not None and size < 0:
            raise RuntimeError(f"{letter} must be greater or equal to 0, got {size}")
    checked_size((n, n if m is None else m))
    values = np.eye(n, n if m is None else m, dtype=types_of(dtype, DEFAULT.numpy))
    return finish(leaf(values, requires_grad, "eye"), out)


@worded
def tril_indices(row, col, offset=0, *, dtype=int64, device=None, **layout):
    """Row and column indices of the lower triangle, as two rows."""
    return wrap(np.stack(np.tril_indices(row, offset, col)).astype(dtype.numpy))


@worded
def triu_indices(row, col, offset=0, *, dtype=int64, device=None, **layout):
    """Row and column indices of the upper triangle, as two rows."""
    return wrap(np.stack(np.triu_indices(row, offset, col)).astype(dtype.numpy))


@worded
def complex_(real, imag, *, out=None):
    """A complex tensor from its real and imaginary parts."""
    require_tensor("complex", real, "real")
    require_tensor("complex", imag, "imag", 2)
    a, b = type_of(real), type_of(imag)
    if not {a.name, b.name} <= {"float16", "float32", "float64"}:
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{scalar_name(a)} and {scalar_name(b)}"
        )
    if a is not b:
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(a)} but got scalar type {scalar_name(b)} "
            "for second argument"
        )
    if out is not None and type_of(out) is not a.to_complex():
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(a.to_complex())} but got scalar type "
            f"{scalar_name(type_of(out))} for argument 'out'"
        )
    return finish(make_complex(real, imag), out)


@worded
def polar(abs, angle, *, out=None):
    """The complex numbers with these absolute values and angles."""
    require_tensor("polar", abs, "abs")
    require_tensor("polar", angle, "angle", 2)
    if type_of(abs) is not type_of(angle):
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(type_of(abs))} but got scalar type "
            f"{scalar_name(type_of(angle))} for second argument"
        )
    made = complex_(abs * angle.cos(), abs * angle.sin(), out=out)
    return named(made, "PolarBackward0", abs, angle)
