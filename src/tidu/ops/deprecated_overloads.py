"""Calls whose numbers stand before the tensors, as programs for old versions of PyTorch have them:
`p.add_(-0.1, p.grad)` for `p.add_(p.grad, alpha=-0.1)`. Asked when a call has failed."""

import warnings
from numbers import Number

from ..base.frames import user_depth
from ..core.handle import TensorBase
from .arguments import refusal
from .numbers import told_later

__all__ = ["in_newer_order", "older_call"]

# The kinds of the arguments, T for a tensor and N for a number -> what the numbers are.
_SCALED = {"TNT": ("alpha",)}
_WEIGHTED = {"TNTT": ("value",)}
_PRODUCTS = {"NTNTT": ("beta", "alpha"), "TNNTT": ("beta", "alpha"),
             "NTTT": ("beta",), "TNTT": ("beta",)}  # fmt: skip
_ORDERS = {
    **dict.fromkeys(("add", "sub"), _SCALED),
    **dict.fromkeys(("addcmul", "addcdiv"), _WEIGHTED),
    **dict.fromkeys(("addmm", "addmv", "addr", "addbmm", "baddbmm"), _PRODUCTS),
}
_warned = []


def in_newer_order(name, args, words):
    """(tensors, {word: number}) of today's call that an older one means, or None."""
    kinds = "".join([_kind(value) for value in args])
    names = _ORDERS.get(name.rstrip("_"), {}).get(kinds)
    if names is None or words.keys() & set(names):
        return None
    tensors = [value for value, kind in zip(args, kinds, strict=True) if kind == "T"]
    numbers = [value for value, kind in zip(args, kinds, strict=True) if kind == "N"]
    if not _warned:  # once, as PyTorch
        _warned.append(name)
        warnings.warn(_said(name, names, len(tensors)), UserWarning, stacklevel=user_depth())
    return tuple(tensors), dict(zip(names, numbers, strict=True))


def _kind(value):
    if told_later(value):
        return "N"
    return "T" if isinstance(value, TensorBase) else "N" if isinstance(value, Number) else "-"


def older_call(function, args, words):
    """What `function`, which has more arguments than it takes, gives in the newer order."""
    name = function.__name__
    newer = in_newer_order(name, args, words)
    if newer is None:
        error = TypeError(f"{name}() takes 2 positional arguments but {len(args)} were given")
        raise refusal(name, function, args, words, error) or error
    args, numbers = newer
    return function(*args, **words, **numbers)


def _said(name, names, count):
    tensors = "Tensor other" if count == 2 else "Tensor tensor1, Tensor tensor2"
    numbers = ", ".join([f"Number {word}" for word in names])
    return (
        f"This overload of {name} is deprecated:\n\t{name}({numbers}, {tensors})\nConsider using "
        f"one of the following signatures instead:\n\t{name}({tensors}, *, "
        f"{', '.join([f'Number {word} = 1' for word in names])})"
    )
