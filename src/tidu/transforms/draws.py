"""A random draw as an equation: it reads a stream, so each one is made, once, in its place.

`recorded` adds one to a graph that is being built, and leaves the streams where they stood.
"""

import numpy as np

from ..base.streams import Generator, default_generator
from ..core.handle import TensorBase, element_type, shape_of
from ..primitives.define import nondifferentiable
from ..program.ir import Equation

__all__ = ["place_of", "random_draw", "recorded", "return_to", "streams_of"]


def _draw(*values, draw, shape=None):
    return draw(*values) if shape is None else draw(shape)


random_draw = nondifferentiable("draw", _draw, (), tex="draw(*rest)")


def recorded(tracer, draw, shape, tensors):
    """The variable of ``draw(shape)``, or of ``draw(*arrays)`` where the shape is None."""
    blank = [
        np.ones(tuple(shape_of(t)), element_type(t)) if isinstance(t, TensorBase) else t
        for t in tensors
    ]
    generators = streams_of(draw)
    places = [place_of(g) for g in generators]
    sample = draw(shape) if shape is not None else draw(*blank)
    for g, place in zip(generators, places, strict=True):
        return_to(g, place)
    out = tracer.graph.variable(sample.shape, sample.dtype)
    inputs = [tracer.variable_of(t) if isinstance(t, TensorBase) else t for t in tensors]
    given = {} if shape is None else {"shape": shape}
    tracer.graph.equations.append(Equation(random_draw, inputs, [out], {"draw": draw, **given}))
    return out


def place_of(generator):
    """Where a stream stands, the normal number that waits in it included."""
    return generator.place(), generator.next_normal


def return_to(generator, place):
    generator.return_to(place[0])
    generator.next_normal = place[1]


def streams_of(draw):
    """The streams a draw reads: those its closure holds, else the default one."""
    found, waiting = [], [draw]
    while waiting:
        for cell in getattr(waiting.pop(), "__closure__", None) or ():
            value = cell.cell_contents
            if isinstance(value, Generator):
                found.append(value)
            elif callable(value):
                waiting.append(value)
    return found or [default_generator]
