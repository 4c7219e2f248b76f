"""Whether two runs of a program give the same, as far as the program itself can tell.

Sums in another order differ by rounding, and a program may magnify that: a difference is no error
as long as the eager program, given inputs that differ in their last digits, differs as much, or
does so where its steps' results are off by theirs (`random_nudges.py`).
"""

import numpy as np

_LOOSE = 200  # times a unit of rounding, before the program is asked how much it magnifies
_MAGNIFIED = 200  # times what it makes of inputs that differ in their last digits
_ROUNDED = 20  # times what one rounding in each step comes to: sums in another order have some more


def difference(got, expected, unit, nudged=(), stepped=(), signs=False):
    """What differs, in words, between lists of arrays and numbers; None if nothing does.

    `unit`: of rounding in the coarsest type that occurs. `nudged`: what the program gives for
    inputs that are off by a few of these; `stepped`: what it gives where each step's result is off
    by its last digit, which tells how far floating-point numbers may differ and nothing else.
    `signs`: zeros have the same sign, unless these runs' are no zeros or have another sign, too.
    """
    if len(got) != len(expected):
        return f"{len(got)} results, not {len(expected)}"
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"result {i} is {a.dtype}{a.shape}, not {b.dtype}{b.shape}"
        others = [np.asarray(n[i]) for n in nudged]
        if any(o.shape != b.shape for o in others):
            continue
        inside = [np.asarray(n[i]) for n in stepped if len(n) == len(expected)]
        text = _one(a, b, unit, others, inside)
        if text is None and signs and b.dtype.kind in "fc":
            text = _zeros(a, b, [*others, *inside])
        if text is not None:
            return f"result {i}: {text}"
    return None


def _one(a, b, unit, others, inside):
    if b.dtype.kind not in "fc":
        wild = np.zeros(b.shape, bool)
        for o in others:
            wild |= o != b
        bad = (a != b) & ~(wild.any() if others else wild)
        return f"{a[bad][:3]}, not {b[bad][:3]}" if bad.any() else None
    a, b = a.astype(np.promote_types(a.dtype, "f8")), b.astype(np.promote_types(b.dtype, "f8"))
    both = np.isfinite(a) & np.isfinite(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    steady = all(np.array_equal(np.isfinite(o), np.isfinite(b)) for o in others)
    if (~both & ~same).any() and steady:
        return f"{a[~both & ~same][:3]}, not {b[~both & ~same][:3]}"
    if not both.any():
        return None
    scale = max(1.0, np.abs(b[both]).max())
    limit = min(_LOOSE * unit, 0.05) * scale
    for o in others:
        off = np.abs(np.where(np.isfinite(o), o, 0) - b)[both]
        limit = max(limit, _MAGNIFIED * off.max())
    for o in inside:
        if o.shape == b.shape and np.array_equal(np.isfinite(o), np.isfinite(b)):
            limit = max(limit, _ROUNDED * np.abs(o - b)[both].max())
    off = np.abs(a - b)[both]
    if off.max() <= limit:
        return None
    return f"differs by {off.max():.3g} at values up to {scale:.3g} (allowed {limit:.3g})"


def _zeros(a, b, others):
    """In words, if zeros have another sign, though that is the same in all other runs."""
    bad = _of_zeros(a) * _of_zeros(b) == -1
    for o in others:
        if o.shape == b.shape:
            bad &= _of_zeros(o) == _of_zeros(b)
    if not bad.any():
        return None
    return f"{bad.sum()} zeros have the sign {_of_zeros(a)[bad][0]:+}, not {_of_zeros(b)[bad][0]:+}"


def _of_zeros(x):
    """1 or -1 where a zero is, 0 elsewhere; of complex numbers both parts, one after the other."""
    x = np.stack([x.real, x.imag]) if x.dtype.kind == "c" else x
    return np.where(x == 0, np.where(np.signbit(x), -1, 1), 0)
