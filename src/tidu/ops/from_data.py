"""torch.tensor, as_tensor, from_numpy ...: tensors from numbers, arrays and other memory."""

import warnings
from functools import reduce

import numpy as np

from ..base.devices import WithoutNumbers, require_cpu
from ..base.dtypes import (
    DEFAULT,
    bool_,
    from_numpy_dtype,
    int64,
    of_python,
    promote_types,
    to_numpy_dtype,
)
from ..base.errors import hinted
from ..base.frames import user_depth, warn_once
from ..base.lazy import lazy_module
from ..core.handle import LEAF, TensorBase, concrete, element_type, wrap
from ..core.modes import LOCAL
from ..core.retries import worded
from ..core.versions import note_foreign
from .convert import (
    convert,
    from_array,
    scalar_name,
    type_of,
)  # fmt: skip
from .flags import require_bool
from .numbers import check_fits, require_scalar, require_width

arguments = lazy_module(f"{__name__.rpartition('.')[0]}.arguments")
meta = lazy_module(f"{__package__.partition('.')[0]}.meta")
ragged_lists = lazy_module(f"{__name__.rpartition('.')[0]}.ragged_lists")


def leaf(value, requires_grad, function="tensor"):
    tensor = value if isinstance(value, TensorBase) else wrap(value)
    if requires_grad is not False:
        require_bool(function, requires_grad=requires_grad)
        if element_type(tensor).kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        tensor._node = LEAF
    return tensor


def types_of(dtype, fallback):
    return fallback if dtype is None else to_numpy_dtype(dtype)


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
            return copy_of(data, dtype, requires_grad, "torch.tensor")
        return leaf(array_from(data, dtype), requires_grad)
    except Exception as error:
        words = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
        if isinstance(error, WithoutNumbers):
            return meta.made_by(tensor, (data,), words)
        if (better := arguments.refusal("tensor", tensor, (data,), words, error)) is None:
            raise
    raise better


def refuse_array_in_trace():
    """A NumPy array that a traced program reads may hold other numbers at the next call."""
    if LOCAL.tracer is not None:
        raise RuntimeError("a NumPy array becomes a tensor inside the function")


def copy_of(source, dtype, requires_grad, function):
    """A leaf with a copy of a tensor, made by a function that is meant for other data."""
    warnings.warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() "
        "or sourceTensor.detach().clone().requires_grad_(True), rather than "
        f"{function}(sourceTensor).", UserWarning, stacklevel=user_depth(),
    )  # fmt: skip
    value = concrete(source)
    return leaf(np.array(value, types_of(dtype, value.dtype)), requires_grad)


def array_from(data, dtype=None):
    """A new array (or NumPy scalar) with PyTorch's choice of type for this data."""
    kind = data.__class__
    if kind is float:
        return DEFAULT.numpy.type(data) if dtype is None else _scalar(data, dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        refuse_array_in_trace()
        from_numpy_dtype(data.dtype)
        return np.array(data, types_of(dtype, data.dtype.newbyteorder("=")))
    if kind in (int, bool, complex):
        return _scalar(data, dtype)
    if not isinstance(data, (list, tuple)):
        data = ragged_lists.sequence(data)
        if isinstance(data, np.ndarray):
            return array_from(data, dtype)
    if data and isinstance(data[0], np.ndarray):
        warn_once(
            "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
            "converting the list to a single numpy.ndarray with numpy.array() before converting to "
            "a tensor."
        )
    plain = _plain_nested(data)
    try:
        array = np.array(plain)
    except ValueError:
        raise ragged_lists.ragged(data) from None
    kind = array.dtype.kind
    if kind in "OuUS" or (kind == "f" and _first_leaf(data).__class__ is int):
        array = ragged_lists.unusual(array, data, None if dtype is None else to_numpy_dtype(dtype))
    to = types_of(dtype, _kind_type(array, data))
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
    dtype = of_python(dtype)
    if isinstance(data, TensorBase):
        return data if dtype is None else convert(data, dtype)
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return shared if dtype is None else convert(shared, dtype)
    return tensor(data, dtype=dtype)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """`obj` as a tensor; `copy` True always copies, False never.

    With `requires_grad` None, a tensor keeps its history; else the result is a leaf of its own,
    which shares the memory.
    """
    if hasattr(obj, "__array_interface__") and not isinstance(obj, TensorBase):
        obj = np.asarray(obj)  # of a storage, say, without looking at its elements one by one
    known, dtype = isinstance(obj, TensorBase), of_python(dtype)
    if known and requires_grad is None and obj.requires_grad:
        warnings.warn(_KEEPS_HISTORY, UserWarning, stacklevel=2)
    if copy is False:
        _check_shared(obj, dtype)
    out = tensor(obj, dtype=dtype) if copy and not known else as_tensor(obj, dtype)
    if copy and known:
        out = out.clone()
    if requires_grad is None or (requires_grad is True and out.requires_grad):
        return out
    return leaf(out.detach(), requires_grad, "asarray")


_KEEPS_HISTORY = (
    "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. "
    "Pass requires_grad=False explicitly to get the old behavior and silence this warning."
)


def _check_shared(obj, dtype):
    """ValueError unless `obj` as a tensor of this type is the same memory."""
    if not isinstance(obj, (TensorBase, np.ndarray)):
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    have = type_of(obj) if isinstance(obj, TensorBase) else from_numpy_dtype(obj.dtype)
    if dtype is not None and dtype is not have:
        raise ValueError(
            f"can't alias tensor with dtype '{scalar_name(have)}' into dtype "
            f"'{scalar_name(dtype)}'."
        )


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
        warn_once(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. This means writing to this tensor will result in undefined behavior. You may "
            "want to copy the array to protect its data or make it writable before converting it "
            "to a tensor."
        )
    own = ndarray.view() if type(ndarray) is np.ndarray else np.asarray(ndarray)
    return from_array(note_foreign(own))


def from_dlpack(ext_tensor):
    """A tensor that shares the memory of any object with `__dlpack__` (arrays, other tensors)."""
    if not hasattr(ext_tensor, "__dlpack__"):
        raise RuntimeError(hinted(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
            "only once, so you might have already constructed a tensor from it once.",
            f"a {type(ext_tensor).__name__} has no __dlpack__().",
        ))  # fmt: skip
    return from_array(note_foreign(np.from_dlpack(ext_tensor)))


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A tensor that shares the memory of a Python buffer."""
    array = np.frombuffer(buffer, to_numpy_dtype(dtype), count, offset)
    return leaf(note_foreign(array), requires_grad, "frombuffer")


@worded
def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    require_scalar(s)
    return tensor(s, dtype=dtype or DEFAULT.dtype, device=device, requires_grad=requires_grad)
