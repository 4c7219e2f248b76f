"""Which arguments PyTorch's functions take, and how PyTorch says that it does not take others.

Asked when a call has failed, never before. `arguments.tsv` has the forms of each function and each
method (`tools/store_arguments.py` writes it). Read `refusal`.
"""

import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..base.devices import device
from ..base.dtypes import dtype
from ..base.errors import hinted, type_name
from ..base.frames import OURS
from ..base.instructions import steps
from ..core.handle import TensorBase
from .numbers import OVERFLOW, require_scalar, require_width

__all__ = ["AROUND", "caller_beyond", "refusal"]

_TABLE = Path(__file__).with_name("arguments.tsv")
_HERE = Path(__file__).parents[1]
# What stands around public functions, and where they are carried out.
AROUND = tuple([str(_HERE / name) for name in (
    "core/ frontend/late frontend/calls frontend/eight_bits overrides amp/casting "
    "profiler/profile fx/interception compilation/recorder explain/ ops/flags ops/formats"
).split()])  # fmt: skip
_HANDLERS = str(_HERE / "overrides")
_INNER = (*AROUND, str(_HERE / "ops"), str(_HERE / "frontend/tensor"))


class Parameter(NamedTuple):
    kind: str
    name: str
    nullable: bool
    optional: bool
    keyword: bool


class Unfit(Exception):
    """Why arguments do not fit a form: what PyTorch says after the function's name."""


@lru_cache(None)
def _table():
    """(name, "function" or "method") -> forms, each a list of parameters."""
    rows = [line.split("\t") for line in _TABLE.read_text("utf-8").splitlines()]
    return {(name, kind): forms for name, kind, *forms in rows}


def forms_of(name, called):
    """The forms of a function or method; none where PyTorch's is no function of C++."""
    return [_form(text) for text in _table().get((name, called), ())]


def _form(text):
    found, keyword = [], False
    for part in text.split(", "):
        if part == "*" or not part:
            keyword = True
            continue
        kind, _, name = part.rpartition(" ")
        found.append(Parameter(kind.rstrip("?"), name.rstrip("="), kind.endswith("?"),
                               name.endswith("="), keyword))  # fmt: skip
    return found


def refusal(name, function, args, words, error):
    """PyTorch's error for a call of `function`, which it knows by `name`, or None if it takes the
    arguments or has no such function. `error` is what came of the call; its hint is kept."""
    if any(_asks(value) for value in (*args, *words.values())):
        return None
    args, words = _given(function, args, words)
    if not (_problem(name, "function", args, words) or _problem(name, "method", args[1:], words)):
        return None
    frames = error.__traceback__  # from the one that met the error
    first = sys._getframe(1) if frames is None else frames.tb_frame
    caller = caller_beyond(first, AROUND)
    ours = caller is not None and OURS[caller.f_code.co_filename]
    if ours and not isinstance(error, (AttributeError, TypeError)):
        return None  # the library's own call, whose arguments may be its own
    caller = caller_beyond(first, _INNER)
    called = "method" if _is_method(name, caller) else "function"
    better = _problem(name, called, args if called == "function" else args[1:], words)
    if not isinstance(error, TypeError) and any(word in str(better) for word in _COUNTED):
        return None  # torch.nn.functional may give defaults that the function of torch has not
    hint = str(error).partition("\nHint: ")[2]
    if better is not None and hint and "\n" not in str(better):
        return type(better)(hinted(str(better), hint))
    return better


_COUNTED = (" missing ", " unexpected keyword argument ", " positional argument")


def _given(function, args, words):
    """The arguments without defaults, which fast paths fill in."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    known = dict(zip(names, defaults, strict=True)) | (function.__kwdefaults__ or {})
    words = {k: v for k, v in words.items() if k not in known or v is not known[k]}
    while 0 <= (place := len(args) - 1 - code.co_argcount + len(defaults)) < len(defaults):
        if args[-1] is not defaults[place]:
            break
        args = args[:-1]
    return args, words


def _asks(value):
    return hasattr(type(value), "__torch_function__") and not isinstance(value, TensorBase)


def _problem(name, called, args, words):
    """PyTorch's error about the arguments, or None if a form takes them."""
    forms, reasons = forms_of(name, called), []
    for form in forms:
        try:
            return _unread(name, _fit(name, form, args, words))
        except Unfit as reason:
            reasons.append(str(reason))
    if not forms:
        return None
    count = len(args) + len(words)
    near = [
        reason for form, reason in zip(forms, reasons, strict=True)
        if sum(not p.optional for p in form) <= count <= len(form)
    ]  # fmt: skip
    if len(forms) == 1 or len(near) == 1:
        return TypeError(f"{name}(){reasons[0] if len(forms) == 1 else near[0]}")
    given = [type_name(value) for value in args]
    given += [f"{word}={type_name(value)}" for word, value in sorted(words.items())]
    listed = "".join([f"\n * ({', '.join(_shown(form))})" for form in forms])
    end = ", " if words and not args else ""
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({', '.join(given)}{end}), "
        f"but expected one of:{listed}"
    )


def _shown(form):
    parts = [f"{_type_name(p.kind)} {p.name}{' = None' if p.nullable and p.optional else ''}"
             for p in form]  # fmt: skip
    first = next((place for place, p in enumerate(form) if p.keyword), None)
    return parts if first is None else [*parts[:first], "*", *parts[first:]]


# --- one form -----------------------------------------------------------------------------------

# A sequence -> what its elements are.
_ELEMENTS = {"ints": "int", "floats": "float", "Tensors": "Tensor", "Numbers": "Number",
             "bools": "bool"}  # fmt: skip
_OF_TORCH = ("dtype", "device", "layout", "memory_format", "Generator")


def _type_name(kind):
    word = kind.rstrip("0123456789")
    if word in _ELEMENTS:
        return f"tuple of {word.replace('Numbers', 'Scalars')}"
    return f"torch.{kind}" if kind in _OF_TORCH else kind


def _fit(name, form, args, words):
    """[(parameter, value)], to be read; Unfit where the arguments do not fit a form."""
    places = [p for p in form if not p.keyword]
    if len(places) == 1 and args and places[0].kind == "ints":
        if _takes_int(args[0]):
            args = (args,)  # f(2, 3) for f((2, 3))
    if len(args) > len(places):
        raise _too_many(places, args)
    left, taken = dict(words), []
    for index, p in enumerate(form):
        place = index if index < len(args) else None
        given = _by_word(p.name, left) if place is None else args[place]
        if given is _MISSING:
            if not p.optional:
                raise _missing([q.name for q in form[index:] if not q.optional])
        elif not (given is None and p.nullable):
            wrong = _unfit(name, p, given)
            if wrong is not None:
                where = "" if place is None else f" (position {place + 1})"
                kind = _type_name(p.kind)
                raise Unfit(f": argument '{p.name}'{where} must be {kind}, {wrong}")
            taken.append((p, given))
    for word in left:
        if any(word == p.name for p in form):
            raise Unfit(f" got multiple values for argument '{word}'")
        raise Unfit(f" got an unexpected keyword argument '{word}'")
    return taken


_MISSING = object()
_NUMPY_WORDS = {"dim": "axis", "keepdim": "keepdims", "input": "x", "other": "x2"}


def _by_word(name, left):
    for word in (name, _NUMPY_WORDS.get(name)):
        if word in left:
            return left.pop(word)
    return _MISSING


def _too_many(places, args):
    least = sum(not p.optional for p in places)
    count = f"from {least} to {len(places)}" if least < len(places) else str(len(places))
    ending = "" if count == "1" else "s"
    were = "was" if len(args) == 1 else "were"
    return Unfit(f" takes {count} positional argument{ending} but {len(args)} {were} given")


def _missing(names):
    ending = "s" if len(names) == 1 else ""  # as PyTorch has it
    said = ", ".join([f'"{name}"' for name in names])
    return Unfit(f" missing {len(names)} required positional argument{ending}: {said}")


def _unfit(name, p, value):
    """None if a parameter takes a value, else what is said of the value. Of a sequence, only the
    first element is looked at."""
    kind = p.kind.rstrip("0123456789")
    takes = _TAKES.get(_ELEMENTS.get(kind, kind))
    if kind in _ELEMENTS:
        if p.kind != kind and takes(value):  # one for all
            return None
        if not isinstance(value, (tuple, list)):
            return f"not {type_name(value)}"
        if kind == "Tensors" or not value or takes(value[0]):
            return None
        return f"but found element of type {type_name(value[0])} at pos 0"
    if kind == "Tensor" and p.name in ("input", "other") and _is_number(value):
        takes = None if name.rstrip("_") in _NUMBERS_TOO else takes
    return None if takes is None or takes(value) else f"not {type_name(value)}"


def _unread(name, taken):
    """The error about the first value that fits its parameter and can't be read, or None."""
    for p, value in taken:
        kind = p.kind.rstrip("0123456789")
        try:
            if kind in ("int", "ints") and isinstance(value, int):
                require_width(value)
            elif kind == "Number":
                require_scalar(value)
        except (OverflowError, ValueError) as error:
            return error
        if kind == "ints" and isinstance(value, (tuple, list)):
            for place, length in enumerate(value):
                if (why := _unread_length(length)) is not None:
                    return TypeError(
                        f"{name}(): argument '{p.name}' failed to unpack the object at pos "
                        f'{place + 1} with error "{why}"'
                    )
    return None


def _unread_length(value):
    if not hasattr(value, "__index__"):
        return f"type must be tuple of ints,but got {type_name(value)}"
    wide = isinstance(value, int) and not -(1 << 63) <= value < 1 << 63
    return OVERFLOW if wide else None


# --- one value ----------------------------------------------------------------------------------

# Functions whose second tensor may be a number.
_NUMBERS_TOO = frozenset(
    "add sub subtract mul multiply div divide true_divide floor_divide remainder fmod "
    "rsub logical_and logical_or logical_xor copy".split()
)


def _is_number(value):
    return isinstance(value, (int, float, complex, np.number, np.bool_))


def _takes_int(value):
    if isinstance(value, TensorBase):
        return not value.ndim and not value.dtype.is_floating_point and not value.is_complex()
    return hasattr(value, "__index__") and not isinstance(value, (bool, np.bool_))


def _takes_number(value):
    return _is_number(value) or (isinstance(value, TensorBase) and not value.ndim)


def _takes_float(value):
    return isinstance(value, (int, float, np.floating)) or (
        isinstance(value, TensorBase) and not value.ndim
    )


def _takes_device(value):
    return isinstance(value, (str, int, device)) and not isinstance(value, bool)


_TAKES = {
    "Tensor": lambda value: isinstance(value, TensorBase),
    "int": _takes_int, "float": _takes_float, "Number": _takes_number,
    "bool": lambda value: value.__class__ is bool,
    "str": lambda value: isinstance(value, str),
    "dtype": lambda value: isinstance(value, dtype) or value in (bool, int, float, complex),
    "device": _takes_device,
    "layout": lambda value: type(value).__name__ == "layout",
    "memory_format": lambda value: type(value).__name__ == "memory_format",
    "Generator": lambda value: type(value).__name__ == "Generator",
}  # fmt: skip


# --- how the user called it ---------------------------------------------------------------------


def caller_beyond(frame, inner):
    """The nearest frame, from this one on, that is not in one of these files, or None."""
    while frame is not None and frame.f_code.co_filename.startswith(inner):
        frame = frame.f_back
    return frame


def _is_method(name, caller):
    """Whether a frame calls x.name(...), and not torch.name(x, ...)."""
    while caller is not None and _hands_on(name, caller):
        caller = caller_beyond(caller.f_back, _INNER)
    owner = None if caller is None else _owner_of_call(caller)
    return owner is None and hasattr(TensorBase.handle_class, name)


def _hands_on(name, frame):
    """Whether a frame is a `__torch_function__` that calls what it was given, whatever it is."""
    above = frame.f_back
    handles = above is not None and above.f_code.co_filename.startswith(_HANDLERS)
    return handles and name not in frame.f_code.co_names


def _owner_of_call(frame):
    """The module to which a function belongs that a frame is calling as `a.b.name(...)`, or the
    module `sys` for one that is called by a plain name; else None.

    The instructions of `a`, `.b` and `.name` begin where the call begins.
    """
    done = [s for s in steps(frame.f_code) if s.offset <= frame.f_lasti]
    if not done or not done[-1].opname.startswith("CALL"):
        return None
    start = done.pop().start
    spelled = [step for step in done if start is not None and step.start == start]
    value = owner = loaded = None
    for step in spelled:
        if step.opname in _NAMES:
            value, loaded = _look_up(frame, step.argval), step
            owner = sys if callable(value) and not hasattr(value, "__self__") else None
        elif step.opname == "LOAD_ATTR" and isinstance(value, ModuleType):
            owner, value = value, getattr(value, step.argval, None)
        elif step.opname.startswith("CALL") and value is getattr:  # getattr(torch, name)(...)
            first = done[done.index(loaded) + 1]
            value = _look_up(frame, first.argval) if first.opname in _NAMES else None
            owner, value = value if isinstance(value, ModuleType) else None, None
        elif step.opname.startswith(("LOAD", "CALL")):
            value = owner = None
    return owner


_NAMES = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF")


def _look_up(frame, name):
    for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
        if name in names:
            return names[name]
    return None
