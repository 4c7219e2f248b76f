"""PyTorch's names for what nodes keep: `grad_fn._saved_self`, `_saved_dim` and the like.

`saved_lines.py` has one line for each of PyTorch's nodes. Only what a node holds has a name, what
is computed from it, leaves, and of compositions their settings and those tensors that the program
still holds, or a rule; no argument is kept for this page.
"""

from inspect import signature
from math import prod

import numpy as np

from ..core.handle import TensorBase, wrap
from ..core.modes import set_grad
from ..core.node import FREED, Node, name_of, opened
from ..core.primitive import OUT, SHAPES
from ..core.versions import stale
from ..ops.convert import DATA, RESULT, Held, Later
from ..primitives.contraction import linear_product
from ..transforms.reverse import SECOND_TIME
from .saved_lines import LINES

__all__ = ["place_of", "saved_names", "setting"]


def _table():
    """{(PyTorch's name of the node, primitive): {attribute: where it is found}}."""
    table = {}
    for line in LINES.replace("\n ", " ").strip().splitlines():
        name, primitive, *pairs = line.split()
        name, copy, _ = name.partition("_copy")
        stem, number = (name[:-1], name[-1]) if name[-1].isdigit() else (name, "0")
        table[f"{stem}Backward{number}{copy}", primitive] = dict(
            pair.split("=", 1) for pair in pairs
        )
    return table


_TABLE = _table()


def saved_names(node):
    """{attribute: where it is found} of what a node may hold, by PyTorch's names."""
    prim, name = node.prim, name_of(node)
    told = {}
    if hasattr(node, "given"):
        if (found := _TABLE.get((name, "*"))) is not None:
            return found
        if node.given[0] is None:  # under PyTorch's names
            told = {k: "@>0" if v is RESULT else f"@{k}" for k, v in node.given[2].items()}
    found = _TABLE.get((name, "linear_product" if prim is linear_product else prim.name))
    if found is not None:
        return {**found, **told}
    if told:
        return told
    if name != getattr(prim, "torch_name", None):  # the last step of a composition
        return {}
    used = {place for places in getattr(prim, "uses", ()) for place in places}
    names = {_OWN.get(given, given): str(i) for i, given in enumerate(prim.inputs) if i in used}
    return {**names, "result": "out"} if OUT in used else names


_OWN = {"x": "self", "y": "other"}


def place_of(source):
    """Where in `Node.saved` a value is, or None if it is not kept there."""
    if source.isdigit():
        return int(source)
    return OUT if source.partition(":")[0] == "out" else None


def setting(node, source):
    """What is no saved value: a parameter, a shape ... AttributeError if the node has it not."""
    kind, _, which = source.partition(":")
    if source[0] == ".":
        return _parameter(node, source[1:])
    if source[0] == "=":
        if hasattr(node, "given"):  # a factor may be hidden in the steps of a composition
            raise AttributeError
        return int(source[1:])
    if source[0] == "@":
        return _given(node, source[1:])
    if kind == "size":
        return _shape(node, int(which))
    if kind == "scale" and which:
        return _scale(node, int(which))
    if kind == "leaf":
        return _leaf(node, int(which))
    if kind == "whole":
        value = _parameter(node, which)
        return int(value) if value == int(value) else value
    if kind == "length":
        return _given(node, "#0")[int(which)]
    if kind == "numel":
        return prod(_shape(node, int(which)))
    if kind == "stride":
        return _strides(node, int(which))
    return _COMPUTED[source](node)


def _given(node, text):
    """An argument of a composition, as its line in `saved_lines.py` asks for it."""
    try:
        _, args, _, results = node.given
    except AttributeError:
        raise AttributeError from None
    if text[0] == ">":
        if int(text[1:]) >= len(results):
            raise AttributeError
        found = results[int(text[1:])]
        return _alive(node, found)
    text, _, other = text.partition("?")
    if other and not _is_tracked(node, other):
        return () if text[0] == "|" else None
    text, _, part = text.partition(".")
    name = text.lstrip("([#|*")
    if name.isdigit():
        value = args[int(name)]
    else:
        try:
            value = _argument(node, name)
        except KeyError:
            raise AttributeError from None
    if text[0] == "#":
        sizes = tuple(value.shape)
        return sizes[int(part)] if part else sizes
    if value.__class__ is Later:
        args = [_alive(node, v) if isinstance(v, (Held, TensorBase)) else v for v in value.args]
        was = set_grad(False)
        try:
            return value.function(*args)
        finally:
            set_grad(was)
    if isinstance(value, (Held, TensorBase)):
        value = _alive(node, value)
        return tuple(value.stride()) if text[0] == "|" else value
    if value.__class__ is tuple and any(part.__class__ is Held for part in value):
        return tuple([_alive(node, v) if v.__class__ is Held else v for v in value])
    if text[0] == "*":  # one by one, or as one sequence
        one = value.__class__ is tuple and len(value) == 1 and value[0].__class__ in (list, tuple)
        value = value[0] if one else value
    if text[0] == "[" and value is None:
        return ()
    if text[0] in "([" and isinstance(value, int):
        value = (value,)
    return _unsigned(value)


def _argument(node, name):
    function, args, words, _ = node.given
    if function is None:
        return args[int(name)] if name.isdigit() else words[name]
    bound = signature(function).bind(*args, **words)
    bound.apply_defaults()
    return bound.arguments[name]


def _is_tracked(node, name):
    """Whether a gradient goes to this argument: PyTorch keeps others for it only then."""
    try:
        value = _argument(node, name)
    except KeyError:
        raise AttributeError from None
    if value.__class__ is Held:
        return value.node is not DATA
    return getattr(value, "_node", None) is not None


def _alive(node, tensor):
    """A tensor that is still there, with the numbers it had."""
    if node.saved is FREED:
        raise RuntimeError(SECOND_TIME)
    if tensor.__class__ is Held:
        tensor = tensor(node)
    if tensor is None:
        raise AttributeError
    value = tensor._value
    if value.dtype is not None and stale(value, node.seq):
        raise RuntimeError(_WRITTEN)
    return tensor


_WRITTEN = (
    "one of the variables needed for gradient computation has been modified by an inplace operation"
)


def _unsigned(value):
    """Numbers as PyTorch shows them: negative ones as unsigned."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_unsigned, value))
    negative = value.__class__ is int and value < 0
    return value + (1 << 64) if negative else value


def _parameter(node, name):
    name, bracket, index = name.partition("[")
    if not isinstance(node.params, dict) or name not in node.params:
        raise AttributeError
    value = node.params[name]
    return value[int(index[:-1])] if bracket else value


def _kept(node, place):
    if node.saved is FREED:
        raise RuntimeError(SECOND_TIME)
    if node.saved[place] is None:
        raise AttributeError
    return opened(node.saved[place])


def _shape(node, i):
    shapes = _kept(node, SHAPES)
    if i >= len(shapes):
        raise AttributeError
    return tuple(shapes[i])


def _strides(node, i):
    """The strides of an input that gets a gradient, as it was saved or as the leaf has them."""
    edge, value = node.edges[i], node.saved[i] if node.saved is not FREED else None
    if edge is None:
        return ()
    if isinstance(edge, TensorBase):
        return tuple(edge.stride())
    if not isinstance(value, np.ndarray):
        raise AttributeError
    return tuple(wrap(value).stride())


def _transposed_weight(node):
    """A layer multiplies with its weight as it is; PyTorch with `weight.t()`."""
    if node.saved is FREED:
        raise RuntimeError(SECOND_TIME)
    value = opened(node.saved[1])
    return None if value is None else wrap(value.T)


def _indices(node):
    """One tensor for each axis, None for those that are taken whole before an indexed one."""
    found = [None] * (max(node.params["dims"]) + 1)
    for place, axis in enumerate(node.params["dims"], start=1):
        found[axis] = wrap(_kept(node, place))
    return tuple(found)


def _swapped(node):
    axes = node.params["axes"]
    return [i for i, axis in enumerate(axes) if i != axis] or [0, 0]


def _items(node):
    """The one item of an index that does something, and its axis."""
    shape = _shape(node, 0)
    items = [item for item in node.params["index"] if item is not Ellipsis]
    found = [(i, item) for i, item in enumerate(items) if item != slice(None)]
    if len(found) != 1 or (Ellipsis in node.params["index"][:-1]) or None in items:
        raise AttributeError
    return *found[0], shape


def _sliced(name):
    def bound(node):
        _, item, _ = _items(node)
        given = getattr(item, name)
        return {"start": 0, "stop": _LAST, "step": 1}[name] if given is None else _unsigned(given)

    return bound


def _new_axis(node):
    items = [item for item in node.params["index"] if item is not Ellipsis]
    if items != [None] or node.params["index"][0] is not None:
        raise AttributeError
    return 0


_LAST = (1 << 63) - 1  # what PyTorch has for an end that was not given


def _deviation(node):
    """One over the standard deviation, of the variance that is kept."""
    variance = _kept(node, OUT)[3]
    return 1 / np.sqrt(variance + node.params["eps"])


def _leaf(node, i):
    """An input that the rules don't need: a leaf is there all the same."""
    edge = node.edges[i]
    if not isinstance(edge, TensorBase):
        raise AttributeError
    if edge._value.dtype is not None and stale(edge._value, node.seq):
        raise RuntimeError(_WRITTEN)
    return edge


def _before(node):
    """An input that the rules don't need: a leaf, or what the node before keeps as its result."""
    edge = node.edges[0]
    if edge.__class__ is not Node:
        return _leaf(node, 0)
    _kept(node, SHAPES)  # for its refusal
    if edge.saved is FREED or edge.prim.name == "output_of":
        raise AttributeError
    value = _kept(edge, OUT)
    if stale(value, node.seq):
        raise RuntimeError(_WRITTEN)
    return wrap(value, edge)


def _class_weight(node):
    return wrap(_kept(node, 2)) if len(node.edges) > 2 else None


def _total_weight(node):
    """What a mean over classes divides by."""
    target, weight = _kept(node, 1), _class_weight(node)
    kind = np.float32 if weight is None else weight._value.dtype
    if node.params["reduction"] == "none":
        return wrap(np.zeros((), kind))
    places = np.asarray(target)
    places = places[places != node.params["ignore"]]
    return wrap(np.asarray(len(places) if weight is None else weight._value[places].sum(), kind))


def _mean(node):
    return wrap(_leaf(node, 0)._value.mean(tuple(node.params["axes"]), keepdims=True))


def _power(node):
    """x ** y, which the rule of the base alone doesn't ask for."""
    kept = node.saved[OUT] if node.saved is not FREED else None
    if kept is not None:
        return wrap(opened(kept), node)
    return wrap(node.prim.eval(*[_array_of(_kept_or_leaf(node, i)) for i in (0, 1)]), node)


def _bias_sizes(node):
    if len(node.edges) < 3:
        return (0,)
    weight = tuple(_kept_or_leaf(node, 1).shape)
    return (weight[1] * node.params["groups"] if _transposed(node) else weight[0],)


def _output_padding(node):
    given = node.params
    if not _transposed(node):
        return (0,) * len(given["stride"])
    sizes, kernel = [_kept_or_leaf(node, i).shape[2:] for i in (0, 1)]
    lengths = zip(given["size"], sizes, given["stride"], given["padding"], given["dilation"],
                  kernel, strict=True)  # fmt: skip
    return tuple([out - (n - 1) * s + 2 * p - d * (k - 1) - 1 for out, n, s, p, d, k in lengths])


def _transposed(node):
    return node.prim.name == "transposed_convolution"


def _kept_or_leaf(node, i):
    value = node.saved[i] if node.saved is not FREED else None
    return _leaf(node, i) if value is None else opened(value)


def _changed_axis(node, added):
    """The axis of length one that came or went, where the sizes tell which it was."""
    before, after = _shape(node, 0), tuple(node.params["shape"])
    longer, shorter = (after, before) if added else (before, after)
    found = [i for i, n in enumerate(longer) if n == 1 and longer[:i] + longer[i + 1 :] == shorter]
    if len(found) != 1:
        raise AttributeError
    return found[0]


def _array_of(value):
    return value._value if isinstance(value, TensorBase) else value


def _qr_mode(node):
    q, r = _kept(node, OUT)[:2]
    return "reduced" if q.shape[-1] == min(q.shape[-2], r.shape[-1]) else "complete"


def _svd(node):
    kept = _kept(node, OUT)
    return kept[0].shape[-1], kept[1].shape[-1]


_MODES = ("bilinear", "nearest", "bicubic")


def _scale(node, axis):
    """The factor of an axis that is resized, None where its length was given."""
    factors = _given(node, "scales")
    return None if factors is None or factors[axis] is None else float(factors[axis])


def _of_groups(node, scale):
    """The mean of each group of channels, or one over its standard deviation."""
    array, groups = _given(node, "0")._value, _given(node, "groups")
    rows = array.reshape(array.shape[0], groups, -1)
    if not scale:
        return wrap(rows.mean(2))
    return wrap(1 / np.sqrt(rows.var(2) + array.dtype.type(_given(node, "eps"))))


def _correction(node):
    """What `unbiased` or `correction` say, as PyTorch keeps it."""
    function, args, words, _ = node.given
    if function is None:
        raise AttributeError
    given = signature(function).bind(*args, **words).arguments
    if given.get("correction") is not None:
        return given["correction"]
    unbiased = given.get("unbiased")
    if unbiased is None:
        return None if given.get("dim") is None or "correction" in given else 1
    return int(unbiased)


_COMPUTED = {
    "power": _power, "correction": _correction, "mean": _mean, "no": lambda node: False,
    "bias_sizes": _bias_sizes, "output_padding": _output_padding,
    "added_axis": lambda node: _changed_axis(node, True),
    "removed_axis": lambda node: _changed_axis(node, False),
    "svd_count": lambda node: _svd(node)[1],
    "qr_mode": _qr_mode,
    "reduction": lambda node: ("none", "mean", "sum").index(_given(node, "reduction")),
    "interpolation_mode": lambda node: _MODES.index(_given(node, "mode")),
    "padding_mode": lambda node: ("zeros", "border", "reflection").index(_given(node, "padding")),
    "damped": lambda node: wrap(np.exp(-abs(_given(node, "0")._value))),
    "one": lambda node: 1,
    "no_row": lambda node: _unsigned(-1),
    "table_rows": lambda node: _shape(node, 0)[0],
    "exact": lambda node: "none", "before": _before, "class_weight": _class_weight,
    "total_weight": _total_weight,
    "reduced": lambda node: ("none", "mean", "sum").index(_parameter(node, "reduction")),
    "ignored": lambda node: _unsigned(_parameter(node, "ignore")),
    "weight_sizes": lambda node: tuple(_kept_or_leaf(node, 1).shape)[::-1],
    "weight_strides": lambda node: tuple(wrap(_array_of(_kept_or_leaf(node, 1)).T).stride()),
    "plane": lambda node: prod(_given(node, "#0")[2:]),
    "group_mean": lambda node: _of_groups(node, False),
    "group_scale": lambda node: _of_groups(node, True),
    "source_dim": lambda node: len(_given(node, "#source")),
    "indices_given": lambda node: _given(node, "indices"),
    "first_axis": lambda node: _swapped(node)[0], "second_axis": lambda node: _swapped(node)[1],
    "new_axis": _new_axis, "transposed_weight": _transposed_weight,
    "indices": _indices, "transposed": _transposed,
    "sliced_size": lambda node: _items(node)[2], "sliced_axis": lambda node: _items(node)[0],
    "selected": lambda node: _unsigned(_items(node)[1]),
    "start": _sliced("start"), "end": _sliced("stop"), "step": _sliced("step"),
    "normalized_shape": lambda node: tuple(
        [_kept(node, OUT)[1].shape[axis] for axis in node.params["axes"]]),
    "scale": lambda node: wrap(_deviation(node)),
    "channel_scale": lambda node: wrap(_deviation(node).reshape(-1)),
}  # fmt: skip
