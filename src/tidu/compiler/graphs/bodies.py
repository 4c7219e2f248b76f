"""Branches and loops in compiled programs: each body is a program of its own.

`prepare(equation)` gives the bodies of an equation their programs; the operation itself runs as a
step between stretches of generated code, and calls them.
"""

import numpy as np

from ...transforms.control import Control

__all__ = ["draws", "prepare"]


def prepare(equation, program):
    """Give each body a runner: `program(graph)` makes the program of a graph."""
    if isinstance(equation.prim, Control):
        for name in equation.prim.bodies:
            graph = equation.params[name]
            if graph.runner is None:
                graph.runner = _Runner(program(graph))


def draws(equation):
    """Whether the equation reads a random stream."""
    return (
        bool(equation.params.get("draws"))
        and any(equation.params["draws"])
        or bool(equation.params.get("random"))
    )


class _Runner:
    """A body as a function of arrays."""

    __slots__ = ("program",)

    def __init__(self, program):
        self.program = program

    def __call__(self, arrays):
        outs = self.program([np.asarray(a, order="C") for a in arrays])
        return [o[()] if isinstance(o, np.ndarray) and not o.ndim else o for o in outs]
