"""A loop over the slices of tensors, as one operation whose body is a graph of its own: `scan`.

It takes (constants of the body, carried values, what is gone through) and gives (carried values,
what each step gave, stacked). It keeps what was carried at each step and goes back by another scan.
"""

from functools import lru_cache

import numpy as np

from ..core.handle import TensorBase, shape_of, wrap
from ..primitives.arithmetic import add
from ..primitives.base import at_front, batch_size, move_batch, move_batches, transpose
from ..program.ir import Graph
from .bodies import batched, derived, is_float, pull, push, without_draws
from .control import Control, own, run, specs_of
from .stage import build

__all__ = ["nothing", "or_zeros", "scan", "tensor", "tracked"]


class _Scan:
    """The parameters of a scan, read: `sizes` = (constants, carried values)."""

    def __init__(self, args, body, sizes, length, reverse, kept, draws):
        self.body, self.length, self.reverse = body, length, reverse
        consts, carries = sizes
        self.sizes, self.kept, self.draws = sizes, kept, draws
        self.consts, self.init = list(args[:consts]), list(args[consts : consts + carries])
        self.xs = list(args[consts + carries :])
        self.carried = body.inputs[consts : consts + carries]
        self.stacked = body.outputs[carries:]
        self.drawn = self.stacked[len(self.stacked) - sum(draws) :]

    def of(self, values):
        """A list along the body's inputs as (constants, carried, gone through)."""
        consts, carries = self.sizes
        return values[:consts], values[consts : consts + carries], values[consts + carries :]


def _scan_eval(*args, **params):
    s = _Scan(args, **params)
    carry, carries = s.init, len(s.init)
    stacked = [np.empty((s.length, *v.shape), v.element_type) for v in s.stacked]
    for t in reversed(range(s.length)) if s.reverse else range(s.length):
        outs = run(s.body, [*s.consts, *carry, *[x[t] for x in s.xs]])
        carry = outs[:carries]
        for place, y in zip(stacked, outs[carries:], strict=True):
            place[t] = y
    return (*own(carry, [*args, *s.body.fixed]), *stacked)


def _scan_shape(prim, args, params):
    carries = params["sizes"][1]
    outs, n = specs_of(params["body"].outputs), params["length"]
    return outs[:carries] + [((n, *shape), kind) for shape, kind in outs[carries:]]


def _quiet(prim, ins, drawn, params):
    body = without_draws(params["body"], sum(params["draws"]))
    return _scan(()), [*ins, *drawn], {**params, "body": body, "draws": (0,)}


def _history(s, params, args, outs):
    """The carried values before each step, stacked."""
    end = len(outs) - sum(s.draws)
    if s.kept:
        return list(outs[end - len(s.init) : end])
    if sum(s.draws):
        raise RuntimeError(_REPEATED)
    again = _keeping(s.body, s.sizes, 0)
    made = scan(*args, **{**params, "body": again, "kept": True})
    return list(made[len(made) - len(s.init) :])


_REPEATED = "The random draws of this scan were not kept, so its gradient can't be computed."


def _keeping(body, sizes, draws):
    """The body that also gives the carried values it was given, before its draws."""

    def make():
        out = Graph()
        out.inputs, out.constants, out.equations = body.inputs, body.constants, body.equations
        out._count, end = body._count, len(body.outputs) - draws
        carried = body.inputs[sizes[0] : sum(sizes)]
        out.outputs = [*body.outputs[:end], *carried, *body.outputs[end:]]
        return out

    return derived(body, ("kept", sizes), make)


def _scan_back(g, first, rest, out, body, sizes, length, reverse, kept, draws, needs):
    params = dict(body=body, sizes=sizes, length=length, reverse=reverse, kept=kept, draws=draws)
    args = [first, *rest]
    s = _Scan(args, **params)
    floats = [is_float(v) for v in body.inputs]
    consts, carries = sizes
    wanted = [i for i in range(consts) if floats[i] and needs[i]]
    moving = [i for i in range(consts, consts + carries) if floats[i]]
    through = [i for i in range(consts + carries, len(args)) if floats[i] and needs[i]]
    present = [i for i in range(carries, len(g)) if g[i] is not None and is_float(body.outputs[i])]
    past, end = _history(s, params, args, out), len(out) - sum(draws)
    step = _scan_back_body(s, wanted, moving, through, present)
    seeds = [or_zeros(g[i - consts], body.inputs[i]) for i in moving]
    found = scan(
        *s.consts, *[nothing(body.inputs[i]) for i in wanted], *seeds,
        *past, *s.xs, *out[end:], *[g[i] for i in present], body=step,
        sizes=(consts, len(wanted) + len(moving)), length=length, reverse=not reverse,
        kept=False, draws=(0,),
    )  # fmt: skip
    places = dict(zip([*wanted, *moving, *through], found, strict=True))
    return [places.get(i) if need else None for i, need in enumerate(needs)]


def or_zeros(g, variable):
    return nothing(variable) if g is None else g


def nothing(variable):
    """Zeros, as an array."""
    return np.zeros(variable.shape, variable.element_type)


def _scan_back_body(s, wanted, moving, through, present):
    """(constants; sums, cotangents of what is carried; past, xs, draws, cotangents) -> the same."""
    body = without_draws(s.body, sum(s.draws))
    consts, carries = s.sizes
    n, xs, drawn = len(wanted), len(s.xs), len(s.drawn)

    def back(*values):
        given, values = values[:consts], values[consts:]
        sums, seeds, values = values[:n], values[n : n + len(moving)], values[n + len(moving) :]
        inputs, gs = [*given, *values[: carries + xs + drawn]], values[carries + xs + drawn :]
        cotangents = dict(zip([i - consts for i in moving], seeds, strict=True))
        cotangents.update(zip(present, gs, strict=True))
        found = pull(body, inputs, [*wanted, *moving, *through],
                     [cotangents.get(i) for i in range(len(body.outputs))])  # fmt: skip
        return [*map(add, sums, found[:n]), *found[n:]]

    ins = s.body.inputs
    variables = [
        *ins[:consts], *[ins[i] for i in (*wanted, *moving)], *ins[consts:], *s.drawn,
        *[s.body.outputs[i] for i in present],
    ]  # fmt: skip
    key = ("scan back", s.sizes, tuple(wanted), tuple(through), tuple(present), drawn)
    return derived(s.body, key, lambda: build(back, variables))


def _scan_jvp(tangents, primals, out, params):
    s = _Scan(primals, **params)
    body = without_draws(s.body, sum(s.draws))
    consts, carries = s.sizes
    given = [i for i, t in enumerate(tangents) if t is not None]
    moving = [i for i in range(consts, consts + carries) if is_float(body.inputs[i])]
    first, last = [i for i in given if i < consts], [i for i in given if i >= consts + carries]
    n, m = len(first), len(moving)

    def forward(*values):
        fixed, values = values[: consts + n], values[consts + n :]
        carried, values = values[: carries + m], values[carries + m :]
        xs, values = values[: len(s.xs)], values[len(s.xs) :]
        ts, drawn = values[: len(last)], values[len(last) :]
        inputs = [*fixed[:consts], *carried[:carries], *xs, *drawn]
        known = dict(zip([*first, *moving, *last], [*fixed[consts:], *carried[carries:], *ts],
                         strict=True))  # fmt: skip
        outs, moved = push(body, inputs, [known.get(i) for i in range(len(inputs))])
        return [*outs[:carries], *[t for t in moved if t is not None]]

    ins = body.inputs
    variables = [
        *ins[:consts], *[ins[i] for i in first], *ins[consts : consts + carries],
        *[ins[i] for i in moving], *s.body.inputs[consts + carries :], *[ins[i] for i in last],
        *s.drawn,
    ]  # fmt: skip
    key = ("scan push", s.sizes, tuple(first), tuple(last), len(s.drawn))
    step = derived(s.body, key, lambda: build(forward, variables))
    starts = [nothing(ins[i]) if tangents[i] is None else tangents[i] for i in moving]
    found = scan(
        *s.consts, *[tangents[i] for i in first], *s.init, *starts, *s.xs,
        *[tangents[i] for i in last], *out[len(out) - len(s.drawn) :], body=step,
        sizes=(consts + n, carries + m), length=s.length, reverse=s.reverse, kept=False,
        draws=(0,),
    )  # fmt: skip
    rest = iter(found[carries:])
    return [next(rest) if is_float(v) else None for v in body.outputs] + [None] * len(s.drawn)


def _scan_batch(prim, tensors, axes, params):
    s, size = _Scan(tensors, **params), batch_size(tensors, axes)
    flags, _, through = s.of([a is not None for a in axes])
    places, starts, along = s.of(list(axes))
    consts = move_batches(s.consts, places)
    init = [at_front(tensor(t), a, size) for t, a in zip(s.init, starts, strict=True)]
    xs = [t if a is None else _second(t, a) for t, a in zip(s.xs, along, strict=True)]
    drawn = sum(s.draws)
    body = batched(s.body, (*flags, *[True] * len(init), *through), size, drawn)
    outs = scan(*consts, *init, *xs, **{**params, "body": body})
    return outs, (0,) * len(init) + (1,) * (len(outs) - len(init) - drawn) + (None,) * drawn


def _second(tensor, axis):
    """The batch axis behind the one that is gone through."""
    front = move_batch(tensor, axis)
    order = (1, 0, *range(2, len(shape_of(front))))
    return transpose(front, axes=order)


def tensor(a):
    return a if isinstance(a, TensorBase) else wrap(np.asarray(a))


@lru_cache(None)
def _scan(kept_outputs):
    """The primitive; of its outputs, the gradient needs those at these positions."""
    return Control(
        "scan", _scan_eval, ("first",), bodies=("body",), quiet=_quiet, pullback=_scan_back,
        jvp=_scan_jvp, batch=_scan_batch, shape=_scan_shape, kept_outputs=kept_outputs,
        torch_name="ScanAutogradOpBackward", tex="scan(first, rest)",
    )  # fmt: skip


def scan(*args, body, sizes, length, reverse, kept, draws):
    """The carried values after the last step, and what each step gave, stacked."""
    keep, carries, drawn = not kept and any(map(tracked, args)), sizes[1], sum(draws)
    if keep:
        body, kept = _keeping(body, sizes, drawn), True
    total = len(body.outputs)
    first = total - drawn - (carries if kept else 0)
    outs = _scan(tuple(range(first, total)))(
        *args, body=body, sizes=sizes, length=length, reverse=reverse, kept=kept, draws=draws
    )
    return (*outs[:first], *outs[total - drawn :]) if keep else outs


def tracked(a):
    """Whether a gradient may be asked for through this argument, at any level."""
    while isinstance(a, TensorBase):
        if a._node is not None:
            return True
        a = getattr(a._value, "tensor", None)
    return False
