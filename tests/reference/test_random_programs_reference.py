"""Random programs give what PyTorch gives: values, gradients, writes and draws.

The programs are those that compiled code is compared with (`tests/compiler/random_programs.py`);
here their modules are loaded a second time, with PyTorch under the name of tidu.
`python tests/reference/test_random_programs_reference.py START COUNT [KIND]` runs many.
"""

import importlib
import os
import signal
import subprocess
import sys
import time
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import tidu

sys.path.insert(0, str(Path(__file__).parents[1] / "compiler"))
from random_values import difference

FOLDER = Path(__file__).parents[1] / "compiler"
COUNT = int(os.environ.get("TIDU_PROGRAMS", "160"))
START = int(os.environ.get("TIDU_PROGRAM_SEED", time.time_ns() // 1000 % 10**8))

pytestmark = pytest.mark.slow


# PyTorch compiles these, seconds for each; so they are written out for it.


def scan(combine, init, xs, dim=0, reverse=False):
    rows, made = xs.unbind(dim), []
    for row in reversed(rows) if reverse else rows:
        init, y = combine(init, row)
        made.append(y)
    return init, torch.stack(made[::-1] if reverse else made).movedim(0, dim)


def while_loop(condition, body, carried):
    while condition(*carried):
        carried = body(*carried)
    return carried


def mapped(function, xs):
    return torch.stack([function(x) for x in xs])


def cond(chosen, yes, no, operands):
    return yes(*operands) if chosen else no(*operands)


def programs_of(library):
    """`random_programs`, with everything it imports, written against `library`."""
    ours = {k: m for k, m in sys.modules.items() if k.partition(".")[0] == "tidu"}
    mine = [path.stem for path in FOLDER.glob("random_*.py")]
    hidden = {name: sys.modules.pop(name) for name in mine if name in sys.modules}
    loops = types.ModuleType("tidu._higher_order_ops")
    loops.scan, loops.while_loop, loops.map = scan, while_loop, mapped
    try:
        if library is torch:
            sys.modules.update({"tidu": torch, "tidu._higher_order_ops": loops})
        module = importlib.import_module("random_programs")
    finally:
        sys.modules.update(ours)
        for name in mine:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)
    module.shared = lambda *args: 0  # who shares memory is asked of arrays, which PyTorch hides
    return module


OURS, THEIRS = programs_of(tidu), programs_of(torch)

# Where PyTorch alone refuses: types it has no kernel for; lazy conjugates and signs; a `view` whose
# operand lies otherwise (results of operands in different orders do); and what was saved of an
# operand that tidu had to convert first, and so has in a copy that no write reaches.
REFUSES = (
    "ComplexHalf", "MKL FFT", "conjugate", "negative bit", "view size is not",
    "modified by an inplace",
    # What PyTorch's attention and its recurrent layers lack: second order, forward mode, vmap.
    "flash_attention_for_cpu", "Trying to use forward AD with", "doesn't match the broadcast shape",
    "NYI: Tensor.clone(memory_format) inside vmap",
)  # fmt: skip


def outcome(module, seed, nudge=0.0):
    """The arrays of a program, or the error it ends in."""
    program = module.case(seed)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return [np.asarray(a) for a in program.results(False, nudge)], program
        except Exception as error:
            return error, program


def examine(seed):
    """None, or in words what differs between the program in tidu and in PyTorch."""
    (ours, program), (theirs, other) = outcome(OURS, seed), outcome(THEIRS, seed)
    if isinstance(theirs, Exception):
        allowed = isinstance(ours, type(theirs)) or any(r in str(theirs) for r in REFUSES)
        return None if allowed else f"PyTorch refuses: {theirs!r}; here: {ours!r}"
    if isinstance(ours, Exception):
        return f"here alone: {ours!r}"
    if getattr(program, "way", None) == "jvp":  # of float32 PyTorch has a few tangents in float64
        theirs = [t.astype(o.dtype) if o.dtype.kind == t.dtype.kind == "f" else t
                  for o, t in zip(ours, theirs, strict=True)]  # fmt: skip
    unit = 20 * max(program.unit, other.unit)  # sums go in another order, functions are others
    found = difference(ours, theirs, unit)
    if found is not None:  # as far as the program itself magnifies what is rounded
        nudged = [outcome(THEIRS, seed, s * 4 * unit)[0] for s in (1, -1, 3)]
        nudged = [n for n in nudged if not isinstance(n, Exception)]
        found = difference(ours, theirs, unit, nudged)
    return found


# Not "training": optimizers divide by gradients that are nothing but rounding, such as those of a
# bias before a normalisation, and steps of all optimizers are compared elsewhere. The last
# three are made for what compiled code may lose: their operations are compared one by one.
APART = "training", "networks", "wide", "unusual", "changes"


@pytest.mark.parametrize("kind", sorted({*OURS.KINDS} - {*APART}))
def test_programs_give_what_pytorch_gives(kind, monkeypatch):
    monkeypatch.setattr(torch, "cond", cond)
    for seed in range(START, START + COUNT):
        if OURS.KINDS[seed % len(OURS.KINDS)] == kind:
            assert examine(seed) is None, seed


def test_networks_give_what_pytorch_gives():
    """In a process of their own: in one of some sixty, PyTorch's backward pass itself crashes (a
    batch of one and convolutions of two kinds). Those run here alone."""
    start, end = START, START + COUNT
    while start < end:
        done = subprocess.run([sys.executable, __file__, str(start), str(end - start), "networks"],
                              capture_output=True, text=True)  # fmt: skip
        assert "]" not in done.stdout, done.stdout
        if done.returncode == 0:
            return
        assert done.returncode == -signal.SIGSEGV, done.stderr[-3000:]
        seed = int(done.stdout.split()[-1])
        assert not isinstance(outcome(OURS, seed)[0], Exception), seed
        start = seed + 1


def main(start, count, only=None):
    torch.cond, bad = cond, 0
    for seed in range(start, start + count):
        kind = OURS.KINDS[seed % len(OURS.KINDS)]
        if only is not None and kind != only:
            continue
        if only is not None:
            print("at", seed, flush=True)
        found = None if kind == "training" else examine(seed)
        bad += found is not None
        if found is not None or only is None and seed % 500 == 499:
            print(f"seed {seed} ({kind}): {found}  [{bad} differ]", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
