"""Branches as one operation whose bodies are graphs of their own: read `cond`.

Its rules apply the same primitive to what `bodies.py` makes of the bodies, so that every order
and every nesting of transforms follows. Loops are in `loops.py`.
"""

from functools import lru_cache

import numpy as np

from ..core.handle import TensorBase, shape_of
from ..core.primitive import Primitive
from ..primitives.arithmetic import select
from ..primitives.base import batch_size, move_batch, move_batches, reshape
from ..program.evaluate import evaluate
from .bodies import batched, derived, is_float, pull, push, without_draws, zeros
from .stage import build

__all__ = ["Control", "cond", "own", "run", "specs_of"]


class Control(Primitive):
    """A primitive with bodies: `bodies` names the parameters that hold them; `quiet` maps
    (prim, ins, drawn, params) to the same equation with its draws given."""

    __slots__ = ("bodies", "quiet")

    def __init__(self, name, eval, inputs, *, bodies, torch_name, quiet=None, **rules):
        super().__init__(name, eval, inputs, **rules)
        self.bodies, self.quiet, self.torch_name = bodies, quiet, torch_name


def run(graph, arrays):
    """The outputs of a body for these arrays: by generated code where a compiler provided it."""
    if graph.runner is not None:
        return graph.runner(arrays)
    return evaluate(graph, arrays)


def own(outs, arrays):
    """The outputs in memory of their own, in the order in which they lie: a body may return what it
    was given."""
    given, found = {id(a) for a in arrays}, []
    for out in outs:
        if isinstance(out, np.ndarray) and (out.base is not None or id(out) in given):
            out = out.copy("K")
        elif isinstance(out, np.ndarray):
            given.add(id(out))
        found.append(out)
    return found


def specs_of(variables):
    return [(v.shape, v.element_type) for v in variables]


def _parts(true, false, draws):
    """(outputs that are not draws, variables the true branch draws, those of the false one)."""
    count = len(true.outputs) - draws[0]
    return true.outputs[:count], true.outputs[count:], false.outputs[count:]


def _eval(pred, *args, true, false, draws):
    outs, first, second = _parts(true, false, draws)
    taken = bool(pred)
    made = run(true if taken else false, args)
    made = own(made, [*args, *(true if taken else false).fixed])
    missing = [np.zeros(v.shape, v.element_type) for v in (second if taken else first)]
    drawn = made[len(outs) :]
    return (*made[: len(outs)], *(drawn + missing if taken else missing + drawn))


def _shape(prim, args, params):
    outs, first, second = _parts(**params)
    return specs_of([*outs, *first, *second])


def _quietly(true, false, draws):
    """The branches without draws, each with the draws of both as inputs."""
    first, second = [g.outputs[len(g.outputs) - n :] for g, n in zip((true, false), draws,
                                                                     strict=True)]  # fmt: skip
    return without_draws(true, draws[0]), without_draws(false, draws[1]), first, second


def _quiet(prim, ins, drawn, params):
    true, false, first, second = _quietly(**params)

    def both(graph, low, high):
        count = len(graph.inputs) - (high - low)

        def call(*values):
            return evaluate(graph, [*values[:count], *values[count + low : count + high]])

        return derived(graph, ("both", low, high, len(first) + len(second)), lambda: build(
            call, [*graph.inputs[:count], *first, *second]))  # fmt: skip

    n = len(first)
    fresh = {"true": both(true, 0, n), "false": both(false, n, n + len(second)), "draws": (0, 0)}
    return _plain, [*ins, *drawn], fresh


def _back(g, pred, rest, out, true, false, draws, needs):
    args = list(rest)
    outs, first, second = _parts(true, false, draws)
    drawn = list(out[len(outs) :])
    wanted = [i for i, v in enumerate(true.inputs) if needs[i + 1] and is_float(v)]
    present = [i for i, v in enumerate(outs) if g[i] is not None and is_float(v)]
    if not wanted or not present:
        return [None] * len(needs)
    true, false, *_ = _quietly(true, false, draws)
    n = len(first)
    bodies = [
        _pulled(graph, len(args), (low, high), first + second, wanted, present)
        for graph, low, high in ((true, 0, n), (false, n, n + len(second)))
    ]
    found = cond(pred, *args, *drawn, *[g[i] for i in present],
                 true=bodies[0], false=bodies[1], draws=(0, 0))  # fmt: skip
    places = dict(zip(wanted, found, strict=True))
    return [None, *[places.get(i) for i in range(len(args))]]


def _pulled(graph, count, mine, drawn, wanted, present):
    """The derivative of a branch: (operands, all draws, cotangents) -> cotangents."""

    def back(*values):
        late = values[count : count + len(drawn)]
        seeds = dict(zip(present, values[count + len(drawn) :], strict=True))
        inputs = [*values[:count], *late[mine[0] : mine[1]]]
        return pull(graph, inputs, wanted, [seeds.get(i) for i in range(len(graph.outputs))])

    variables = [*graph.inputs[:count], *drawn, *[graph.outputs[i] for i in present]]
    key = ("pull", mine, len(drawn), tuple(wanted), tuple(present))
    return derived(graph, key, lambda: build(back, variables))


def _jvp(tangents, primals, out, params):
    outs, first, second = _parts(**params)
    args = primals[1:]
    moving = [i for i, t in enumerate(tangents[1:]) if t is not None]
    true, false, *_ = _quietly(**params)
    drawn, n = list(out[len(outs) :]), len(first)
    bodies = [
        _pushed(graph, len(args), (low, high), first + second, moving)
        for graph, low, high in ((true, 0, n), (false, n, n + len(second)))
    ]
    found = iter(cond(primals[0], *args, *drawn, *[tangents[i + 1] for i in moving],
                      true=bodies[0], false=bodies[1], draws=(0, 0)))  # fmt: skip
    return [next(found) if is_float(v) else None for v in outs] + [None] * len(drawn)


def _pushed(graph, count, mine, drawn, moving):
    def forward(*values):
        late = values[count : count + len(drawn)]
        given = dict(zip(moving, values[count + len(drawn) :], strict=True))
        inputs = [*values[:count], *late[mine[0] : mine[1]]]
        tangents = [given.get(i) for i in range(len(inputs))]
        return [t for t in push(graph, inputs, tangents)[1] if t is not None]

    variables = [*graph.inputs[:count], *drawn, *[graph.inputs[i] for i in moving]]
    key = ("push", mine, len(drawn), tuple(moving))
    return derived(graph, key, lambda: build(forward, variables))


def _batch(prim, tensors, axes, params):
    """Both branches and a choice for each example, where the predicate is batched."""
    size = batch_size(tensors, axes)
    args, flags = move_batches(tensors[1:], axes[1:]), [a is not None for a in axes[1:]]
    outs, first, second = _parts(**params)
    true, false = [batched(g, flags, size, n)
                   for g, n in zip((params["true"], params["false"]), params["draws"],
                                   strict=True)]  # fmt: skip
    places = (0,) * len(outs) + (None,) * (len(first) + len(second))
    if axes[0] is None:
        return cond(tensors[0], *args, true=true, false=false, draws=params["draws"]), places
    if first or second:
        raise RuntimeError(_DRAWS)
    pred = move_batch(tensors[0], axes[0])
    return tuple([
        select(reshape(pred, shape=(size,) + (1,) * (len(shape_of(x)) - 1)), x, y)
        for x, y in zip(_tensors(true, args), _tensors(false, args), strict=True)
    ]), places  # fmt: skip


def _tensors(graph, args):
    outs = evaluate(graph, args)
    return [o if isinstance(o, TensorBase) else _constant(o, v)
            for o, v in zip(outs, graph.outputs, strict=True)]  # fmt: skip


def _constant(value, variable):
    return zeros(variable) + value


_DRAWS = (
    "vmap: torch.cond with a predicate that differs between examples can't draw random numbers in "
    "its branches. Draw them before it and hand them in as operands."
)


@lru_cache(None)
def _cond(kept):
    """The primitive; of its outputs, the gradient needs those at the positions `kept`."""
    return Control(
        "cond", _eval, ("pred",), bodies=("true", "false"), quiet=_quiet, pullback=_back,
        jvp=_jvp, batch=_batch, shape=_shape, torch_name="CondAutogradOpBackward",
        kept_outputs=kept, tex="cond(pred, rest)",
    )  # fmt: skip


_plain = _cond(())


def cond(pred, *args, true, false, draws):
    """The outputs of the branch that `pred` chooses, then what either branch draws."""
    count = len(true.outputs) - draws[0]
    prim = _cond(tuple(range(count, count + sum(draws))))
    return prim(pred, *args, true=true, false=false, draws=draws)
