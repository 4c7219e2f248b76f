"""Functions that read numbers, under vmap: one example after the other, then joined.

`each_example` decorates a function whose result is a tensor or a (named) tuple of tensors.
"""

from functools import wraps

from ..core.handle import TensorBase, shape_of
from ..primitives.base import move_batch
from ..primitives.structural import slice_
from ..transforms.batch import Batched, BatchLevel, join

__all__ = ["each_example"]


def each_example(function):
    """`function`, which under vmap runs on each example by itself."""

    @wraps(function)
    def wrapper(*args, **kwargs):
        level = _level((args, tuple(kwargs.values())))
        if level is None:
            return function(*args, **kwargs)
        rows = [
            wrapper(*_example(level, args, i), **_example(level, kwargs, i))
            for i in range(level.size)
        ]
        return _joined(level, rows)

    return wrapper


def _level(value):
    """The running vmap that a tensor among the arguments belongs to."""
    if isinstance(value, TensorBase):
        inner = value._value
        if inner.__class__ is Batched and isinstance(inner.level, BatchLevel) and inner.level.alive:
            return inner.level
    elif isinstance(value, (tuple, list)):
        levels = [level for item in value if (level := _level(item)) is not None]
        return max(levels, key=lambda level: level.depth, default=None)
    return None


def _example(level, value, i):
    """The arguments for example `i`."""
    if isinstance(value, TensorBase):
        tensor, axis = level.split(value)
        return value if axis is None else slice_(move_batch(tensor, axis), index=(i, ...))
    if isinstance(value, dict):
        return {key: _example(level, item, i) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        parts = [_example(level, item, i) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _joined(level, rows):
    first = rows[0]
    if isinstance(first, tuple):
        columns = [_joined(level, list(column)) for column in zip(*rows, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else type(first)(columns)
    if not isinstance(first, TensorBase):
        return first
    for i, row in enumerate(rows):
        if tuple(shape_of(row)) != tuple(shape_of(first)):
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape_of(first))} at "
                f"entry 0 and {list(shape_of(row))} at entry {i}"
            )
    return level.lift(join(rows), 0)
