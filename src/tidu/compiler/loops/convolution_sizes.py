"""What direct convolutions and Winograd's share: kernels made once, tiles, scratch memory."""

import threading
from math import ceil

import numpy as np

from ...base.process.forks import across
from ..machine import kernels
from ..machine.code import BYTES, kind_of
from ..machine.native import HOST

__all__ = ["LINE", "SHARES", "SUMS", "kernel_of", "lanes_of", "scratch", "strides_of", "tile_of",
           "up", "wide"]  # fmt: skip

LINE = 64  # bytes of a cache line
SHARES = 8  # sums of a weight kept apart, so that as many threads can work in one order of sums
SUMS = 1 << 21  # elements they may have together
_LOCK = across(threading.Lock())
_KERNELS = {}


def lanes_of(kind):
    return HOST.vector_bytes // BYTES[kind]


def strides_of(x):
    """Strides in elements."""
    return [s // x.itemsize for s in x.strides]


def kernel_of(make, dtype, *options):
    key = make, dtype, options
    found = _KERNELS.get(key)
    if found is None:
        with _LOCK:
            found = _KERNELS[key] = kernels.made(make, kind_of(dtype), *options)
    return found


def scratch(count, dtype):
    """Zeros that begin at a cache line."""
    room = np.zeros(count + LINE // dtype.itemsize, dtype)
    return room[-(room.ctypes.data // dtype.itemsize) % (LINE // dtype.itemsize) :]


def up(count, of):
    """The next multiple."""
    return -(-count // of) * of


def wide():
    """Whether there are 32 vector registers."""
    return HOST.vector_bytes == 64 or not HOST.triple.startswith("x86")


_TILES = ((14, 2), (13, 2), (12, 2), (8, 3), (8, 2), (6, 4), (4, 6), (4, 4), (4, 2), (2, 8),
          (2, 4), (1, 8), (1, 4))  # fmt: skip
_SMALL_TILES = ((6, 2), (4, 3), (4, 2), (2, 4), (1, 8), (1, 4))


def tile_of(channels, flat, lanes):
    """(output channels, vectors of pixels) at a time, by the time they should take."""
    rest = 1.5 if wide() else 0.5  # of a term: measured; vectors of 64 bytes lie across two lines

    def cost(tile):
        rows, vectors = tile
        work = max(rows * vectors / 2, (rows + 2 * vectors) / 2, 4) + rest
        return ceil(channels / rows) * ceil(flat / (vectors * lanes)) * work

    return min(_TILES if wide() else _SMALL_TILES, key=cost)
