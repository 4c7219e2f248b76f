"""Random programs, compiled and eager, compared.

`python tests/compiler/random_runs.py START COUNT [--kind KIND] [--jobs N] [--quick] [--asked]
[--log LOG]` runs many and tells what differs, what crashes and what hangs. `--quick`: LLVM does not
optimise, and nothing is read from the disk, so that twice as many run in the time. `--asked`: as in
a process that has a class with `__torch_function__`, which is asked at every call.
"""

import argparse
import contextlib
import gc
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from random_nudges import nudged_steps
from random_programs import KINDS, case
from random_values import difference
from random_workers import results

import tidu as torch
from tidu.compiler.graphs import layouts, recomputation, schedule
from tidu.compiler.loops import blocked, convolution, library, nests, pooling, recurrent, winograd
from tidu.compiler.machine import cache, native

# What only large programs come to, and the values at which small ones do.
LIMITS = (
    (recomputation, {"LARGE": 0, "LEAST": 0, "BUDGET": 1e9, "FAR": 4}), (layouts, {"LEAST": 0}),
    (schedule, {"SMALL_PRODUCT": 1 << 5, "SMALLEST_PRODUCT": 1 << 3, "DEEP_PRODUCT": 1}),
    (schedule, {"SMALL_PRODUCT": 0, "SMALLEST_PRODUCT": 0, "TILED_PRODUCT": 0}),
    (convolution, {"LEAST": 0, "FEW": 1}), (winograd, {"_LEAST": 0, "_GAIN": 1e9}),
    (pooling, {"LEAST": 0}), (recurrent, {"LEAST": 0}),
    (nests, {"SHARE": 16}), (nests, {"BLOCK": 32}), (library, {"_ALONE": 0, "_SMALL": 64}),
    (blocked, {"serves": lambda: False}), (blocked, {"LARGEST": 64, "FEW": 1}),
)  # fmt: skip


@contextlib.contextmanager
def lowered(seed):
    """Some of these limits, for two of three seeds; one of four compiles in pieces, on threads."""
    random = np.random.RandomState(seed)
    with contextlib.ExitStack() as stack:
        if random.randint(4):
            stack.enter_context(mock.patch.object(native, "THREADS", SimpleNamespace(count=1)))
        else:
            stack.enter_context(mock.patch.object(native, "_SMALLEST", 2000))
        for module, values in LIMITS if random.randint(3) else ():
            if random.randint(3) == 0:
                stack.enter_context(mock.patch.multiple(module, **values))
        yield


def examine(seed, kind=None):
    """None, or in words what differs between the program of a seed compiled and eager."""
    return compared(case(seed, kind), seed)


def compared(program, seed):
    """The same of a program."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = program.results(False)
        except Exception as error:  # the program is refused: compiled too, then
            return _refused(seed, program, error)
        try:
            with lowered(seed):
                got = program.results(True)
        except Exception as error:
            return f"seed {seed}: compiled alone: {type(error).__name__}: {error}"
        signs = getattr(program, "signs", False)  # layers of networks and steps do not ask
        found = difference(got, expected, program.unit, signs=signs)
        if found is not None:  # as far as the program itself magnifies what is rounded
            nudged = [program.results(False, s * 4 * program.unit) for s in (1, -1, 3)]
            if getattr(program, "jumps", False) and _jumped(nudged, expected):
                return None
            found = difference(got, expected, program.unit, nudged, signs=signs)
        if found is not None:
            stepped = [_stepped(program, by) for by in range(4)]
            found = difference(got, expected, program.unit, nudged, stepped, signs)
    return None if found is None else f"seed {seed} ({program.kind}): {found}"


def _stepped(program, by):
    with nudged_steps(by):
        return program.results(False)


def _jumped(nudged, expected):
    """Whether the last digits of the inputs change much of what a program gives."""
    floats = [
        (o, e) for n in nudged for o, e in zip(n, expected, strict=True) if e.dtype.kind == "f"
    ]
    return any(np.abs(o - e).max(initial=0) > 1e-6 for o, e in floats)


def _refused(seed, program, error):
    if "view size is not" in str(error):  # a recording has no strides
        return None
    try:
        program.results(True)
    except Exception as other:
        if "into the storage" in str(other) and "for storage of size" in str(error):
            return None  # eager alone knows the storage of what is given
        if "modified by an inplace" in str(error) and "saved for the backward" in str(other):
            return None  # where parts may not run eagerly
        return None if type(other) is type(error) else f"seed {seed}: {other!r}, {error!r}"
    return f"seed {seed}: eager alone refuses it: {error!r}"


def quicken():
    """Machine code without LLVM's optimisations, kept in memory; memory that is not given back."""
    native.HOST.optimization = 0
    native._PASSES = ()
    native.leave_code = native.return_free = lambda *_: None
    kept = {}
    cache.read, cache.write = kept.get, kept.__setitem__
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def alone(seed, kind=None):
    """`examine`, of which nothing is left afterwards."""
    try:
        return examine(seed, kind)
    finally:
        torch.compiler.reset()


def ask_classes():
    """From now on torch's functions and methods ask the classes of their arguments."""

    class Asked(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return super().__torch_function__(func, types, args, kwargs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("start", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--kind", choices=sorted(set(KINDS)))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--asked", action="store_true")
    parser.add_argument("--log")
    given = parser.parse_args()
    seeds = range(given.start, given.start + given.count)
    if given.asked:
        ask_classes()
    work = partial(alone, kind=given.kind)
    began, bad = time.time(), 0
    with open(given.log, "a") if given.log else contextlib.nullcontext(sys.stdout) as file:
        print(*sys.argv, file=file, flush=True)
        done = results(seeds, given.jobs, work, quicken if given.quick else None)
        for run, (_, found) in enumerate(done, 1):
            bad += found is not None
            if found is not None or run % 200 == 0 or run == given.count:
                took = f"{time.time() - began:.0f} s"
                print(f"{found or ''}\n[{run} run, {bad} differ, {took}]", file=file, flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(bool(main()))
