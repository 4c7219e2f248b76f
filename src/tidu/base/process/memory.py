"""What this process keeps of the memory it has had: freed arrays, but no code it is done with.

glibc maps every array above 128 KiB anew, and each page of it then costs a fault: a chain of
operations on a million elements took 18 ms, with this setting 7 ms. Nothing else is changed;
`TIDU_MALLOC=system` leaves the allocator alone.
"""

import ctypes
import os
import sys
from functools import lru_cache
from itertools import pairwise

__all__ = ["empty", "keep_freed_memory", "leave_code", "return_free"]

_TRIM, _MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>


def keep_freed_memory():
    """Ask glibc to serve arrays up to 1 GiB from its heap; elsewhere nothing happens."""
    if not sys.platform.startswith("linux") or os.environ.get("TIDU_MALLOC") == "system":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_MMAP, 1 << 30)
    mallopt(_TRIM, 1 << 29)


_LEAVE = 4  # MADV_DONTNEED of <sys/mman.h>: pages of a file are read again where they are needed


@lru_cache
def _unchanged(library):
    """(address, bytes) of the parts of a loaded library that are as in its file."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            parts = [line.split()[:2] for line in maps if library in line]
    except OSError:
        return ()
    # What stands before a part that can be written was written by the loader.
    kept = [ends for (ends, mode), (_, after) in pairwise([*parts, ("", "w")])
            if "w" not in mode and "w" not in after]  # fmt: skip
    ends = [[int(end, 16) for end in line.split("-")] for line in kept]
    return tuple([(start, end - start) for start, end in ends])


def return_free():
    """Give what is free in the allocator's heap back to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def empty(array):
    """Give the pages of an array back to the system: what it holds is lost."""
    if not sys.platform.startswith("linux"):
        return
    page, start = os.sysconf("SC_PAGE_SIZE"), array.ctypes.data
    start, end = -(-start // page) * page, (start + array.nbytes) // page * page
    if end > start:
        _advise(start, end - start)


def _advise(start, size):
    ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _LEAVE)


def leave_code(library):
    """Unmap the pages of a library's code and tables, tens of MiB of LLVM's, until they are needed
    again; the system has them in its cache. Only Linux tells where they are."""
    for start, size in _unchanged(library):
        _advise(start, size)
