"""`infer_schema`: the schema that a Python function's annotations say."""

import functools
import inspect
import operator
import types
import typing

from ..base.devices import device
from ..base.dtypes import dtype
from ..base.errors import hinted
from ..frontend.tensor import Tensor
from ..types import Number

__all__ = ["infer_schema"]

_BASES = ((Tensor, "Tensor"), (bool, "bool"), (int, "SymInt"), (float, "float"), (str, "str"),
          (dtype, "ScalarType"), (device, "Device"))  # fmt: skip
_LISTS = ("Tensor", "SymInt", "float", "bool", "Scalar")
_RETURNED = ("Tensor", "Tensor[]", "SymInt", "float", "bool", "Scalar")
_UNIONS = (typing.Union, types.UnionType)


def infer_schema(prototype_function, /, *, mutates_args, op_name=None, tags=()):
    """The schema of a function with annotations, as text.

    mutates_args: the names of the arguments it writes to, or "unknown" for all tensors.

    Raises:
        ValueError: for a parameter without annotation, or of a type no operation can take.

    >>> import tidu as torch
    >>> def f(x: torch.Tensor, n: int = 2) -> torch.Tensor: ...
    >>> torch.library.infer_schema(f, mutates_args=())
    '(Tensor x, SymInt n=2) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    scope = getattr(prototype_function, "__globals__", {})
    _require_known_word(mutates_args)
    parts, starred = [], False
    for place, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            _refuse("We do not support positional-only args, varargs, or varkwargs.", signature)
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        kind = _parameter(name, parameter, scope, signature)
        if mutates_args == "unknown" or name in mutates_args:
            kind = _written_to(name, kind, place, mutates_args, signature)
        parts.append(f"{kind} {name}" + _default(name, parameter, signature))
    _check_names(mutates_args, signature)
    result = _result(signature, scope)
    return f"{op_name or ''}({', '.join(parts)}) -> {result}"


def _refuse(sentence, signature):
    raise ValueError(hinted(
        f"infer_schema(func): {sentence} Got func with signature {signature})",
        "annotate each parameter with torch.Tensor, int, float, bool, str, torch.dtype, "
        "torch.device, Optional or List of them, or give `schema=`.",
    ))  # fmt: skip


def _require_known_word(mutates_args):
    if isinstance(mutates_args, str) and mutates_args != "unknown":
        raise ValueError(
            "mutates_args must either be a sequence of the names of the arguments that are "
            "mutated or the string 'unknown'. "
        )


def _check_names(mutates_args, signature):
    words = () if isinstance(mutates_args, str) else mutates_args
    strange = set(words) - set(signature.parameters)
    if strange:
        _refuse(
            f"{strange} in mutates_args were not found in the custom op's signature. mutates_args "
            "should contain the names of all args that the custom op mutates, or just the string "
            "'unknown' if you don't know.", signature,
        )  # fmt: skip


def _evaluated(annotation, scope, signature):
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, scope)  # an annotation written as text, in its function's module
    except Exception as error:
        _refuse(
            f"Unsupported type annotation {annotation}. It is not a type. "
            f"({type(error).__name__}: {error})", signature,
        )  # fmt: skip


def _parameter(name, parameter, scope, signature):
    if parameter.annotation is parameter.empty:
        _refuse(f"Parameter {name} must have a type annotation.", signature)
    kind = _spoken(_evaluated(parameter.annotation, scope, signature))
    if kind is None:
        _refuse(f"Parameter {name} has unsupported type {parameter.annotation}.", signature)
    return kind


def _spoken(annotation):
    """The schema's word for an annotation, or None."""
    if annotation == Number:
        return "Scalar"
    for base, word in _BASES:
        if annotation is base:
            return word
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _UNIONS:
        others = [p for p in parts if p is not type(None)]
        if len(others) == len(parts):
            return None
        inner = _spoken(functools.reduce(operator.or_, others))
        return f"{inner}?" if inner is not None else None
    if origin is not None and issubclass(origin, (list, typing.Sequence)) and origin is not tuple:
        inner = _spoken(parts[0])
        return f"{inner}[]" if inner in (*_LISTS, "Tensor?") else None
    return None


def _written_to(name, kind, place, mutates_args, signature):
    if not kind.startswith("Tensor"):
        if mutates_args == "unknown":
            return kind
        _refuse(
            f"Parameter {name} is in mutable_args but only Tensors or collections of Tensors can "
            "be mutated", signature,
        )  # fmt: skip
    return f"Tensor(a{place}!){kind.removeprefix('Tensor')}"


def _default(name, parameter, signature):
    value = parameter.default
    if value is parameter.empty:
        return ""
    if value is None or isinstance(value, (int, float, bool)):
        return f"={value}"
    if isinstance(value, (str, device)):
        return f'="{value}"'
    if isinstance(value, dtype):
        return f"={str(value).removeprefix('torch.')}"
    _refuse(
        f"Parameter {name} has an unsupported default value type {type(value)}. Please file an "
        "issue on GitHub so we can prioritize this.", signature,
    )  # fmt: skip


def _result(signature, scope):
    annotation = _evaluated(signature.return_annotation, scope, signature)
    if annotation is signature.empty:
        _refuse("No return type annotation was provided. Please add one.", signature)
    if annotation is None:
        return "()"
    several = typing.get_origin(annotation) is tuple
    kinds = [_spoken(a) for a in (typing.get_args(annotation) if several else (annotation,))]
    if any(kind not in _RETURNED for kind in kinds):
        _refuse(f"Return has unsupported type {annotation}.", signature)
    text = ", ".join(kinds)
    if several:
        return f"(({text}))" if len(kinds) == 1 else f"({text})"
    return text
