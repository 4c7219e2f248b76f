"""The quantized types, and the whole numbers that they are kept in."""

from ..base.dtypes import ABSENT, int8, int32, uint8

__all__ = ["INTEGERS", "LIMITS", "NAMES", "qint8", "qint32", "quint8"]

quint8, qint8, qint32 = ABSENT["quint8"], ABSENT["qint8"], ABSENT["qint32"]

# A type -> the one its numbers are kept in; the least and the largest of them; its name in types.
INTEGERS = {quint8: uint8, qint8: int8, qint32: int32}
LIMITS = {quint8: (0, 255), qint8: (-128, 127), qint32: (-(2**31), 2**31 - 1)}
NAMES = {quint8: "QUInt8", qint8: "QInt8", qint32: "QInt32"}
