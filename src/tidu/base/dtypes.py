"""The element types of tensors, PyTorch's names over NumPy's, and the rules by which they mix."""

import numpy as np

from .errors import hinted
from .lazy import TORCH, Door, lazy_module

__all__ = [
    "bfloat16", "bool", "can_cast", "cdouble", "cfloat", "chalf", "complex32", "complex64",
    "complex128", "default_dtype",
    "double", "dtype", "finfo", "float", "float16", "float32", "float64", "from_numpy_dtype",
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "half",
    "iinfo", "int", "int8", "int16", "int32", "int64", "long", "promote_types",
    "set_default_dtype", "short", "to_numpy_dtype", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip


ml_dtypes = lazy_module("ml_dtypes")  # a good part of the time of an import; few programs need it
_SIZES = {"bfloat": 2, "float8": 1, "comple": 4}  # of the types that it has


class dtype:
    """The type of a tensor's elements, for example ``torch.float32``.

    >>> import tidu as torch
    >>> torch.float32, torch.float32.itemsize, torch.float32.is_floating_point
    (torch.float32, 4, True)
    """

    __module__ = TORCH
    __slots__ = (
        "category",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
    )  # fmt: skip

    def __init__(self, name, numpy, category):
        self.name = name
        if numpy is not None:
            self.numpy = np.dtype(numpy)
        self.category = category
        self.is_floating_point = category == 2
        self.is_complex = category == 3
        self.is_signed = category >= 2 or (category == 1 and self.numpy.kind == "i")
        self.itemsize = self.numpy.itemsize if numpy is not None else _SIZES[name[:6]]

    def __getattr__(self, name):
        if name != "numpy":
            raise AttributeError(f"'torch.dtype' object has no attribute '{name}'", name=name)
        return _loaded(self)

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return _by_name, (self.name,)

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self

    def to_real(self):
        """The type of the real part."""
        return {"complex64": float32, "complex128": float64, "complex32": float16}.get(
            self.name, self
        )

    def to_complex(self):
        """The complex type whose parts have this type."""
        complex_of = {"float64": complex128, "float32": complex64, "float16": complex32}
        return complex_of.get(self.name, self if self.is_complex else complex64)


def _by_name(name):
    return BY_NAME[name]


# category: 0 bool, 1 integer, 2 floating point, 3 complex
bool_ = dtype("bool", np.bool_, 0)
uint8 = dtype("uint8", np.uint8, 1)
int8 = dtype("int8", np.int8, 1)
int16 = dtype("int16", np.int16, 1)
int32 = dtype("int32", np.int32, 1)
int64 = dtype("int64", np.int64, 1)
uint16 = dtype("uint16", np.uint16, 1)
uint32 = dtype("uint32", np.uint32, 1)
uint64 = dtype("uint64", np.uint64, 1)
float16 = dtype("float16", np.float16, 2)
bfloat16 = dtype("bfloat16", None, 2)
float32 = dtype("float32", np.float32, 2)
float64 = dtype("float64", np.float64, 2)
complex64 = dtype("complex64", np.complex64, 3)
complex128 = dtype("complex128", np.complex128, 3)

ALL = (bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64,
       float16, bfloat16, float32, float64, complex64, complex128)  # fmt: skip
# Types to keep numbers in, and to convert from and to: nothing is computed in them.
FLOAT8 = tuple([
    dtype(name, None, 2)
    for name in "float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu".split()
])  # fmt: skip
float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu = FLOAT8
complex32 = dtype("complex32", None, 3)
ONLY_KEPT = (*FLOAT8, complex32)
KEPT = {}  # NumPy's types of those that the program has met, and their names in messages
BY_NAME = {d.name: d for d in (*ALL, *ONLY_KEPT)}
MET_KEPT = Door(lambda: None)  # what follows from it: `eight_bits`


SCALAR_NAMES = {
    **{d.name: d.name.capitalize() for d in FLOAT8}, "complex32": "ComplexHalf",
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16",
    "int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte",
    "bool": "Bool", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip


def scalar_name(kind):
    """PyTorch's C++ name of a type, as its messages have it."""
    return SCALAR_NAMES[kind.name]


def tensor_type(kind):
    """PyTorch's C++ name of a tensor's type: of the types it had first the public one."""
    scalar = SCALAR_NAMES[kind.name]
    return f"torch.{scalar}Tensor" if scalar in _FIRST else f"CPU{scalar}Type"


_FIRST = frozenset("Float Double Half Long Int Short Char Byte".split())


class _OfNumpy(dict):
    """NumPy's dtype -> tidu's; a type of ml_dtypes is in it once it was met."""

    def __missing__(self, numpy_dtype):
        found = {d.name: d for d in (bfloat16, *ONLY_KEPT)}.get(numpy_dtype.name)
        if found is None or found.numpy != numpy_dtype:
            raise KeyError(numpy_dtype)
        return found


OF_NUMPY = _OfNumpy({d.numpy: d for d in ALL if d is not bfloat16})
HALVES = [float16.numpy]  # the 16-bit floats in use; `in` it costs one comparison until bfloat16 is


def _loaded(d):
    """NumPy's dtype of a type that ml_dtypes has, at its first use."""
    found = getattr(ml_dtypes, d.name, None)
    if found is None:  # of an older version
        raise NotImplementedError(
            hinted(f"torch.{d.name} is not available in tidu.", "install ml_dtypes>=0.6 for it.")
        )
    d.numpy = found = np.dtype(found)
    OF_NUMPY[found] = d
    if d is bfloat16:
        HALVES.append(found)
    else:
        KEPT[found] = SCALAR_NAMES[d.name]
        MET_KEPT()
    return found


def refuse_kept(kind, kernel):
    """Raise what PyTorch says if its `kernel` does not know this type of NumPy's."""
    if kind in KEPT:
        wide = "x.to(torch.complex64)" if kind.name == "complex32" else "x.float()"
        raise NotImplementedError(
            hinted(
                f"\"{kernel}\" not implemented for '{KEPT[kind]}'",
                f"this type is for keeping numbers: compute with {wide}.",
            )
        )


class _Absent(dtype):
    """A type that exists by name only: of quantized numbers, of parts of a byte ..."""

    __slots__ = ()

    def __init__(self, name, itemsize):
        self.name, self.itemsize, self.category = name, itemsize, -1
        self.is_floating_point = self.is_complex = False
        self.is_signed = not name.startswith(("u", "quint", "bits"))

    @property
    def numpy(self):
        raise NotImplementedError(
            hinted(
                f"torch.{self.name} is not available in tidu.",
                "numbers of 8 bits are kept in torch.int8, torch.uint8 or torch.float8_e4m3fn.",
            )
        )


_Absent.__name__ = _Absent.__qualname__ = "dtype"  # as its messages have it
_Absent.__module__ = TORCH

_NO_MEMORY = (
    "bits16:2 bits1x8:1 bits2x4:1 bits4x2:1 bits8:1 float4_e2m1fn_x2:1 qint8:1 "
    "qint32:4 quint8:1 quint2x4:1 quint4x2:1 int1:1 int2:1 int3:1 int4:1 int5:1 int6:1 int7:1 "
    "uint1:1 uint2:1 uint3:1 uint4:1 uint5:1 uint6:1 uint7:1 bit:1"
)
ABSENT = {
    name: _Absent(name, size)
    for name, size in (
        (n, ord(s) - ord("0")) for n, s in (e.split(":") for e in _NO_MEMORY.split())
    )
}
BY_NAME |= ABSENT
globals().update(ABSENT)


_builtin_bool, _builtin_int, _builtin_float = bool, int, float
half, double, chalf, cfloat, cdouble = float16, float64, complex32, complex64, complex128
short, long = int16, int64
_FROM_PYTHON = {bool: bool_, int: int64, complex: None, float: None}


class _Default:
    """The default floating-point type; PyTorch keeps one for the whole process."""

    __slots__ = ("complex", "dtype", "numpy")

    def __init__(self):
        self.set(float32)

    def set(self, d):
        self.dtype, self.numpy, self.complex = d, d.numpy, d.to_complex()


DEFAULT = _Default()


def default_dtype():
    return DEFAULT.dtype


def set_default_dtype(d):
    """Make `d` (float16, bfloat16, float32 or float64) the type of new floating-point tensors."""
    if not isinstance(d, dtype):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type"
        )
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    DEFAULT.set(d)


def from_numpy_dtype(numpy_dtype):
    """tidu's dtype for NumPy's; a clear TypeError for those that tensors cannot hold."""
    try:
        return OF_NUMPY[numpy_dtype]
    except KeyError:
        found = OF_NUMPY.get(numpy_dtype.newbyteorder("="))
        if found is not None and not numpy_dtype.isnative:
            raise ValueError(
                "given numpy array has byte order different from the native byte order. Conversion "
                "between byte orders is currently not supported."
            ) from None
        if found is None:
            raise TypeError(
                f"can't convert np.ndarray of type {numpy_dtype.type.__module__}."
                f"{numpy_dtype.type.__name__}. The only supported types are: float64, float32, "
                "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, "
                "uint16, uint8, and bool."
            ) from None
    return found


def of_python(value):
    """The type that int, float, bool or complex stands for; any other value as it is."""
    if value.__class__ is type and value in _FROM_PYTHON:
        return from_numpy_dtype(to_numpy_dtype(value))
    return value


def to_numpy_dtype(d):
    """NumPy's dtype for a tidu dtype or a Python type (float means the default type)."""
    if isinstance(d, dtype):
        return d.numpy
    if d in _FROM_PYTHON:
        if d is _builtin_float:
            return np.dtype(np.float64)
        if d is complex:
            return np.dtype(np.complex128)
        return _FROM_PYTHON[d].numpy
    raise TypeError(f"dtype must be a torch.dtype, not {type(d).__name__}")


def _promote(a, b):
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a
    if a.category == b.category == 2 and a.itemsize == b.itemsize:
        return float32  # float16 with bfloat16: neither holds the other
    if a.category == 3:
        return complex128 if b in (float64, complex128) else a
    if a.category > b.category:
        return a
    if a.category == 2:
        return a if a.itemsize > b.itemsize else b
    wide = OF_NUMPY.get(np.promote_types(a.numpy, b.numpy))
    return wide if wide is not None and wide.category == 1 else _unsigned_mix(a, b)


def _unsigned_mix(a, b):
    raise RuntimeError(f"Promotion for {a.name} and {b.name} is not supported")


def promote_types(type1, type2):
    """The smallest type that holds values of both, by PyTorch's rules."""
    found = _TABLE.get((type1, type2))
    if found is None:
        type1, type2 = of_python(type1), of_python(type2)
        require_dtype("promote_types", "type1", 1, type1)
        require_dtype("promote_types", "type2", 2, type2)
        return _promote_rare(type1, type2)
    return found


def require_dtype(function, name, place, given):
    if given.__class__ is not dtype:
        raise TypeError(
            f"{function}(): argument '{name}' (position {place}) must be torch.dtype, not "
            f"{type(given).__name__}"
        )


def _promote_rare(a, b):
    """Of the types that are only kept: with themselves, and with numbers of lower categories."""
    for place, kind in ((1, a), (2, b)):
        if not isinstance(kind, dtype):
            raise TypeError(
                f"promote_types(): argument 'type{place}' (position {place}) must be torch.dtype, "
                f"not {type(kind).__name__}"
            )
    if a is b:
        return a
    if complex32 in (a, b) and float64 in (a, b):
        return complex128
    if complex32 in (a, b) and {a, b} & {float32, bfloat16, complex64, complex128}:
        return complex128 if complex128 in (a, b) else complex64
    if {a, b} & set(FLOAT8) and a.category == b.category == 2:
        names = " and ".join([_said(kind) for kind in (a, b)])
        raise RuntimeError(
            f"Promotion for Float8 Types is not supported, attempted to promote {names}"
        )
    if a.category < 0 or b.category < 0:
        return (a if a.category < 0 else b).numpy
    return a if a.category > b.category else b


def _said(kind):
    common = {"float64": "Double", "float32": "Float", "float16": "Half", "bfloat16": "BFloat16"}
    return common.get(kind.name, kind.name.capitalize())


def _make_table():
    table = {}
    for a in ALL:
        for b in ALL:
            try:
                table[a, b] = _promote(a, b)
            except RuntimeError:
                table[a, b] = float32
    return table


_TABLE = _make_table()


def can_cast(source, target):
    """Whether PyTorch lets a result of type `source` be stored in `target`."""
    if source.category == 1 and target.category == 0:
        return False
    return source.category <= target.category


def _limit(field):
    return property(lambda self: _builtin_float(getattr(self._info, field)))


class finfo:
    """Limits of a floating-point type: eps, max, min, tiny, smallest_normal, resolution, bits.

    >>> import tidu as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    __module__ = TORCH

    def __init__(self, type=None):
        self._dtype = of_python(type or DEFAULT.dtype).to_real()
        if not self._dtype.is_floating_point:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'torch.finfo'\nHint: write torch.iinfo(torch.{self._dtype.name})."
            )
        self._info = ml_dtypes.finfo(self._dtype.numpy)
        self.bits = self._dtype.itemsize * 8
        self.dtype = self._dtype.name

    eps, max, min, tiny = _limit("eps"), _limit("max"), _limit("min"), _limit("tiny")
    smallest_normal = _limit("smallest_normal")

    @property
    def resolution(self):
        """The power of ten down to which decimal digits are kept."""
        return 10.0**-self._info.precision

    def __repr__(self):
        i = self._info
        return (
            (
                f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
                f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
                f"dtype={self.dtype})"
            )
            if i
            else ""
        )


class iinfo:
    """Limits of an integer type: max, min, bits.

    >>> import tidu as torch
    >>> torch.iinfo(torch.int8).max
    127
    """

    __module__ = TORCH

    def __init__(self, *types, **named):
        if not types and not named:
            raise TypeError('iinfo() missing 1 required positional arguments: "type"')
        (type,) = types or named.values()
        if type.category == 0:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.category != 1:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'torch.iinfo'\nHint: write torch.finfo(torch.{type.name})."
            )
        info = np.iinfo(type.numpy)
        self.max, self.min = _builtin_int(info.max), _builtin_int(info.min)
        self.bits = type.itemsize * 8
        self.dtype = type.name

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


# torch.float, torch.int and torch.bool; last, because they hide Python's names in this file
float, int, bool = float32, int32, bool_
