"""Large matrix products: calls of the BLAS that NumPy itself has loaded."""

import ctypes
import glob
import os
from functools import lru_cache

import numpy as np

from .code import kind_of

__all__ = ["Call", "product"]

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112


class Call:
    """Text of a function, how the driver calls it, what it declares and imports."""

    def __init__(self, text, call, declared, imports):
        self.text, self.call, self.declared, self.imports = text, call, declared, imports


@lru_cache
def _symbols():
    """{"f": address of sgemm, "d": of dgemm} in the C interface with 64-bit sizes, or None."""
    folder = os.path.dirname(np.__file__)
    found = glob.glob(os.path.join(folder, "..", "numpy.libs", "*openblas*"))
    found += glob.glob(os.path.join(folder, ".dylibs", "*openblas*"))
    for path in found:
        try:
            loaded = ctypes.CDLL(path)
            return {
                letter: ctypes.cast(
                    getattr(loaded, f"scipy_cblas_{name}64_"), ctypes.c_void_p
                ).value
                for letter, name in (("f", "sgemm"), ("d", "dgemm"))
            }
        except (OSError, AttributeError):
            continue
    return None


def available():
    return _symbols() is not None


def _matrix(ref):
    """(transposed?, leading dimension) of the last two axes, or None where BLAS can't read them."""
    (m, n), (row, column) = ref.shape[-2:], ref.strides[-2:]
    if (column == 1 or n == 1) and (row >= max(n, 1) or m == 1):
        return False, max(row if m > 1 else n, n, 1)
    if (row == 1 or m == 1) and (column >= max(m, 1) or n == 1):
        return True, max(column if n > 1 else m, m, 1)
    return None


def readable(ref):
    return _matrix(ref) is not None


def product(plan, step, number):
    """The call of ?gemm for a Product, once for each matrix of a stack."""
    rx, ry, ro = [plan.refs[v] for v in (step.x, step.y, step.equation.outs[0])]
    lead = ro.shape[:-2]
    sx, sy = [r.broadcast((*lead, *r.shape[-2:])) for r in (rx, ry)]
    (tx, ldx), (ty, ldy) = _matrix(rx), _matrix(ry)
    m, n, k = ro.shape[-2], ro.shape[-1], rx.shape[-1]
    kind = kind_of(ro.dtype)
    letter, type_ = ("f", "float") if kind == "f32" else ("d", "double")
    one, zero = "1.0", "0.0"
    lines = [f"define internal void @product{number}(ptr %table, i64 %start, i64 %stop) {{",
             "entry:"]  # fmt: skip
    for name, ref in (("x", rx), ("y", ry), ("o", ro)):
        lines.append(f"  %{name}p = getelementptr i64, ptr %table, i64 {ref.buffer}")
        lines.append(f"  %{name}b = load ptr, ptr %{name}p")
    for i, index in enumerate(np.ndindex(*lead)):
        for name, ref, strides in (("x", rx, sx), ("y", ry, sy), ("o", ro, ro.strides)):
            offset = ref.offset + sum(a * s for a, s in zip(index, strides, strict=False))
            lines.append(f"  %{name}{i} = getelementptr {type_}, ptr %{name}b, i64 {offset}")
        lines.append(
            f"  call void @gemm_{letter}(i32 {_ROW_MAJOR}, i32 {_TRANSPOSED if tx else _PLAIN}, "
            f"i32 {_TRANSPOSED if ty else _PLAIN}, i64 {m}, i64 {n}, i64 {k}, {type_} {one}, "
            f"ptr %x{i}, i64 {ldx}, ptr %y{i}, i64 {ldy}, {type_} {zero}, ptr %o{i}, i64 {n})"
        )
    lines += ["  ret void", "}"]
    declared = {
        f"declare void @gemm_{letter}(i32, i32, i32, i64, i64, i64, {type_}, ptr, i64, ptr, i64, "
        f"{type_}, ptr, i64)": None
    }
    call = f"  call void @product{number}(ptr %table, i64 0, i64 1)"
    return Call("\n".join(lines), call, declared, [(f"gemm_{letter}", _symbols()[letter])])
