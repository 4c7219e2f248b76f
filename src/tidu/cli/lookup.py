"""Whether tidu has a name of torch, and which of its names was perhaps meant."""

import warnings
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType

from .alias import tidu_name
from .manners import suggestion


@cache
def missing_part(name: str) -> str | None:
    """The shortest part of `name` that tidu lacks, say torch.a of torch.a.b; None: all is there."""
    parts = name.split(".")
    found = member(None, parts[0], parts[0])
    for end in range(1, len(parts)):
        if found is None:
            return ".".join(parts[:end])
        if not can_tell(found[0], parts[end]):
            return None
        found = member(found[0], parts[end], ".".join(parts[: end + 1]))
    return name if found is None else None


def member(owner, name: str, full_name: str):
    """A tuple of the attribute or submodule, or None; a tuple because the value may be None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a deprecated name is there all the same
        if hasattr(owner, name) and owner is not None:
            value = getattr(owner, name)
            absent = isinstance(value, FunctionType) and hasattr(value, "left_out")
            return None if absent else (value,)
        if owner is None or isinstance(owner, ModuleType):
            return submodule(full_name)
    return None


def submodule(full_name: str):
    try:
        return (import_module(tidu_name(full_name) or full_name),)
    except ModuleNotFoundError:
        return None


def can_tell(owner, name: str) -> bool:
    """Modules and classes list their names; what instances carry is known only to the program."""
    if isinstance(owner, ModuleType):
        return True
    return isinstance(owner, type) and not any(
        name in getattr(base, "__annotations__", ()) for base in owner.__mro__
    )


@cache
def meant(name: str) -> str:
    """A name of tidu close to the missing one, under its name in torch; "" when there is none."""
    owner, _, last = name.rpartition(".")
    if not owner or missing_part(owner):
        return ""
    found = member(None, owner.split(".")[0], owner.split(".")[0])
    path = owner.split(".")
    for end in range(1, len(path)):
        found = member(found[0], path[end], ".".join(path[: end + 1]))
    close = suggestion(last, [known for known in dir(found[0]) if not known.startswith("_")])
    return f"{owner}.{close}" if close else ""
