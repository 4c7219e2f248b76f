"""torch._foreach_add, _foreach_sqrt_ ...: one operation on each tensor of a list.

Each is the method of that name, so that derivatives, types and errors are the method's. Read
`foreach`.
"""

import math

from ..base.errors import type_name
from ..core.handle import TensorBase, shape_of
from .convert import invalid_combination
from .norms import vector_norm

__all__ = ["foreach"]

_ALONE = (
    "abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p "
    "log2 max neg norm powsum reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc zero"
).split()
_WITH_ONE = "add clamp_max clamp_min copy div maximum minimum mm mul pow sub".split()
_WITH_TWO = "addcdiv addcmul lerp".split()
_NEVER_IN_PLACE, _ALWAYS = ("clone", "max", "mm", "norm", "powsum"), ("copy", "zero")


def foreach(name):
    """The function of this public name, or None."""
    word, in_place = name.removeprefix("_foreach_").removesuffix("_"), name.endswith("_")
    known = word in (*_ALONE, *_WITH_ONE, *_WITH_TWO)
    if not known or word in (_NEVER_IN_PLACE if in_place else _ALWAYS):
        return None
    one = _one(word, in_place)

    def function(self, *args, **words):
        if word == "pow" and isinstance(self, (int, float, complex)) and args:
            self = [self] * len(args[0])
        else:
            _check_list(name, word, self, args)
        if word.startswith("addc") and len(args) == 3:
            *args, words["value"] = args
        columns = [_column(self, arg) for arg in args]
        more = {key: _column(self, value, key == "value") for key, value in words.items()}
        results = [
            one(x, *[c[k] for c in columns], **{key: c[k] for key, c in more.items()})
            for k, x in enumerate(self)
        ]
        return self if in_place else tuple(results)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"torch.{name}: `{word}` of each tensor of a list."
    return function


def _one(word, in_place):
    """(tensor, *arguments) -> the result for one tensor."""
    if word == "norm":
        return vector_norm
    if word == "powsum":
        return lambda x, ord=2, dtype=None: (x.abs() ** ord).sum(dtype=dtype)
    if word == "pow" and not in_place:
        return lambda x, y: x**y
    if word in ("maximum", "minimum"):
        return _extreme(word, {"maximum": "clamp_min", "minimum": "clamp_max"}[word], in_place)
    method = word + "_" * in_place
    return lambda x, *args, **words: getattr(x, method)(*args, **words)


def _extreme(word, bound, in_place):
    """Tensors have no `maximum_`, and `maximum` takes no number."""
    if in_place:
        return lambda x, y: getattr(x, bound + "_")(y)
    return lambda x, y: getattr(x, word if isinstance(y, TensorBase) else bound)(y)


def _check_list(name, word, self, args):
    if not isinstance(self, (list, tuple)):
        if word not in _ALONE:
            raise invalid_combination(name, self, *args)
        raise TypeError(
            f"{name}(): argument 'self' (position 1) must be tuple of Tensors, not "
            f"{type_name(self)}"
        )
    if not self:
        raise RuntimeError("Tensor list must have at least one tensor.")
    for k, x in enumerate(self):
        if not isinstance(x, TensorBase):
            kind = type_name(x)
            raise TypeError(f"expected Tensor as element {k} in argument 0, but got {kind}")
    if any(isinstance(arg, str) for arg in args):
        raise invalid_combination(name, self, *args)


def _column(self, arg, scalars=False):
    """One argument for each tensor: of a list its own, else the same."""
    if isinstance(arg, (list, tuple)):
        if len(arg) != len(self):
            if isinstance(next(iter(arg), None), TensorBase):
                raise RuntimeError(
                    "Tensor lists must have the same number of tensors, got "
                    f"{len(self)} and {len(arg)}"
                )
            raise RuntimeError("Tensor list must have same number of elements as scalar list.")
        return arg
    if not isinstance(arg, TensorBase):
        return [arg] * len(self)
    shape = shape_of(arg)
    if not scalars and shape:
        raise RuntimeError(
            f"scalar tensor expected to be 0 dim but it has {len(shape)} dimensions and "
            f"{math.prod(shape)} elements."
        )
    if scalars and shape != (len(self),):
        raise RuntimeError(
            f"Expected length of scalars to match input of length {len(self)} but got "
            f"{math.prod(shape)} instead."
        )
    return arg.tolist() if scalars else [arg] * len(self)
