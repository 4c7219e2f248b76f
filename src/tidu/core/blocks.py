"""Large arrays: by a compiled loop where there is one, else in pieces that stay in the cache.

`large(prim, *arrays)` evaluates an elementwise primitive; `large_rule` one of its derivative rules;
`share` runs work on all cores. Callers ask only for arrays of at least `LOOP_FROM` elements.
"""

import operator
import os
import threading
from functools import cache
from math import prod

import numpy as np
from numpy import ndarray

from .native import NATIVE

__all__ = [
    "IN_PIECES",
    "LOOP_FROM",
    "SHARED",
    "THREADS",
    "copy",
    "fill",
    "in_pieces",
    "join",
    "large",
    "large_rule",
    "loop_from",
    "ones",
    "put",
    "share",
    "take",
    "zeros",
]

# Elements from which a compiled loop with its 2 to 5 µs of checks is asked for; where NumPy has
# vector code of its own, later (_FROM). Its plain arithmetic takes 3 µs: there a loop gains
# from PLAIN on, where two threads have more of the caches and of the memory's bandwidth than one
# (on an Intel Xeon x + y and its gradients take 126 µs without and 84 with a loop for 100,000
# elements, x + y alone 15 and 16).
LOOP_FROM = 1 << 13
PLAIN = 3 << 15
# 100,000 ones take NumPy 8 µs, a loop 4. Its zeros are as fast up to 2**20, and far beyond, where
# the system gives pages that are zero already.
FILL_FROM, ZEROS_FROM, ZEROS_TO = 1 << 15, 1 << 21, 1 << 23
ROWS_FROM, ROW_FROM = 1 << 21, 1 << 8  # bytes, of all rows that are taken and of one
# Measured on two cores, float32. From 2**18 elements on, steps done piece by piece gain (a piece of
# 2**16 keeps its arrays in the second-level cache). Python's threads cost 70 µs to wake and contend
# at every NumPy call: at 10**6 elements they lose (7.1 ms became 9.5), at 4·10**6 they win, in
# pieces of 2**18 (45 ms became 29).
IN_PIECES = 1 << 18
PIECE = 1 << 16
SHARED = 1 << 21
SHARED_PIECE = 1 << 18

_UFUNCS = {operator.mul: np.multiply, operator.add: np.add, operator.sub: np.subtract,
           operator.truediv: np.divide, operator.neg: np.negative}  # fmt: skip
_PLAIN_RULES = (operator.mul, operator.add, operator.sub, operator.neg)  # one operation as well
# Elements from which a loop beats NumPy's own vector code, in float32 and in float64, where that is
# later than LOOP_FROM. From BOTH on a loop is run by several threads.
BOTH = 1 << 15
_FROM = {
    compute: least
    for computes, least in (
        ((np.absolute, np.floor, np.ceil, np.trunc, np.rint), (PLAIN, PLAIN >> 1)),
        ((np.maximum, np.minimum), (PLAIN, PLAIN >> 1)),
        (tuple(_UFUNCS), (PLAIN, PLAIN)),
        ((np.exp2, np.log, np.log1p, np.log2, np.sinh, np.cosh), (BOTH, BOTH)),
        ((np.exp,), (BOTH >> 1, BOTH)),
        ((np.sin, np.cos), (PLAIN, 0)),
        ((np.tan, np.log10), (PLAIN, BOTH)),
        ((np.expm1, np.tanh, np.arcsin, np.arccos, np.arctan), (BOTH, 0)),
        ((np.arccosh, np.arctanh, np.arctan2), (BOTH, 0)),
        ((np.sqrt, np.arcsinh), (BOTH >> 1, 0)),
    )
    for compute in computes
}
# The same of primitives whose value is a function of ours that takes a loop or two of NumPy's.
_FROM_NAMED = {"pow": (PLAIN, PLAIN), "reciprocal": (PLAIN, PLAIN >> 1)}
# Powers of float32 with an exponent for each element: NumPy's own code takes half as long as a loop
# on one thread, so that a loop on two gains only until NumPy is run by several threads, too.
_POWERS = range(IN_PIECES, SHARED)
_SHORT_RULES = {(np.exp, 0), (np.log, 0), (operator.truediv, 0)}  # one product or quotient each
_SHORT_RULES_FROM = 1 << 16  # elements


class _Threads:
    """How many threads large operations may use; `told`: who must know when that changes."""

    __slots__ = ("count", "told")

    def __init__(self):
        known = hasattr(os, "sched_getaffinity")
        self.count = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
        self.told = []

    def limit(self, count):
        self.count = count
        for tell in self.told:
            tell(count)


THREADS = _Threads()


@cache
def loop_from(prim):
    """The elements from which `large` gains over the primitive's value: in float32, in float64."""
    least = _FROM_NAMED.get(prim.name) or _FROM.get(prim.eval, (LOOP_FROM, LOOP_FROM))
    return tuple([min(max(n, LOOP_FROM), IN_PIECES) for n in least])


def large(prim, *arrays, **params):
    """prim's value on arrays (and numbers); a compiled loop gains most on those of one shape."""
    x = arrays[0]
    if x.__class__ is ndarray and x.size < loop_from(prim)[x.itemsize == 8]:
        return prim.eval(*arrays, **params)
    if NATIVE and (prim.name != "pow" or _gains(*arrays)):
        out = NATIVE.elementwise(prim, arrays, params)
        if out is not None:
            return out
    if params:
        return prim.eval(*arrays, **params)
    return in_pieces(prim.eval, arrays)


def _gains(x, exponent):
    """Whether a loop is faster than NumPy's power."""
    arrays = x.__class__ is ndarray and exponent.__class__ is ndarray and exponent.size == x.size
    return not arrays or x.itemsize == 8 or x.size in _POWERS


def large_rule(prim, index, g, saved, params):
    """The rule of input `index` of an elementwise primitive: its cotangent."""
    if NATIVE and (g.size >= PLAIN or not _is_quick_rule(prim.eval, index, g.size)):
        out = NATIVE.rule(prim, index, g, saved, params)
        if out is not None:
            return out
    rule = prim.rules[index]
    places = [i for i, s in enumerate(saved) if s.__class__ is ndarray]

    def compute(g, *parts):
        cut = list(saved)
        for i, part in zip(places, parts, strict=True):
            cut[i] = part
        return rule(g, cut, params)

    return in_pieces(compute, [g, *[saved[i] for i in places]])


def _is_quick_rule(compute, index, size):
    if compute in _PLAIN_RULES:
        return True
    return size < _SHORT_RULES_FROM and (compute, index) in _SHORT_RULES


def fill(out, number):
    """Set each element of an array to a number; gives the array."""
    if out.size >= FILL_FROM and out.dtype.char in "fd" and out.flags.c_contiguous and NATIVE:
        if NATIVE.filled(out, number) is not None:
            return out
    out.fill(number)
    return out


def ones(shape, dtype):
    """np.ones, by all threads where it is large."""
    return fill(np.empty(shape, dtype), 1)


def zeros(shape, dtype):
    """np.zeros, by all threads where that is faster than the system's fresh memory."""
    if ZEROS_FROM <= (prod(shape) if shape.__class__ is tuple else shape) < ZEROS_TO:
        return fill(np.empty(shape, dtype), 0)
    return np.zeros(shape, dtype)


def put(out, x):
    """Copy an array to a place of its shape and type."""
    if (x.size < SHARED or not out.flags.c_contiguous or not x.flags.c_contiguous or not NATIVE
            or x.dtype.char not in "fdlq" or NATIVE.copied(out, x) is None):  # fmt: skip
        _put_strips(out, x)


def _put_strips(out, x):
    """By NumPy, which lets other threads copy strips of a large array meanwhile."""
    if x.size < SHARED or len(x) < THREADS.count or x.dtype.hasobject:
        out[...] = x
        return
    step = -(-len(x) // THREADS.count)

    def strip(start):
        out[start : start + step] = x[start : start + step]

    share(strip, range(0, len(x), step))


def copy(x):
    """x.copy(), by all threads where it is large."""
    if x.__class__ is not ndarray or x.size < SHARED:
        return x.copy()
    out = np.empty(x.shape, x.dtype)
    put(out, x)
    return out


def join(arrays, axis):
    """np.concatenate, each array by all threads where they are large and lie in order."""
    first = arrays[0]
    if axis or first.size < SHARED:
        return np.concatenate(arrays, axis)
    for a in arrays:
        if not a.flags.c_contiguous or a.dtype is not first.dtype or a.shape[1:] != first.shape[1:]:
            return np.concatenate(arrays, axis)
    out = np.empty((sum([len(a) for a in arrays]), *first.shape[1:]), first.dtype)
    start = 0
    for a in arrays:
        stop = start + len(a)
        put(out[start:stop], a)
        start = stop
    return out


def take(table, places):
    """table.take(places, 0), by all threads where many long rows are taken."""
    if table.ndim < 2 or places.size * table[:1].nbytes < ROWS_FROM or not _are_rows(table, places):
        return table.take(places, 0)
    out = np.empty((*places.shape, *table.shape[1:]), table.dtype)
    return table.take(places, 0) if NATIVE.rows_taken(out, table, places) is None else out


def _are_rows(table, places):
    if table[:1].nbytes < ROW_FROM or not table.flags.c_contiguous or table.dtype.hasobject:
        return False
    if places.dtype.char not in "lq" or not places.flags.c_contiguous or not NATIVE:
        return False
    return np.minimum.reduce(places, None) >= 0 and np.maximum.reduce(places, None) < len(table)


def in_pieces(compute, arrays):
    """compute(*arrays) piece by piece, for arrays (and numbers) of one shape."""
    flat = _flattened(arrays) if any(getattr(a, "size", 0) >= IN_PIECES for a in arrays) else None
    if flat is None:
        return compute(*arrays)
    shape = next(a.shape for a in arrays if a.__class__ is ndarray and a.ndim)
    size = next(a.size for a in flat if a.__class__ is ndarray)
    shared = size >= SHARED and THREADS.count > 1
    ufunc = _UFUNCS.get(compute, compute)
    if isinstance(ufunc, np.ufunc):
        if not shared:
            return compute(*arrays)
        out = np.empty(size, ufunc(*_cut(flat, 0, 1)).dtype)
        step = -(-size // THREADS.count)
        share(
            lambda i: ufunc(*_cut(flat, i, i + step), out=out[i : i + step]), range(0, size, step)
        )
        return out.reshape(shape)
    step = SHARED_PIECE if shared else PIECE
    head = compute(*_cut(flat, 0, step))
    out = np.empty(size, head.dtype)
    out[:step] = head

    def piece(start):
        out[start : start + step] = compute(*_cut(flat, start, start + step))

    starts = range(step, size, step)
    if shared:
        share(piece, starts)
    else:
        for start in starts:
            piece(start)
    return out.reshape(shape)


def _cut(flat, start, stop):
    return [a[start:stop] if a.__class__ is ndarray else a for a in flat]


def _flattened(arrays):
    """Flat views, numbers for what repeats one element; None where shapes or strides differ."""
    shape, flat = None, []
    for a in arrays:
        if a.__class__ is not ndarray or not a.ndim:
            flat.append(a)
        elif shape is not None and a.shape != shape:
            return None
        elif a.flags.c_contiguous:
            shape = a.shape
            flat.append(a.reshape(-1))
        elif not any(a.strides):
            shape = a.shape
            flat.append(a[(0,) * a.ndim])
        else:
            return None
    return flat if any(a.__class__ is ndarray for a in flat) else None


def share(work, starts):
    """Run `work` on each start, on as many threads as there are cores."""
    workers = min(THREADS.count, len(starts))
    failures = []

    def take_turns(offset):
        try:
            for start in starts[offset::workers]:
                work(start)
        except BaseException as error:  # a thread's error belongs to the caller
            failures.append(error)

    helpers = [_POOL.submit(take_turns, k) for k in range(1, workers)]
    take_turns(0)
    for done in helpers:
        done.wait()
    if failures:
        raise failures[0]


class _Pool:
    """Threads that wait for work; made on first use, and again after a fork."""

    def __init__(self):
        self.pid, self.idle, self.lock = None, [], threading.Lock()

    def submit(self, function, argument):
        done = threading.Event()
        with self.lock:
            if self.pid != os.getpid():
                self.pid, self.idle = os.getpid(), []
            worker = self.idle.pop() if self.idle else _Worker(self)
        worker.task = (function, argument, done)
        worker.wake.release()
        return done


class _Worker(threading.Thread):
    def __init__(self, pool):
        super().__init__(daemon=True, name="tidu")
        self.pool, self.task, self.wake = pool, None, threading.Semaphore(0)
        self.start()

    def run(self):
        while True:
            self.wake.acquire()
            function, argument, done = self.task
            self.task = None
            function(argument)
            del function
            with self.pool.lock:
                self.pool.idle.append(self)
            done.set()


_POOL = _Pool()
