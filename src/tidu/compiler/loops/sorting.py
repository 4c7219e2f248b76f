"""Orders of rows as PyTorch's algorithms leave them, equal elements included, in generated code.

Each row of int64 keys goes through std::sort, std::partial_sort or std::nth_element of the GNU C++
library, or Hoare's quickselect, step by step, or through a stable sort by digits; the places follow
the keys. `primitives/ranks.py` tells which of them PyTorch takes, and does the same without LLVM.
"""

import threading

import numpy as np

from ..machine import kernels
from ..machine.code import Code
from ..machine.pool import ensure
from .sorting_code import CALLS, FUNCTIONS

__all__ = ["ordered"]

_LOCK = threading.Lock()
_KERNELS: dict = {}


def ordered(keys, how, number=0):
    """The places of each row's keys after `how`, a name of `CALLS`; the keys are moved about.

    `number`: how many are sorted ("partial sort"), else the rank that is to stand where it belongs;
    "select and sort" sorts what comes before it.
    """
    kernel = _KERNELS.get(how)
    if kernel is None:
        with _LOCK:
            kernel = _KERNELS[how] = _kernel(CALLS[how])
    rows, size = keys.shape
    places = np.empty(keys.shape, np.int64)
    places[...] = np.arange(size)
    rooms = [np.empty_like(keys) if how == "stable" else keys for _ in range(2)]
    ensure()
    kernel(keys, places, *rooms, number, size, max(1, 4096 // size), rows)
    return places


def _kernel(call):
    """``kernel(keys, places, keys' room, places' room, number, size, chunk, rows)``"""
    m, kinds = Code(), ["ptr"] * 4 + ["i64"] * 3
    keys, places, keys_room, places_room, number, size, _ = kernels.arguments(m, kinds)
    body = m.text("define internal void @body(ptr noalias %args, i64 %start, i64 %stop)")
    body = (
        body.removesuffix("}")
        + f"""  br label %rows
rows:
  %row = phi i64 [%start, %entry], [%following, %rows]
  %offset = mul i64 %row, {size.text}
  %k = getelementptr i64, {keys}, i64 %offset
  %o = getelementptr i64, {places}, i64 %offset
  %k2 = getelementptr i64, {keys_room}, i64 %offset
  %o2 = getelementptr i64, {places_room}, i64 %offset
  call void @order(ptr %k, ptr %o, ptr %k2, ptr %o2, {number}, {size})
  %following = add i64 %row, 1
  %more = icmp slt i64 %following, %stop
  br i1 %more, label %rows, label %done
done:
  ret void
}}"""
    )
    order = f"""
define internal void @order(ptr %k, ptr %o, ptr %k2, ptr %o2, i64 %number, i64 %size) {{
  {call}
  ret void
}}"""
    return kernels.build(body, kinds, [*FUNCTIONS, order], chunk=None, work=1 << 8)
