"""What rules make of the graph of a body: its derivatives, its batch, itself without draws.

Each is another graph, made once by replaying the first under a transform inside a stage.
"""

import weakref

from ..base.errors import hinted
from ..core.handle import LEAF, TensorBase, wrap
from ..core.modes import LOCAL
from ..primitives.base import broadcast_to
from ..program.ir import Equation, Graph, Variable
from .batch import BatchLevel
from .draws import random_draw
from .forward import ForwardLevel
from .reverse import run_pass
from .reverse_level import ReverseLevel
from .stage import build

__all__ = [
    "LOST",
    "batched",
    "derived",
    "draws_of",
    "is_float",
    "pull",
    "push",
    "replay",
    "without_draws",
    "zeros",
]

_MADE = weakref.WeakKeyDictionary()  # graph -> {key: what was made of it}


def derived(graph, key, make):
    """`make()`, once for each key and graph."""
    made = _MADE.setdefault(graph, {})
    if key not in made:
        made[key] = make()
    return made[key]


def is_float(variable):
    return variable.element_type.kind in "fcV"


def zeros(variable):
    """Zeros like a variable, as an equation that takes no memory to keep."""
    return broadcast_to(wrap(variable.element_type.type(0)), shape=variable.shape)


def replay(graph, inputs):
    """The outputs of `graph` for these tensors, its draws made anew by whoever records."""
    values = {v: v.constant for v in graph.constants}
    values.update(zip(graph.inputs, inputs, strict=True))
    for e in graph.equations:
        ins = [values[i] if isinstance(i, Variable) else i for i in e.ins]
        if e.prim is random_draw:
            if any(isinstance(i, TensorBase) and hasattr(i._value, "axis") for i in ins):
                raise RuntimeError(_SAME)
            out = LOCAL.stage.process(random_draw, ins, e.params)
        else:
            out = e.prim(*ins, **e.params)
        values.update(zip(e.outs, out if out.__class__ is tuple else (out,), strict=True))
    outs = [values[o] if isinstance(o, Variable) else o for o in graph.outputs]
    return [o if isinstance(o, TensorBase) else wrap(o) for o in outs]


_SAME = (
    "Vmap does not currently support same randomness with a batched tensor input. Please file an "
    "issue with functorch"
)


def pull(graph, inputs, wanted, cotangents):
    """The cotangents of the inputs at the positions `wanted`, as tensors.

    `cotangents`: one for each output, or None. Inside a stage.
    """
    with ReverseLevel() as level:
        handles = [level.lift(x, LEAF if i in wanted else None) for i, x in enumerate(inputs)]
        seeds = []
        for out, g in zip(replay(graph, handles), cotangents, strict=True):
            node = out._node if getattr(out._value, "level", None) is level else None
            if g is not None and node is not None:
                seeds.append((out if node is LEAF else node, g))
        with level.outside():
            leaves = run_pass(seeds, retain=True, lift=level.lift).leaves
    found = [leaves.get(id(handles[i]), (None, None))[1] for i in wanted]
    return [
        zeros(graph.inputs[i]) if g is None else g if isinstance(g, TensorBase) else wrap(g)
        for i, g in zip(wanted, found, strict=True)
    ]


def push(graph, inputs, tangents):
    """(outputs, their tangents) for the tangents (or None) of the inputs. Inside a stage."""
    with ForwardLevel() as level:
        handles = [x if t is None else level.lift(x, t)
                   for x, t in zip(inputs, tangents, strict=True)]  # fmt: skip
        pairs = [level.split(out) for out in replay(graph, handles)]
    moved = [
        t if t is not None else zeros(v) if is_float(v) else None
        for (_, t), v in zip(pairs, graph.outputs, strict=True)
    ]
    return [out for out, _ in pairs], moved


def batched(graph, flags, size, draws=0):
    """`graph` for `size` examples at once: the inputs flagged have a leading axis of examples, and
    so have all outputs but the last `draws`."""

    def make():
        def run(*inputs):
            with BatchLevel(size, "same") as level:
                given = [level.lift(x, 0) if flag else x
                         for x, flag in zip(inputs, flags, strict=True)]  # fmt: skip
                outs = replay(graph, given)
                count = len(outs) - draws
                return [level.fronted(o) for o in outs[:count]] + outs[count:]

        wide = [
            Variable(v.name, (size, *v.shape) if flag else v.shape, v.element_type)
            for v, flag in zip(graph.inputs, flags, strict=True)
        ]
        return build(run, wide)

    return derived(graph, ("batch", tuple(flags), size), make)


def without_draws(graph, draws):
    """`graph` with its draws (the last outputs) as inputs of their own after the others."""
    if any(e.params.get("random") for e in graph.equations):
        raise RuntimeError(LOST)
    return derived(graph, "quiet", lambda: _quiet(graph, draws)) if draws else graph


def draws_of(graph):
    """The variables that the equations of a body draw, in their order."""
    found = []
    for e in graph.equations:
        if e.prim is random_draw:
            found.extend(e.outs)
        elif e.params.get("draws"):
            count = sum(e.params["draws"])
            found.extend(e.outs[len(e.outs) - count :])
    return found


def _quiet(graph, draws):
    out = Graph()
    drawn = graph.outputs[len(graph.outputs) - draws :]
    given = set(drawn)
    out.inputs, out.constants = [*graph.inputs, *drawn], list(graph.constants)
    out.outputs, out._count = graph.outputs[: len(graph.outputs) - draws], graph._count
    for e in graph.equations:
        if e.prim is random_draw:
            continue
        if any(o in given for o in e.outs):  # a loop or branch inside, which draws
            out.equations.append(_quiet_equation(e, given))
        else:
            out.equations.append(e)
    return out


def _quiet_equation(e, given):
    drawn = [o for o in e.outs if o in given]
    prim, ins, params = e.prim.quiet(e.prim, e.ins, drawn, e.params)
    return Equation(prim, ins, e.outs[: len(e.outs) - len(drawn)], params)


LOST = hinted(
    "Random draws in the body of while_loop can't be repeated for its gradient.",
    "draw the numbers before the loop, or use scan, which keeps what it drew.",
)
