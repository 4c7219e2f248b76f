"""A loop that runs while its condition holds, as one operation with two bodies: `repeat`.

Its gradient keeps the carried values of every k-th step alone, with k about the square root of
the number of steps, and computes those between again. `bounded` is a loop with a largest number of
steps, made of scans and branches, which has derivatives of every order.
"""

import math
from functools import lru_cache

import numpy as np

from ..base.errors import hinted
from ..core.handle import shape_of
from ..primitives.arithmetic import add, select
from ..primitives.base import at_front, batch_size, cast, move_batches, reshape
from ..primitives.comparison import lt
from ..primitives.reductions import any_
from ..program.evaluate import evaluate
from ..program.ir import Variable
from .bodies import LOST, batched, derived, draws_of, is_float, pull, push, replay
from .control import Control, cond, own, run, specs_of
from .loops import nothing, or_zeros, scan, tensor
from .stage import build

__all__ = ["bounded", "repeat"]

_COUNT = np.dtype(np.int64)


def _repeat_eval(*args, cond, body, sizes, random):
    asked, consts = sizes
    first, second, carry = args[:asked], args[asked : asked + consts], args[asked + consts :]
    steps = 0
    while bool(run(cond, [*first, *carry])[0]):
        carry = run(body, [*second, *carry])
        steps += 1
    return (*own(carry, [*args, *body.fixed]), np.int64(steps))


def _repeat_shape(prim, args, params):
    return [*specs_of(params["body"].outputs), ((), _COUNT)]


def _repeat_back(g, first, rest, out, cond, body, sizes, random, needs):
    args = [first, *rest][sizes[0] :]
    if random:
        raise RuntimeError(LOST)
    consts = sizes[1]
    floats = [is_float(v) for v in body.inputs]
    wanted = [i for i in range(consts) if floats[i] and needs[sizes[0] + i]]
    moving = [i for i in range(consts, len(args)) if floats[i]]
    seeds = [or_zeros(g[i - consts], body.inputs[i]) for i in moving]
    found = repeat_back(*args, out[-1], *seeds, body=body, consts=consts, wanted=tuple(wanted))
    places = dict(zip([*wanted, *moving], found, strict=True))
    return [None] * sizes[0] + [places.get(i) for i in range(len(args))]


def _steps_back(*values, body, consts, wanted):
    """Goes back through the steps: the carried values of every k-th are kept, those between
    computed again."""
    count = len(body.inputs)
    given, carry = list(values[:consts]), list(values[consts:count])
    steps, seeds = int(values[count]), list(values[count + 1 :])
    k = math.isqrt(steps) + 1
    marks = []
    for t in range(steps):
        if t % k == 0:
            marks.append(carry)
        carry = run(body, [*given, *carry])
    sums = [nothing(body.inputs[i]) for i in wanted]
    back = _step_back(body, consts, wanted)
    for j in reversed(range(len(marks))):
        line = [marks[j]]
        for _ in range(j * k + 1, min((j + 1) * k, steps)):
            line.append(run(body, [*given, *line[-1]]))
        for carry in reversed(line):
            found = run(back, [*given, *carry, *sums, *seeds])
            sums, seeds = found[: len(wanted)], found[len(wanted) :]
    return tuple(own([*sums, *seeds], values))


def _step_back(body, consts, wanted):
    moving = [i for i in range(consts, len(body.inputs)) if is_float(body.inputs[i])]

    def back(*values):
        count, n = len(body.inputs), len(wanted)
        inputs, sums, seeds = values[:count], values[count : count + n], values[count + n :]
        gs = dict(zip([i - consts for i in moving], seeds, strict=True))
        found = pull(body, inputs, [*wanted, *moving],
                     [gs.get(i) for i in range(len(body.outputs))])  # fmt: skip
        return [*map(add, sums, found[:n]), *found[n:]]

    variables = [*body.inputs, *[body.inputs[i] for i in (*wanted, *moving)]]
    return derived(body, ("step back", consts, wanted), lambda: build(back, variables))


def _back_shape(prim, args, params):
    body, consts = params["body"], params["consts"]
    moving = [v for v in body.inputs[consts:] if is_float(v)]
    return specs_of([*[body.inputs[i] for i in params["wanted"]], *moving])


def _refuse(*args, **params):
    raise RuntimeError(_TWICE)


_TWICE = hinted(
    "while_loop is differentiable once.",
    "tidu.while_loop(..., max_steps=N) gives derivatives of every order, in forward mode too.",
)
repeat_back = Control(
    "while_loop_backward", _steps_back, ("first",), bodies=("body",), shape=_back_shape,
    pullback=lambda g: _refuse(), jvp=_refuse, tex="while_loop_backward(first, rest)",
    torch_name="WhileLoopAutogradOpBackwardBackward",
)  # fmt: skip


def _repeat_jvp(tangents, primals, out, params):
    ask, body, (asked, consts) = params["cond"], params["body"], params["sizes"]
    if params["random"]:
        raise RuntimeError(LOST)
    first, args = primals[:asked], primals[asked:]
    given = [i for i, t in enumerate(tangents[asked:]) if t is not None and i < consts]
    moving = [i for i in range(consts, len(args)) if is_float(body.inputs[i])]
    n, total = len(given), len(args)

    def forward(*values):
        fixed, late, carried = values[:consts], values[consts : consts + n], values[consts + n :]
        count = total - consts
        known = dict(zip([*given, *moving], [*late, *carried[count:]], strict=True))
        outs, moved = push(body, [*fixed, *carried[:count]], [known.get(i) for i in range(total)])
        return [*outs, *[t for t in moved if t is not None]]

    ins = body.inputs
    variables = [*ins[:consts], *[ins[i] for i in given], *ins[consts:], *[ins[i] for i in moving]]
    step = derived(body, ("push", consts, tuple(given)), lambda: build(forward, variables))
    more = [ins[i] for i in moving]
    count = len(ask.inputs)
    wide = derived(ask, ("more", len(more)), lambda: build(
        lambda *values: evaluate(ask, values[:count]), [*ask.inputs, *more]))  # fmt: skip
    late = [tangents[asked + i] for i in moving]
    starts = [nothing(ins[i]) if t is None else t for i, t in zip(moving, late, strict=True)]
    found = repeat(
        *first, *args[:consts], *[tangents[asked + i] for i in given], *args[consts:], *starts,
        cond=wide, body=step, sizes=(asked, consts + n), random=False,
    )  # fmt: skip
    rest = iter(found[total - consts : -1])
    return [next(rest) if is_float(v) else None for v in body.outputs] + [None]


def _repeat_batch(prim, tensors, axes, params):
    """All examples go on until the last one is done; one that is done stays as it is."""
    ask, body, (asked, consts) = params["cond"], params["body"], params["sizes"]
    if params["random"]:
        raise RuntimeError(_DRAWS)
    size, start = batch_size(tensors, axes), asked + consts
    flags = [a is not None for a in axes[:start]]
    fixed = move_batches(tensors[:start], axes[:start])
    carry = [at_front(tensor(t), a, size)
             for t, a in zip(tensors[start:], axes[start:], strict=True)]  # fmt: skip
    every = [True] * len(carry)
    ask = batched(ask, (*flags[:asked], *every), size)
    step = batched(body, (*flags[asked:], *every), size)
    whole, going = _frozen(ask, step, asked, consts, size)
    out = repeat(
        *fixed[:asked], *fixed, *carry, np.zeros(size, np.int64), cond=whole, body=going,
        sizes=(asked, start), random=False,
    )  # fmt: skip
    return tuple(out[:-1]), 0


def _frozen(ask, step, asked, consts, size):
    """(whether any example goes on, one step of those that do, with their steps counted)."""
    counter = Variable("steps", (size,), _COUNT)

    def whole(*values):
        return [any_(evaluate(ask, values[:-1])[0], axes=(0,), keepdims=False)]

    def going(*values):
        first, given = values[:asked], values[asked : asked + consts]
        carry, steps = values[asked + consts : -1], values[-1]
        goes = evaluate(ask, [*first, *carry])[0]
        new = [tensor(o) for o in evaluate(step, [*given, *carry])]
        chosen = [
            select(reshape(goes, shape=(size,) + (1,) * (len(shape_of(x)) - 1)), x, y)
            for x, y in zip(new, carry, strict=True)
        ]
        return [*chosen, add(steps, cast(goes, to=_COUNT, origin=goes._value.element_type))]

    first, fixed = ask.inputs[:asked], step.inputs[:consts]
    carried = step.inputs[consts:]
    return derived(ask, ("frozen", step), lambda: (
        build(whole, [*first, *carried, counter]),
        build(going, [*first, *fixed, *carried, counter]),
    ))  # fmt: skip


_DRAWS = (
    "vmap: the body of while_loop can't draw random numbers, as its examples end at different "
    "steps. Draw them before the loop."
)


@lru_cache(None)
def _repeat(carries):
    """The primitive; of its outputs, the gradient needs the number of steps, the last."""
    return Control(
        "while_loop", _repeat_eval, ("first",), bodies=("cond", "body"), pullback=_repeat_back,
        jvp=_repeat_jvp, batch=_repeat_batch, shape=_repeat_shape, kept_outputs=(carries,),
        torch_name="WhileLoopAutogradOpBackward", tex="while_loop(first, rest)",
    )  # fmt: skip


def repeat(*args, cond, body, sizes, random):
    """The carried values when `cond` fails, and how many steps that took.

    `sizes`: how many of the arguments are constants of `cond`, and of `body`.
    """
    prim = _repeat(len(body.outputs))
    return prim(*args, cond=cond, body=body, sizes=sizes, random=random)


# --- with a largest number of steps --------------------------------------------------------------


def bounded(first, second, carry, ask, body, limit):
    """The carried values after at most `limit` steps: a scan over stretches of about the square
    root of it, each a scan of its own that is left out once the condition fails."""
    k = math.isqrt(max(limit - 1, 0)) + 1
    asked, consts = len(first), len(second)
    fixed = [*ask.inputs[:asked], *body.inputs[:consts]]
    carried = [*body.inputs[consts:], Variable("steps", (), _COUNT)]

    def goes(values):
        given, held = values[: asked + consts], values[asked + consts :]
        more = replay(ask, [*given[:asked], *held[:-1]])[0]
        return select(lt(held[-1], limit), more, np.False_)

    def choice(made, draws):
        same = _with_draws(lambda *values: list(values[asked + consts :]), [*fixed, *carried])[0]
        return lambda *values: cond(goes(values), *values, true=made, false=same, draws=(draws, 0))

    def one(*values):
        given, held = values[asked : asked + consts], values[asked + consts :]
        outs = replay(body, [*given, *held[:-1]])
        return [*outs[: len(carried) - 1], add(held[-1], 1)]

    def stretch(step, draws):
        def call(*values):
            return scan(*values, body=step, sizes=(asked + consts, len(carried)), length=k,
                        reverse=False, kept=False, draws=(draws,))  # fmt: skip

        return call

    graph, draws = _with_draws(one, [*fixed, *carried])
    graph, draws = _with_draws(choice(graph, draws), [*fixed, *carried], len(carried))
    graph, draws = _with_draws(stretch(graph, draws), [*fixed, *carried], len(carried))
    graph, draws = _with_draws(choice(graph, draws), [*fixed, *carried], len(carried))
    out = scan(*first, *second, *carry, np.int64(0), body=graph,
               sizes=(asked + consts, len(carried)), length=-(-limit // k), reverse=False,
               kept=False, draws=(draws,))  # fmt: skip
    return out[: len(carried) - 1]


def _with_draws(function, variables, count=None):
    """(the graph with its first `count` outputs and then its draws, how many those are)."""
    graph = build(function, variables)
    drawn = draws_of(graph)
    graph.outputs = [*graph.outputs[:count], *drawn]
    return graph, len(drawn)
