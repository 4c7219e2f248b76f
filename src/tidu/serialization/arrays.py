"""NumPy's arrays, numbers and types in a file: made from checked bytes, not by NumPy's pickling."""

from __future__ import annotations

from typing import Any

import numpy as np

from .problems import bad_file

__all__ = ["LARGEST_RANK", "NUMPY_BUILDS", "NUMPY_CALLS", "as_bytes", "bounded", "lengths"]

LARGEST_RANK = 64


def lengths(numbers) -> bool:
    """Whether these are sizes, strides or offsets: whole numbers, none negative."""
    return isinstance(numbers, (tuple, list)) and all(
        n.__class__ is int and 0 <= n < 2**63 for n in numbers
    )


def bounded(size) -> tuple[int, ...]:
    """The shape, if it does not overflow."""
    product = 1
    for n in size:
        product *= max(n, 1)
    if product >= 2**60:
        raise bad_file(f"a tensor of the file has too many elements: {list(size)}")
    return tuple(size)


def as_bytes(data) -> bytes:
    """The bytes; texts are those of old pickles."""
    if isinstance(data, str):
        return data.encode("latin1")
    if isinstance(data, (bytes, bytearray)):
        return data  # type: ignore[return-value]
    raise bad_file("the file gives something that is no bytes where bytes are needed")


def _dtype(code, align=False, copy=False) -> np.dtype:
    """A NumPy dtype by its code: numbers, texts, dates, objects (which are the file's own values),
    and records, whose fields follow."""
    if not isinstance(code, str) or code.lstrip("<>=|")[:1] not in set("biufcSUMmOV"):
        raise bad_file(f"NumPy type {code!r} is not allowed in a checkpoint")
    kind = np.dtype(code)
    if kind.subdtype or kind.names:
        raise bad_file(f"NumPy type {code!r} is not allowed in a checkpoint")
    return kind


def _set_dtype(kind: np.dtype, state) -> np.dtype:
    order, names, fields = state[1], state[3], state[4]
    if names is not None:
        return _records(names, fields, state[5], bool(state[7] & _ALIGNED))
    if kind.kind in "Mm" and len(state) > 8:
        unit, count = state[8][1][:2]
        kind = np.dtype(f"{kind.kind}8[{int(count)}{as_bytes(unit).decode('ascii')}]")
    return kind.newbyteorder(order) if order in ("<", ">") else kind


_ALIGNED = 128  # the flag NumPy sets for records made with align=True


def _records(names, fields, size, align) -> np.dtype:
    well_formed = (
        isinstance(names, tuple) and isinstance(fields, dict) and lengths((size,))
        and set(names) == set(fields) and all(isinstance(name, str) for name in names)
    )  # fmt: skip
    if not well_formed:
        raise bad_file("a NumPy record of the file is malformed")
    kinds, offsets = [fields[n][0] for n in names], [fields[n][1] for n in names]
    if not lengths(offsets) or not all(isinstance(k, np.dtype) and not k.hasobject for k in kinds):
        raise bad_file("a NumPy record of the file is malformed")
    form: Any = {"names": list(names), "formats": kinds, "offsets": offsets, "itemsize": size}
    return np.dtype(form, align=align)


def _scalar(kind, data):
    """A NumPy scalar from its bytes."""
    if not isinstance(kind, np.dtype) or kind.hasobject or not kind.itemsize:
        raise bad_file("a NumPy number of the file is malformed")
    if len(as_bytes(data)) != kind.itemsize:
        raise bad_file("a NumPy number of the file is malformed")
    return np.frombuffer(as_bytes(data), kind)[0]


def _reconstruct(*arguments) -> _EmptyArray:
    """`numpy._core.multiarray._reconstruct`: an array whose content follows."""
    return _EmptyArray()


class _EmptyArray:
    """A NumPy array that the file has announced but not yet described."""


def _set_array(_, state) -> np.ndarray:
    _, shape, kind, columns_first, data = state
    if not isinstance(kind, np.dtype) or not lengths(shape) or len(shape) > LARGEST_RANK:
        raise bad_file("a NumPy array of the file is malformed")
    count = 1
    for n in shape:
        count *= n
    if kind.hasobject:
        return _of_objects(kind, shape, count, columns_first, data)
    data = as_bytes(data)
    if count * kind.itemsize != len(data) or not kind.itemsize:
        raise bad_file("a NumPy array of the file does not fit its shape")
    flat = np.frombuffer(bytearray(data), kind)
    if not kind.isnative:
        flat = flat.astype(kind.newbyteorder("="))
    return flat.reshape(bounded(shape), order="F" if columns_first else "C")


def _of_objects(kind, shape, count, columns_first, values) -> np.ndarray:
    if kind.names or not isinstance(values, list) or len(values) != count:
        raise bad_file("a NumPy array of the file does not fit its shape")
    flat = np.empty(count, kind)
    for place, value in enumerate(values):
        flat[place] = value
    return flat.reshape(bounded(shape), order="F" if columns_first else "C")


def _from_buffer(data, kind, shape, order="C") -> np.ndarray:
    """`numpy._core.numeric._frombuffer`: how arrays are written from protocol 5 on."""
    return _set_array(None, (1, shape, kind, order == "F", as_bytes(data)))


NUMPY_CALLS = {
    ("numpy", "dtype"): (np.dtype, _dtype),
    ("numpy._core.multiarray", "scalar"): (_scalar, _scalar),
    ("numpy._core.multiarray", "_reconstruct"): (_reconstruct, _reconstruct),
    ("numpy._core.numeric", "_frombuffer"): (_from_buffer, _from_buffer),
}
# NumPy 1 called its inner package numpy.core.
NUMPY_CALLS |= {
    (module.replace("._core", ".core"), name): called
    for (module, name), called in NUMPY_CALLS.items()
    if module.startswith("numpy._core")
}
NUMPY_BUILDS: dict = {("build", _EmptyArray): _set_array}
for _code in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c8", "c16",
              "S1", "U1", "M8", "m8", "O", "V1"):  # fmt: skip
    NUMPY_BUILDS["build", type(np.dtype(_code))] = _set_dtype
