"""What the tests of lowerings share."""

import numpy as np

import tidu as torch
from tidu.compiler.calls import optimized
from tidu.compiler.graphs.steps import Call


def steps_called(function, *arguments):
    """What a compiled function calls instead of generated code, in both directions."""
    found = []
    optimized.WATCHERS.append(lambda name, captured, compiled: found.append(compiled))
    try:
        torch.compile(function, fullgraph=True)(*arguments)
    finally:
        optimized.WATCHERS.pop()
    programs = [found[0].forward] + [found[0].reverse] * (found[0].reverse is not None)
    return [s.equation.prim.name for p in programs for s in p.plan.steps if isinstance(s, Call)]


def of(*shape, dtype=torch.float64):
    return torch.tensor(np.random.RandomState(1).standard_normal(shape), dtype=dtype)
