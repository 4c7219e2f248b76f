"""torch.tensor, zeros, arange, linspace, eye ...: tensors from data and from nothing."""

import math
import warnings
from functools import reduce

import numpy as np

from .. import dtypes
from ..core.direct import directly, memory
from ..core.handle import LEAF, TensorBase, concrete, element_type, shape_of, wrap
from ..core.modes import LOCAL
from ..core.native import NATIVE, SUM_FROM
from ..devices import require_cpu
from ..dtypes import DEFAULT, bool_, from_numpy_dtype, int64, promote_types, to_numpy_dtype
from ..errors import hinted, refused, worded
from ..lazy import lazy_module
from ..primitives.arithmetic import make_complex
from ..size import LIMIT, checked_size, sizes_from
from ..transforms.batch import batched_as
from . import direct
from .convert import (
    convert,
    finish,
    from_array,
    invalid_combination,
    laid_as,
    number_type,
    require_tensor,
    scalar_name,
    type_of,
)  # fmt: skip
from .examples import each_example
from .flags import require_bool
from .numbers import check_fits, fitted, require_scalar, require_width

nested = lazy_module(f"{__name__.rpartition('.')[0]}.nested")


def _leaf(value, requires_grad, function="tensor"):
    tensor = value if isinstance(value, TensorBase) else wrap(value)
    if requires_grad is not False:
        require_bool(function, requires_grad=requires_grad)
        if element_type(tensor).kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        tensor._node = LEAF
    return tensor


def _types(dtype, fallback):
    return fallback if dtype is None else to_numpy_dtype(dtype)


# --- from data ----------------------------------------------------------------------------------


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of `data` (numbers, nested lists, arrays, tensors).

    >>> import tidu as torch
    >>> torch.tensor([[1., 2.], [3., 4.]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    try:  # and no decorator: it would be a tenth of a scalar's time
        require_cpu(device)
        if isinstance(data, TensorBase):
            warnings.warn(
                "To copy construct from a tensor, it is recommended to use "
                "sourceTensor.detach().clone()"
                " or sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor("
                "sourceTensor).", UserWarning, stacklevel=2,
            )  # fmt: skip
            value = concrete(data)
            return _leaf(np.array(value, _types(dtype, value.dtype)), requires_grad)
        return _leaf(array_from(data, dtype), requires_grad)
    except Exception as error:
        words = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
        if (better := refused("tensor", tensor, (data,), words, error)) is None:
            raise
    raise better


def refuse_array_in_trace():
    """A NumPy array that a traced program reads may hold other numbers at the next call."""
    if LOCAL.tracer is not None:
        raise RuntimeError("a NumPy array becomes a tensor inside the function")


def array_from(data, dtype=None):
    """A new array (or NumPy scalar) with PyTorch's choice of type for this data."""
    kind = data.__class__
    if kind is float:
        return DEFAULT.numpy.type(data) if dtype is None else _scalar(data, dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        refuse_array_in_trace()
        from_numpy_dtype(data.dtype)
        return np.array(data, _types(dtype, data.dtype.newbyteorder("=")))
    if kind in (int, bool, complex):
        return _scalar(data, dtype)
    if not isinstance(data, (list, tuple)):
        data = nested.sequence(data)
        if isinstance(data, np.ndarray):
            return array_from(data, dtype)
    plain = _plain_nested(data)
    try:
        array = np.array(plain)
    except ValueError:
        raise nested.ragged(data) from None
    kind = array.dtype.kind
    if kind in "OuUS" or (kind == "f" and _first_leaf(data).__class__ is int):
        array = nested.unusual(array, data, None if dtype is None else to_numpy_dtype(dtype))
    to = _types(dtype, _kind_type(array, data))
    if dtype is not None and to.kind in "iu":
        check_fits(array, to)
    if array.dtype.kind == "c" and to.kind not in "bcW":
        raise TypeError("must be real number, not complex")
    return np.asarray(array, to)


def _scalar(number, dtype):
    if dtype is None:
        if number.__class__ is bool:
            return np.bool_(number)
        if number.__class__ is complex:
            return DEFAULT.complex.numpy.type(number)
        require_width(number)
        return np.int64(number)
    to = to_numpy_dtype(dtype)
    if to.kind in "iu":
        if number.__class__ is int:
            (require_scalar if to.itemsize == 8 and to.kind == "u" else require_width)(number)
        check_fits(np.array(number), to)
        return np.array(number).astype(to)[()]
    if number.__class__ is complex and to.kind not in "bcW":
        raise TypeError("must be real number, not complex")
    return to.type(number)


def _plain_nested(data):
    if data and any(isinstance(d, TensorBase) for d in data):
        return [_element(d) if isinstance(d, TensorBase) else d for d in data]
    if data and isinstance(data[0], (list, tuple)):
        return [_plain_nested(d) if isinstance(d, (list, tuple)) else d for d in data]
    return data


def _element(tensor):
    value = concrete(tensor)
    if value.size != 1:
        raise ValueError(hinted(
            "only one element tensors can be converted to Python scalars",
            "torch.stack(tensors) puts tensors of one shape together.",
        ))  # fmt: skip
    return value.item()


def _types_within(data, found):
    """The types of the tensors, arrays and Python numbers in nested sequences."""
    classes = set(map(type, data))
    for kind in classes & _PYTHON_NUMBERS:
        found.add(_of_python(kind))
    if not classes <= _PYTHON_NUMBERS:
        for item in data:
            if isinstance(item, (list, tuple)):
                _types_within(item, found)
            elif isinstance(item, TensorBase):
                found.add(type_of(item))
            elif isinstance(item, (np.generic, np.ndarray)):
                found.add(from_numpy_dtype(item.dtype))
    return found


_PYTHON_NUMBERS = {bool, int, float, complex}


def _of_python(kind):
    if kind is float:
        return DEFAULT.dtype
    return DEFAULT.complex if kind is complex else bool_ if kind is bool else int64


def _has_typed_leaf(data):
    return any(
        _has_typed_leaf(d) if isinstance(d, (list, tuple)) else True
        for d in data
        if d.__class__ not in _PYTHON_NUMBERS
    )


def _first_leaf(data):
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _kind_type(array, data):
    """Python's floats make the default type; NumPy's and tensors' elements keep theirs."""
    if isinstance(data, (list, tuple)) and _has_typed_leaf(data):
        return reduce(promote_types, _types_within(data, set())).numpy
    kind = array.dtype.kind
    if kind == "f":
        return DEFAULT.numpy
    if kind == "c":
        return DEFAULT.complex.numpy
    if kind == "b":
        return array.dtype
    return np.dtype(np.int64) if array.size else DEFAULT.numpy


def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, sharing memory where it can (tensors and arrays of the right type)."""
    require_cpu(device)
    if isinstance(data, TensorBase):
        return data if dtype is None else convert(data, dtype)
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return shared if dtype is None else convert(shared, dtype)
    return tensor(data, dtype=dtype)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """`obj` as a tensor; `copy` True always copies, False never."""
    if hasattr(obj, "__array_interface__") and not isinstance(obj, TensorBase):
        obj = np.asarray(obj)  # of a storage, say, without looking at its elements one by one
    out = (
        tensor(obj, dtype=dtype)
        if copy and not isinstance(obj, TensorBase)
        else as_tensor(obj, dtype)
    )
    if copy and isinstance(obj, TensorBase):
        out = out.clone()
    return out.requires_grad_() if requires_grad else out


def from_numpy(ndarray):
    """A tensor that shares the memory of a NumPy array.

    >>> import numpy as np, tidu as torch
    >>> a = np.zeros(2); t = torch.from_numpy(a); a[0] = 5
    >>> t
    tensor([5., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    refuse_array_in_trace()
    from_numpy_dtype(ndarray.dtype)
    if any(step < 0 for step in ndarray.strides) and ndarray.size:
        raise ValueError(
            hinted(
                "At least one stride in the given numpy array is negative, and tensors with "
                "negative "
                "strides are not currently supported. (You can probably work around this by "
                "making a "
                "copy of your array  with array.copy().)",
                "torch.from_numpy(array.copy())",
            )
        )
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. This means writing to this tensor will result in undefined behavior. You may "
            "want to copy the array to protect its data or make it writable before converting it "
            "to a tensor.", UserWarning, stacklevel=2,
        )  # fmt: skip
    return from_array(ndarray.view() if type(ndarray) is np.ndarray else np.asarray(ndarray))


def from_dlpack(ext_tensor):
    """A tensor that shares the memory of any object with `__dlpack__` (arrays, other tensors)."""
    if not hasattr(ext_tensor, "__dlpack__"):
        raise RuntimeError(hinted(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
            "only once, so you might have already constructed a tensor from it once.",
            f"a {type(ext_tensor).__name__} has no __dlpack__().",
        ))  # fmt: skip
    return from_array(np.from_dlpack(ext_tensor))


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A tensor that shares the memory of a Python buffer."""
    return _leaf(
        np.frombuffer(buffer, to_numpy_dtype(dtype), count, offset), requires_grad, "frombuffer"
    )


@worded
def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    require_scalar(s)
    return tensor(s, dtype=dtype or DEFAULT.dtype, device=device, requires_grad=requires_grad)


# --- filled -------------------------------------------------------------------------------------


def _filled(name, make, doc):
    def create(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False,
               pin_memory=False, memory_format=None, names=None):  # fmt: skip
        require_cpu(device)
        sizes = _lengths(size or create_size())
        result = _leaf(make(sizes, _types(dtype, DEFAULT.numpy)), requires_grad, name)
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


zeros = _filled("zeros", np.zeros, "A tensor of zeros of the given size.")
ones = _filled("ones", np.ones, "A tensor of ones of the given size.")
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
    to = _types(dtype, default.numpy)
    value = np.full(shape, fitted(fill_value, to, math.prod(shape) != 1), to)
    return finish(_leaf(value, requires_grad, "full"), out)


def _like(name, create, make, doc):
    def plain(input):
        x = memory(input)
        return make(x.shape, x.dtype) if x.flags.c_contiguous else None

    def like(input, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
             memory_format=None):  # fmt: skip
        result = create(
            tuple(shape_of(input)), dtype=dtype or type_of(input), device=device,
            requires_grad=requires_grad,
        )  # fmt: skip
        laid_as(result, input)  # the order in memory is kept: random numbers are drawn along it
        return result if input._value.dtype is not None else batched_as(result, input)

    like.__name__ = like.__qualname__ = name
    like.__doc__ = doc
    return directly(plain)(like)


zeros_like = _like("zeros_like", zeros, np.zeros, "Zeros of the shape and type of `input`.")
ones_like = _like("ones_like", ones, np.ones, "Ones of the shape and type of `input`.")
empty_like = _like(
    "empty_like", empty, np.empty, "Unset elements, in the shape and type of `input`."
)


@worded
def full_like(input, fill_value, *, dtype=None, device=None, requires_grad=False, **layout):
    """`fill_value` everywhere, in the shape and type of `input`."""
    result = full(tuple(shape_of(input)), fill_value, dtype=dtype or type_of(input), device=device,
                  requires_grad=requires_grad)  # fmt: skip
    return batched_as(laid_as(result, input), input)


@worded
def empty_strided(size, stride, *, dtype=None, device=None, requires_grad=False, **layout):
    """Unset elements with the given strides (in elements)."""
    require_cpu(device)
    to = _types(dtype, DEFAULT.numpy)
    span = (
        1 + sum([(n - 1) * s for n, s in zip(size, stride, strict=True)]) if math.prod(size) else 0
    )
    memory = np.empty(span, to)
    steps = tuple([s * to.itemsize for s in stride])
    return _leaf(np.ndarray(tuple(size), to, memory, 0, steps), requires_grad, "empty_strided")


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
    to = _types(dtype, default if out is None else element_type(out))
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
    return finish(_leaf(_counted(start, step, count, to), requires_grad, "arange"), out)


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
    count = math.floor((end - start) / step) + 1
    to = _types(dtype, DEFAULT.numpy)
    wants = options.get("requires_grad", False)
    return _leaf((start + np.arange(count) * step).astype(to), wants, "range")


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
        out = np.empty(steps, to)
        NATIVE.spaced(out, float(first), float(last), float(step))
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
    to = _types(dtype, DEFAULT.numpy if out is None else element_type(out))
    dtypes.refuse_kept(to, "linspace_cpu")
    return finish(_leaf(_spaced(start, end, steps, to), requires_grad, "linspace"), out)


@worded
@each_example
def logspace(start, end, steps, base=10.0, *, out=None, dtype=None, device=None,
             requires_grad=False, **layout):  # fmt: skip
    """base ** linspace(start, end, steps)."""
    to = _types(dtype, DEFAULT.numpy)
    wide = _spaced(start, end, steps, np.dtype(np.float64))
    return finish(_leaf((float(base) ** wide).astype(to), requires_grad, "logspace"), out)


@worded
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
        pin_memory=False):  # fmt: skip
    """Ones on the diagonal of an n x m matrix, zeros elsewhere."""
    require_cpu(device)
    for size, letter in ((n, "n"), (m, "m")):
        if size is not None and size < 0:
            raise RuntimeError(f"{letter} must be greater or equal to 0, got {size}")
    checked_size((n, n if m is None else m))
    values = np.eye(n, n if m is None else m, dtype=_types(dtype, DEFAULT.numpy))
    return finish(_leaf(values, requires_grad, "eye"), out)


@worded
def tril_indices(row, col, offset=0, *, dtype=int64, device=None, **layout):
    """Row and column indices of the lower triangle, as two rows."""
    return wrap(np.stack(np.tril_indices(row, offset, col)).astype(dtype.numpy))


@worded
def triu_indices(row, col, offset=0, *, dtype=int64, device=None, **layout):
    """Row and column indices of the upper triangle, as two rows."""
    return wrap(np.stack(np.triu_indices(row, offset, col)).astype(dtype.numpy))


def complex_(real, imag, *, out=None):
    """A complex tensor from its real and imaginary parts."""
    require_tensor("complex", real, "real")
    require_tensor("complex", imag, "imag", 2)
    a, b = type_of(real), type_of(imag)
    if a.category != 2 or b.category != 2:
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
    return complex_(abs * angle.cos(), abs * angle.sin(), out=out)
