"""A random draw as an equation: it reads a stream, so each one is made, once, in its place."""

from ..primitives.define import nondifferentiable

__all__ = ["random_draw"]


def _draw(*values, draw, shape=None):
    return draw(*values) if shape is None else draw(shape)


random_draw = nondifferentiable("draw", _draw, (), tex="draw(*rest)")
