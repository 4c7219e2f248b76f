"""torch.export.dynamic_shapes: axes whose lengths an exported program leaves open."""

import enum

from ..base.errors import hinted
from ..core.handle import TensorBase
from ..utils import _pytree as pytree

__all__ = ["Dim", "ValueRanges", "dims", "open_axes"]

_OPEN = float("inf")


class _DimHint(enum.Enum):
    """Dim.AUTO and Dim.DYNAMIC leave an axis open, Dim.STATIC keeps its length."""

    AUTO, STATIC, DYNAMIC = "AUTO", "STATIC", "DYNAMIC"

    def __repr__(self):
        return f"DimHint({self.name})"

    __str__ = __repr__


class Dim:
    """An axis whose length is left open, by name and with bounds: `Dim("batch", min=2, max=64)`.

    Axes that have the same Dim have the same length. `Dim.AUTO` and `Dim.DYNAMIC` stand for an
    axis without a name, `Dim.STATIC` for one that keeps its length.

    Raises:
        AssertionError: the name is no identifier, or the bounds leave nothing.
    """

    AUTO, STATIC, DYNAMIC = _DimHint.AUTO, _DimHint.STATIC, _DimHint.DYNAMIC

    def __init__(self, name, *, min=None, max=None):
        low, high = 0 if min is None else min, _OPEN if max is None else max
        if high <= low:
            raise AssertionError(f"Cannot create Dim with inconsistent min={min}, max={max}")
        if not name.isidentifier():
            raise AssertionError(f"Dim name must be a valid identifier, got {name}")
        self.__name__, self.min, self.max = name, low, high

    def __repr__(self):
        parts = [repr(self.__name__)]
        parts += [f"min={self.min}"] if self.min > 0 else []
        parts += [f"max={self.max}"] if self.max < _OPEN else []
        return f"Dim({', '.join(parts)})"


def dims(*names, min=None, max=None):
    """Several axes at once.

    >>> from tidu.export import dims
    >>> height, width = dims("height", "width", min=8)
    >>> width
    Dim('width', min=8)
    """
    return tuple(Dim(name, min=min, max=max) for name in names)


class ValueRanges:
    """The lengths an open axis may have."""

    def __init__(self, lower, upper):
        self.lower, self.upper = lower, upper

    def __repr__(self):
        return f"VR[{self.lower}, {'int_oo' if self.upper == _OPEN else self.upper}]"

    def __eq__(self, other):
        return (self.lower, self.upper) == (other.lower, other.upper)

    __hash__ = None  # type: ignore[assignment]


def open_axes(names, args, kwargs, dynamic_shapes):
    """For each element of nested arguments {axis: Dim}, empty where all is fixed.

    names: of the positional arguments.
    """
    given = dict(zip(names, args, strict=False)) | kwargs
    if dynamic_shapes is None:
        dynamic_shapes = {}
    if isinstance(dynamic_shapes, (tuple, list)):
        if len(dynamic_shapes) != len(given):
            raise ValueError(hinted(
                f"Expected `dynamic_shapes` to have {len(given)} entries, one for each input, but "
                f"it has {len(dynamic_shapes)}", "None stands for an input that is fixed.",
            ))  # fmt: skip
        dynamic_shapes = dict(zip(given, dynamic_shapes, strict=True))
    elif not dynamic_shapes.keys() <= given.keys():
        raise ValueError(hinted(
            "When `dynamic_shapes` is specified as a dict, its top-level keys must be the arg "
            f"names {list(given)} of `inputs`, but here they are {list(dynamic_shapes)}.",
            "a list or tuple in the order of the inputs needs no names.",
        ))  # fmt: skip
    found = []
    for name, value in given.items():
        _walk(value, dynamic_shapes.get(name), name, found)
    return found


def _walk(value, spec, place, found):
    if isinstance(value, TensorBase):
        found.append(_axes(value, spec, place))
    elif isinstance(value, (list, tuple)):
        parts = [None] * len(value) if spec is None else spec
        for i, part in enumerate(value):
            _walk(part, parts[i], f"{place}[{i}]", found)
    elif isinstance(value, dict):
        for key, part in value.items():
            _walk(part, None if spec is None else spec.get(key), f"{place}[{key!r}]", found)
    else:
        found.extend({} for _ in pytree.tree_leaves(value))


def _axes(tensor, spec, place):
    items = dict(enumerate(spec)) if isinstance(spec, (tuple, list)) else dict(spec or {})
    axes = {}
    for axis, dim in items.items():
        if not -tensor.dim() <= axis < tensor.dim():
            raise ValueError(f"{place} has {tensor.dim()} axes; there is none with number {axis}")
        if isinstance(dim, int) and not isinstance(dim, bool) and dim != tensor.shape[axis]:
            raise ValueError(f"axis {axis} of {place} is {tensor.shape[axis]} long, not {dim}")
        if dim is None or dim is Dim.STATIC or isinstance(dim, int):
            continue
        length = tensor.shape[axis]
        if isinstance(dim, Dim) and not dim.min <= length <= dim.max:
            raise ValueError(hinted(
                f"axis {axis} of {place} is {length} long, which {dim} does not allow",
                "give an example within the bounds.",
            ))  # fmt: skip
        axes[axis % tensor.dim()] = dim
    return axes
