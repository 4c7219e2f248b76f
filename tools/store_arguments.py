"""Writes src/tidu/ops/arguments.tsv: which arguments the functions that PyTorch has in C++ take.

It needs PyTorch. Where a function has several forms, an error of its own lists them; where it has
one, the schema of its operator says it. A line is: name, whether it is a function or a method, and
a form in each further column: `Tensor input, ints1 dim, bool keepdim=, *, dtype? dtype=`. Here `=`
stands after arguments that may be left out, `?` after types that may be None, and `ints1` is one
int or several.
"""

import re
from pathlib import Path

import torch
import torch._C as engine

import tidu

TARGET = Path(__file__).parents[1] / "src" / "tidu" / "ops" / "arguments.tsv"
UNKNOWN = {f"unknown{k}": 1 for k in range(40)}
KINDS = {"Scalar": "Number", "SymInt": "int", "Device": "device", "number": "Number"}
OPTIONS = {"dtype": "dtype", "layout": "layout", "memory_format": "memory_format"}
# Types in the list of forms -> here.
WORDS = {"tuple of ints": "ints", "tuple of Tensors": "Tensors", "tuple of floats": "floats",
         "tuple of Scalars": "Numbers", "tuple of bools": "bools"}  # fmt: skip
BY_HAND = {
    ("tensor", "function"): [
        "object data, *, dtype? dtype=, device? device=, bool pin_memory=, bool requires_grad="
    ],
    ("nonzero", "function"): ["Tensor input, *, Tensor? out=, bool as_tuple="],
    ("nonzero", "method"): ["*, bool as_tuple="],
    ("is_contiguous", "method"): ["*, memory_format memory_format="],
    ("unflatten", "method"): ["int dim, ints sizes"],
    ("unflatten", "function"): ["Tensor input, int dim, ints sizes"],
    ("cdist", "function"): ["Tensor x1, Tensor x2, float p=, str compute_mode="],
    ("new_tensor", "method"): [
        "object data, *, dtype? dtype=, device? device=, bool pin_memory=, bool requires_grad="
    ],
    ("as_tensor", "function"): ["object data, dtype? dtype=, device? device="],
    ("requires_grad_", "method"): ["bool requires_grad="],
}  # fmt: skip


def complaint(function):
    """What PyTorch says when it is called with words it does not know."""
    try:
        function(**UNKNOWN)
    except Exception as error:
        return str(error)
    return ""


def kind_of(argument):
    """(type here, whether it may be None) of a schema's argument."""
    text = str(argument.type)
    optional = text.startswith("Optional[")
    text = text.removeprefix("Optional[").removesuffix("]") if optional else text
    if text.startswith("List["):
        inner = text[5:].rstrip("]").removeprefix("Optional[")
        size = "" if argument.N is None else str(argument.N)
        return KINDS.get(inner, inner) + "s" + size, optional
    if argument.name in OPTIONS and text == "int":
        text = OPTIONS[argument.name]
    return KINDS.get(text, text), optional


def schemas_of(name):
    found = engine._jit_get_schemas_for_operator(f"aten::{name}")
    return [s for s in found if s.arguments and "?" not in str(s.arguments[0].type)]


def parameter(kind, optional, name, default):
    return f"{kind}{'?' if optional else ''} {name}{'=' if default else ''}"


def single(name, method):
    """The form of a function that has one."""
    found = schemas_of(name)
    plain = [s for s in found if not any(a.is_out for a in s.arguments)]
    if not plain:
        return None
    outs = {a.name for s in found for a in s.arguments if a.is_out}
    parts, starred = [], False
    for place, argument in enumerate(plain[0].arguments):
        if place == 0 and argument.name == "self":
            if method:
                continue
            parts.append("Tensor input")
            continue
        if argument.kwarg_only and not starred:
            starred = True
            parts.append("*")
        kind, optional = kind_of(argument)
        default = argument.default_value is not None or optional
        default = default and not (optional and not argument.has_default_value())
        parts.append(parameter(kind, optional, argument.name, default))
    if outs and not method:
        word = "Tensor" if len(outs) == 1 else "Tensors"
        parts += [*([] if starred else ["*"]), f"{word}? out="]
        starred = True
    if any(part.startswith("bool? pin_memory") for part in parts):
        parts.append("bool requires_grad=")
    return ", ".join(parts)


def several(name, text):
    """The forms that an error lists."""
    details = {a.name: kind_of(a) for s in schemas_of(name) for a in s.arguments}
    forms = []
    for line in re.findall(r"^ \* \((.*)\)$", text, re.M):
        parts = []
        for part in line.split(", "):
            if part in ("*", ""):
                parts += [part] * bool(part)
                continue
            part, _, default = part.partition(" = ")
            kind, _, word = part.rpartition(" ")
            kind = WORDS.get(kind, kind.removeprefix("torch."))
            known, optional = details.get(word, (kind, False))
            if known.startswith("ints") and kind == "ints":
                kind = known
            optional = default == "None" or (optional and known == kind)
            parts.append(parameter(kind, optional, word, bool(default)))
        forms.append(", ".join(parts))
    return forms


def forms_of(name, function, method):
    if (name, "method" if method else "function") in BY_HAND:
        return BY_HAND[name, "method" if method else "function"]
    text = complaint(function)
    if "expected one of" in text:
        return several(name, text)
    if re.match(r"\w+\(\) (missing|got an unexpected|received an invalid)", text):
        form = single(name, method)
        return None if form is None else [form]
    return None


def functions():
    """(name in errors, function, whether it is a method)."""
    for module in (torch, engine._nn, engine._linalg, engine._special, engine._fft):
        for name in dir(module):
            value = getattr(module, name)
            known = module is not torch or hasattr(tidu, name)
            if known and not name.startswith("_") and "builtin" in type(value).__name__:
                yield name, value, False
    some = torch.ones(1)
    for name in dir(torch.Tensor):
        kind = type(getattr(torch.Tensor, name)).__name__
        if not name.startswith("_") and hasattr(tidu.Tensor, name) and kind == "method_descriptor":
            yield name, getattr(some, name), True


def lines():
    found = {}
    for name, function, method in functions():
        forms = forms_of(name, function, method)
        if forms:
            found[name, "method" if method else "function"] = forms
    found |= {key: forms for key, forms in BY_HAND.items() if key not in found}
    return sorted("\t".join([*key, *forms]) for key, forms in found.items())


if __name__ == "__main__":
    TARGET.write_text("\n".join(lines()) + "\n", encoding="utf-8")
