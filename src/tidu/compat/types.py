"""torch.types: names for annotations."""

import builtins
import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias, Union

from .base.devices import device
from .base.dtypes import dtype
from .base.size import Size
from .frontend.storages import TypedStorage, UntypedStorage
from .frontend.tensor import Tensor

__all__ = ["Device", "FileLike", "Number", "Storage"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = Union[device, str, int, None]  # noqa: UP007 - its parts are shown in this order
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Storage: TypeAlias = UntypedStorage | TypedStorage
BoolLikeType, FloatLikeType, IntLikeType = bool, float, int
_int, _float, _bool, _complex = builtins.int, builtins.float, builtins.bool, builtins.complex
_dtype, _device, _str, _bytes = dtype, device, str, bytes
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_Number: TypeAlias = Number
py_sym_types: tuple[Any, ...] = ()
