"""Matrix products: an OpenBLAS of our own, whose calls the threads of `pool.py` share.

The library that NumPy has loaded starts threads of its own, which go on spinning after each product
and take turns with the pool's. The copy loaded here computes each call on the thread that makes it;
a product is cut into pieces, or a stack into its matrices, and every idle thread takes some.
`product` and `stack` are for arrays, `emit` writes a product into a compiled program.
"""

import ctypes
import importlib.util
import os
import threading
from functools import lru_cache, partial
from glob import glob
from itertools import chain
from math import ceil, prod

import numpy as np

from ...base.process.blas import loading
from ...base.process.forks import across
from ...core.blocks import THREADS
from ...core.native import NATIVE
from ..machine import kernels, native, pool
from ..machine.code import BYTES, Code, Value, kind_of
from ..machine.sources import Text
from . import blocked, epilogues
from .nests import HEADER, Written, homes
from .reductions import loop

__all__ = ["address", "available", "begin", "emit", "product", "readable", "runs", "stack"]

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112
_TYPES = {np.dtype(np.float32): "f", np.dtype(np.float64): "d"}
_NARROWEST = 48  # columns or rows of a piece: below, packing the other matrix costs too much
_SMALL = 1 << 17  # multiplications of a piece: calls smaller than this are made several at a time
_ALONE = 1 << 20  # multiplications up to which one product is not cut: a thread takes 5 µs to wake
_LISTED = 1 << 20  # multiplications beside which it is nothing to read the sizes from a list
_KERNELS = {}
_LOCK = across(threading.Lock())


@lru_cache
def _symbols():
    """{name: address} of sgemm, dgemm, sgemv and dgemv in the C interface with 64-bit sizes, or
    None."""
    found = importlib.util.find_spec("scipy_openblas64")
    if found is None:
        return None
    (folder,) = found.submodule_search_locations
    for path in glob(os.path.join(folder, "lib", "*openblas64_*")):
        try:
            with loading(threads=1):
                loaded = ctypes.CDLL(path)
            loaded.scipy_openblas_set_num_threads64_(ctypes.c_int(1))
            return {
                name: ctypes.cast(getattr(loaded, f"scipy_cblas_{name}64_"), ctypes.c_void_p).value
                for name in ("sgemm", "dgemm", "sgemv", "dgemv")
            }
        except (OSError, AttributeError):
            continue
    return None


def available():
    return _symbols() is not None


def address(letter, epilogue=False, vector=False):
    """That of the function `sgemm` ("s") or `dgemm` ("d"), loops of our own where those serve;
    `epilogue`: of those that have one. `vector`: of the library's `sgemv` or `dgemv`."""
    if vector:
        return _symbols()[f"{letter}gemv"]
    place = _symbols()[f"{letter}gemm"]
    kind = {"s": "f32", "d": "f64"}[letter]
    return blocked.address(kind, place, epilogue) if blocked.serves() else place


def begin(*dtypes):
    """Have the loops for products of these types compiled that are not yet."""
    if dtypes and blocked.serves() and available():
        for dtype in dtypes:
            blocked.begin(kind_of(dtype))
            for biased in (False, True):  # which another process's first step uses
                if (dtype.num, biased) not in _KERNELS:
                    native.keep(_text(kind_of(dtype), biased))


# --- how a product is cut -------------------------------------------------------------------------


def cut(count, height, width, depth):
    """(rows, columns of a piece; units to take at a time) for `count` products."""
    threads = THREADS.count
    rows, columns = height, width
    if count < threads and count * height * width * depth > _ALONE:
        # The longer side is cut: what must be packed for each piece again is the other matrix.
        wanted = ceil(threads / count)
        if width >= height:
            columns = max(_NARROWEST, _up(ceil(width / wanted), 16))
        else:
            rows = max(_NARROWEST, _up(ceil(height / wanted), 16))
    pieces = count * ceil(height / rows) * ceil(width / columns)
    each = max(1, rows * columns * depth)
    chunk = min(max(1, _SMALL // each), ceil(pieces / threads))
    return min(rows, height), min(columns, width), chunk


def _up(n, step):
    return -(-n // step) * step


# --- the code -------------------------------------------------------------------------------------


class _Matrix:
    """Pointer, whether it lies transposed (111 or 112), leading dimension, step between rows (of
    the left one) or columns (of the right one): values or numbers."""

    def __init__(self, pointer, order, leading, step):
        self.pointer, self.order, self.leading, self.step = pointer, order, leading, step


def _unit(m, kind, u, c, a, b, sizes, piece, stack, bias=None, epilogue=False, leading=None,
          vector=None):  # fmt: skip
    """Unit `u`: one piece of one product. `stack`: (count, step of a, step of b), outermost first;
    the results follow one another in memory, unless `stack` has their steps, too, and `leading` is
    from one of their rows to the next. `epilogue`: whether it has one. `vector`: which matrix is
    one, "left" or "right"."""
    height, width, depth = sizes
    rows, columns, across, pieces = piece
    which, here = u / pieces, m.put("i64", 1, f"srem {u}, {pieces.text}")
    row = (here / across) * rows
    column = m.put("i64", 1, f"srem {here}, {across.text}") * columns
    place_a, place_b, rest = row * a.step, column * b.step, which
    place_c = (which * height + row) * width if leading is None else row * leading
    for count, step_a, step_b, *step_c in reversed(stack):
        index = m.put("i64", 1, f"srem {rest}, {count.text}")
        rest = rest / count
        place_a, place_b = place_a + index * step_a, place_b + index * step_b
        for step in step_c:
            place_c = place_c + index * step
    many_rows, many = lesser(m, height - row, rows), lesser(m, width - column, columns)
    home = m.at(c, place_c + column, kind)
    if bias is not None:
        zero = m.constant("i64", 0, 1)
        loop(m, zero, many_rows, lambda r: _copy(m, kind, m.at(home, r * width, kind),
                                                 m.at(bias, column, kind), many))  # fmt: skip
    if vector is not None:
        a, b = [_Matrix(m.at(x.pointer, place, kind), x.order, x.leading, x.step)
                for x, place in ((a, place_a), (b, place_b))]  # fmt: skip
        if vector == "left":
            return _with_vector(m, kind, b, a, many, depth, home, _TRANSPOSED)
        return _with_vector(m, kind, a, b, many_rows, depth, home, _PLAIN, leading)
    one, beta = m.constant(kind, 1, 1), m.constant(kind, 0 if bias is None else 1, 1)
    i32 = lambda v: v if v.kind == "i32" else m.convert(v, "i32")
    letter = "s" if kind == "f32" else "d"
    given = [m.constant("i32", _ROW_MAJOR, 1), i32(a.order), i32(b.order), many_rows, many, depth,
             one, m.at(a.pointer, place_a, kind), a.leading, m.at(b.pointer, place_b, kind),
             b.leading, beta, home, width if leading is None else leading]  # fmt: skip
    name = f"{letter}gemm"
    if epilogue:
        after, table = Value(m, "ptr", 1, epilogues.NAME), Value(m, "ptr", 1, "%table")
        name, given = f"{name}_epilogue", [*given, after, table, row, column]
    m.declare(f"declare void @{name}({', '.join(v.type for v in given)})")
    m.line(f"call void @{name}({', '.join(map(str, given))})")


def _with_vector(m, kind, matrix, vector, count, depth, home, upright, step=None):
    """`count` results of a matrix and a vector. Where the matrix lies in the order `upright`, a row
    of its memory is what one result is the sum of, and so is the vector in the other order; `step`:
    from one result to the next, where that is not 1."""
    upright, one = m.constant("i64", upright, 1), m.constant("i64", 1, 1)
    rows = matrix.order == upright
    across = m.select(vector.order == upright, vector.leading, one)
    sizes = [m.select(rows, count, depth), m.select(rows, depth, count)]
    order = m.select(rows, m.constant("i64", _PLAIN, 1), m.constant("i64", _TRANSPOSED, 1))
    given = [m.constant("i32", _ROW_MAJOR, 1), m.convert(order, "i32"), *sizes,
             m.constant(kind, 1, 1), matrix.pointer, matrix.leading, vector.pointer, across,
             m.constant(kind, 0, 1), home, one if step is None else step]  # fmt: skip
    name = f"{'s' if kind == 'f32' else 'd'}gemv"
    m.declare(f"declare void @{name}({', '.join(v.type for v in given)})")
    m.line(f"call void @{name}({', '.join(map(str, given))})")


def lesser(m, x, y):
    y = m.like(y, x)
    return m.select(x < y, x, y)


def _copy(m, kind, home, source, count):
    """Vectors, then what is left one by one."""
    lanes = m.constant("i64", m.lanes, 1)
    whole = count / lanes

    def vector(i):
        m.store(m.load(m.at(source, i * lanes, kind), kind), m.at(home, i * lanes, kind))

    def single(i):
        m.store(m.load(m.at(source, i, kind), kind, 1), m.at(home, i, kind))

    loop(m, m.constant("i64", 0, 1), whole, vector)
    loop(m, whole * lanes, count, single)


def _all_units(m, unit):
    loop(m, Value(m, "i64", 1, "%start"), Value(m, "i64", 1, "%stop"), unit)
    m.line("ret void")


def _general(kind, biased):
    """``kernel(c, a, b, bias, *20 numbers, units)``: any product; `_computed` gives them."""
    letter = "s" if kind == "f32" else "d"
    (found,) = kernels.load(_text(kind, biased), imports=[(f"{letter}gemm", address(letter))])
    return kernels.function_at(found)


_WORK = 1 << 15


def _text(kind, biased):
    decided = "products", kind, biased, native.HOST.vector_bytes
    return Text(lambda: _body(kind, biased).whole(), *decided)


def _body(kind, biased):
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    names = ["ptr"] * 4 + ["i64"] * 20
    c, a, b, bias, *n = kernels.arguments(m, names)
    left, right = _Matrix(a, *n[0:3]), _Matrix(b, *n[3:6])
    stack = [tuple(n[13:16]), tuple(n[16:19])]
    _all_units(m, lambda u: _unit(m, kind, u, c, left, right, n[6:9], n[9:13], stack,
                                  bias if biased else None))  # fmt: skip
    body = m.text("define internal void @body(ptr %args, i64 %start, i64 %stop)")
    return kernels.Body(body, names, m.module, None, _WORK)


def _kernel(dtype, biased):
    key = dtype.num, biased
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            found = _KERNELS[key] = _general(kind_of(dtype), biased)
    return found


# --- for arrays -----------------------------------------------------------------------------------


def _layout(shape, strides):
    """(order, leading dimension) of a matrix by its strides in elements, or None."""
    (m, n), (row, column) = shape, strides
    if (column == 1 or n == 1) and (row >= max(n, 1) or m == 1):
        return _PLAIN, max(row if m > 1 else n, n, 1)
    if (row == 1 or m == 1) and (column >= max(m, 1) or n == 1):
        return _TRANSPOSED, max(column if n > 1 else m, m, 1)
    return None


def _layout_of(x):
    item = x.itemsize
    return _layout(x.shape[-2:], [s // item for s in x.strides[-2:]])


def product(x, y, bias=None):
    """x · y (+ bias) of two matrices, or None."""
    dtype = x.dtype
    if dtype not in _TYPES or y.dtype is not dtype or not (x.flags.aligned and y.flags.aligned):
        return None
    if bias is not None and (bias.dtype is not dtype or not bias.flags.c_contiguous):
        return None
    return _computed(x, y, (), (1, 0, 0), (1, 0, 0), bias)


def stack(x, y, out=None):
    """x · y of two stacks of matrices that lie in at most two regular runs, or None. `out`: where
    the products are to lie, densely."""
    dtype = x.dtype
    if dtype not in _TYPES or y.dtype is not dtype or not (x.flags.aligned and y.flags.aligned):
        return None
    try:
        lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        return None
    found = runs(lead, _lead_strides(x, lead), _lead_strides(y, lead))
    if len(found) > 2:
        return None
    return _computed(x, y, lead, *[(1, 0, 0)] * (2 - len(found)), *found, out=out)


def _lead_strides(x, lead):
    own = [0 if n == 1 else s // x.itemsize for n, s in zip(x.shape[:-2], x.strides[:-2],
                                                          strict=True)]  # fmt: skip
    return [0] * (len(lead) - len(own)) + own


def runs(shape, *strides):
    """The axes as few as they can be: [(count, *steps)], outermost first."""
    out = []
    for n, *steps in zip(shape, *strides, strict=True):
        if n == 1:
            continue
        if out and all(before == n * s for before, s in zip(out[-1][1:], steps, strict=True)):
            out[-1] = (out[-1][0] * n, *steps)
        else:
            out.append((n, *steps))
    return out


def _computed(x, y, lead, outer, inner, bias=None, out=None):
    left, right = _layout_of(x), _layout_of(y)
    if left is None or right is None or not (x.size and y.size) or not _serves(x.dtype):
        return None
    (height, depth), width = x.shape[-2:], y.shape[-1]
    count = outer[0] * inner[0]
    c = np.empty((*lead, height, width), x.dtype) if out is None else out
    rows, columns, chunk = cut(count, height, width, depth)
    across = ceil(width / columns)
    pieces = ceil(height / rows) * across
    pool.ensure()
    _kernel(x.dtype, bias is not None)(
        c, x, y, c if bias is None else bias, *left, _step(left, 0), *right, _step(right, 1),
        height, width, depth, rows, columns, across, pieces, *outer, *inner,
        chunk, count * pieces,
    )  # fmt: skip
    return c


def _serves(dtype):
    """Whether products are made here. Those that are made once take NumPy's library, with its
    threads and their memory, only where our loops would have to be compiled for them."""
    if not available():
        return False
    return not NATIVE.waiting or not blocked.serves() or _at_hand(kind_of(dtype))


@lru_cache
def _at_hand(kind):
    """Whether the cache has all of it: to compile the least function touches 30 MiB of LLVM."""
    texts = [_text(kind, biased) for biased in (False, True)]
    return all(map(native.is_kept, texts)) and blocked.at_hand(kind)


def _step(layout, axis):
    """From one row (axis 0) or column (axis 1) to the next."""
    order, leading = layout
    return leading if (order == _PLAIN) is (axis == 0) else 1


# --- for compiled programs ------------------------------------------------------------------------


def readable(ref):
    return _layout(ref.shape[-2:], ref.strides[-2:]) is not None


def emit(plan, step):
    """The product of a compiled program's step. The sizes of large ones stand in their lists, so
    that most are one function, and those of all where they vary."""
    refs = rx, ry, ro = [plan.refs[v] for v in (*step.equation.ins, step.out)]
    lead, kind = ro.shape[:-2], kind_of(ro.dtype)
    sx, sy = [r.broadcast((*lead, *r.shape[-2:]))[:-2] for r in (rx, ry)]
    height, width, depth = ro.shape[-2], ro.shape[-1], rx.shape[-1]
    rows, columns, chunk = cut(prod(lead), height, width, depth)
    across, down = ceil(width / columns), ceil(height / rows)
    m = Code(lanes=native.HOST.vector_bytes // BYTES[kind])
    left, right = [_layout(r.shape[-2:], r.strides[-2:]) for r in (rx, ry)]
    apart = () if ro.dense else (ro.strides[:-2],)
    numbers = [*left, _step(left, 0), *right, _step(right, 1), height, width, depth, rows, columns,
               across, across * down, *chain(*runs(lead, sx, sy, *apart))]  # fmt: skip
    numbers += [ro.strides[-2]] * len(apart)
    others = [v for part in epilogues.operands(plan, step) for v in part]
    if not plan.varying and prod(lead) * height * width * depth < _LISTED:
        given, numbers = numbers, []
    (a, b, c), values = homes(m, [kind] * 3, len(numbers), len(others))
    values = values or [m.constant("i64", n, 1) for n in given]
    a, b = _Matrix(a, *values[:3]), _Matrix(b, *values[3:6])
    each, end = 3 + len(apart), len(values) - len(apart)
    stack = [tuple(values[k : k + each]) for k in range(13, end, each)]
    epilogue, leading = bool(step.equations), values[-1] if apart else None
    vector = None if plan.varying else "right" if width == 1 else "left" if height == 1 else None
    _all_units(m, lambda u: _unit(m, kind, u, c, a, b, values[6:9], values[9:13], stack, None,
                                  epilogue, leading, vector))  # fmt: skip
    text, places = m.text(HEADER), [(r.buffer, r.offset) for r in refs]
    if epilogue:
        function, module = epilogues.emit(plan, step, kind, m.lanes)
        text, m.module = f"{text}\n{function}", {**m.module, **module}
        places += [(plan.refs[v].buffer, plan.refs[v].offset) for v in others]
    letter = "s" if kind == "f32" else "d"
    return Written(
        text, m.module, prod(lead) * across * down, ceil(rows * columns * depth / 32), places,
        numbers, chunk=chunk,
        imports=((f"{letter}gemv", partial(address, letter, False, True)) if vector else
                 (f"{letter}gemm" + "_epilogue" * epilogue, partial(address, letter, epilogue)),),
    )  # fmt: skip
