"""What a call `x.to(...)` asks for: the type, the device, and whether it must be a copy."""

from ..base.devices import device as device_class
from ..base.dtypes import dtype, of_python
from ..base.errors import hinted, type_name
from ..core.handle import TensorBase
from .convert import type_of

__all__ = ["target"]

_PYTHON = (float, int, bool, complex)


def target(args, named, tensor="other"):
    """(device or None, dtype or None, copy) of to(device, dtype, non_blocking, copy),
    to(dtype, non_blocking, copy) or to(other, non_blocking, copy), each also by name; TypeError
    for anything else. `tensor` is the name of the third form's first argument."""
    values, rest = dict(named), list(args)
    if rest and _is_type(rest[0]):
        order = ("dtype", "non_blocking", "copy")
    elif rest and isinstance(rest[0], TensorBase):
        order = (tensor, "non_blocking", "copy")
    else:
        order = ("device", "dtype", "non_blocking", "copy")
    if len(rest) > len(order) or any(name in values for name in order[: len(rest)]):
        raise _no_form(args, named)
    values |= zip(order, rest, strict=False)
    other = values.pop(tensor, None)
    device, kind = values.get("device"), values.get("dtype")
    right = (
        (device is None or _is_device(device)) and (kind is None or _is_type(kind))
        and all(_is_flag(values.get(name)) for name in ("non_blocking", "copy"))
        and (other is None or isinstance(other, TensorBase))
    )  # fmt: skip
    if not right or (other is not None and (device is not None or kind is not None)):
        raise _no_form(args, named)
    if other is not None:
        kind = type_of(other)
    return device, of_python(kind), bool(values.get("copy"))


def _is_type(value):
    return isinstance(value, dtype) or value in _PYTHON


def _is_device(value):
    return isinstance(value, (str, device_class, int)) and not isinstance(value, bool)


def _is_flag(value):
    return value is None or isinstance(value, bool)


def _no_form(args, named):
    got = [type_name(value) for value in args]
    given = [f"{name}={type_name(value)}" for name, value in named.items() if value is not None]
    text = ", ".join(got + given) + (", " if given and not got else "")
    return TypeError(
        hinted(
            f"to() received an invalid combination of arguments - got ({text}), but expected one "
            "of:",
            "write x.to(dtype), x.to(device), x.to(device, dtype) or x.to(other_tensor).",
        )
    )
