"""torch.FloatTensor and its like: constructors of one type, and types to ask for."""

import numpy as np

from ..base import dtypes
from ..base.lazy import TORCH
from ..core.handle import wrap
from ..ops.from_data import array_from
from .tensor import Tensor

__all__ = [
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor",
    "HalfTensor", "IntTensor", "LongTensor", "ShortTensor",
]  # fmt: skip


class _TypedMeta(type):
    """isinstance(x, torch.FloatTensor) asks for a tensor of that dtype."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


def _typed(name, dtype):
    def create(cls, *args, device=None):
        if args and all(isinstance(n, (int, np.integer)) for n in args):
            return wrap(np.empty(args, dtype.numpy))
        if not args:
            return wrap(np.empty(0, dtype.numpy))
        if isinstance(args[0], Tensor):
            return args[0].to(dtype)
        return wrap(np.asarray(array_from(args[0], dtype)))

    members = {"__new__": create, "dtype": dtype, "__module__": TORCH,
               "__doc__": f"A tensor of {dtype!r} from data or of the given sizes."}  # fmt: skip
    return _TypedMeta(name, (), members)


FloatTensor = _typed("FloatTensor", dtypes.float32)
DoubleTensor = _typed("DoubleTensor", dtypes.float64)
HalfTensor = _typed("HalfTensor", dtypes.float16)
BFloat16Tensor = _typed("BFloat16Tensor", dtypes.bfloat16)
LongTensor = _typed("LongTensor", dtypes.int64)
IntTensor = _typed("IntTensor", dtypes.int32)
ShortTensor = _typed("ShortTensor", dtypes.int16)
CharTensor = _typed("CharTensor", dtypes.int8)
ByteTensor = _typed("ByteTensor", dtypes.uint8)
BoolTensor = _typed("BoolTensor", dtypes.bool_)
