"""Writes tools/signatures.tsv: what PyTorch's public names are, and how they are called.

It needs PyTorch. Functions of C++ have no signature Python could ask for; theirs is read from the
first line of their documentation. `tools/list_api.py` compares tidu with the file.
"""

import ast
import importlib
import inspect
import re
import types
from pathlib import Path

MODULES = (
    "torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils",
    "torch.nn.utils.rnn", "torch.nn.utils.parametrize", "torch.nn.utils.parametrizations",
    "torch.nn.utils.prune", "torch.optim", "torch.optim.lr_scheduler", "torch.optim.swa_utils",
    "torch.autograd", "torch.autograd.functional", "torch.func", "torch.linalg", "torch.special",
    "torch.fft", "torch.sparse", "torch.masked", "torch.nested", "torch.distributions",
    "torch.utils.data", "torch.utils", "torch.utils.checkpoint",
    "torch.fx", "torch.export",
)  # fmt: skip
# Texts of the documentation, helpers of annotations and paths of PyTorch's own build.
NO_INTERFACE = (
    "torch.cpp torch.fft.Tensor torch.linalg.common_notes torch.utils.cmake_prefix_path "
    "torch.nn.functional.BroadcastingList1 torch.nn.functional.BroadcastingList2 "
    "torch.nn.functional.BroadcastingList3 torch.nn.functional.TYPE_CHECKING "
    "torch.nn.functional.reproducibility_notes torch.nn.functional.sparse_support_notes "
    "torch.nn.functional.tf32_notes torch.sparse.solve"
).split()
TARGET = Path(__file__).with_name("signatures.tsv")


def public(module):
    """The names a module offers: its `__all__`, or what it defines itself."""
    listed = getattr(module, "__all__", None)
    names = list(listed) if listed else [n for n in vars(module) if not n.startswith("_")]
    return sorted({n for n in names if not n.startswith("_") and belongs(module, n)})


def belongs(module, name):
    if f"{module.__name__}.{name}" in NO_INTERFACE:
        return False
    value = getattr(module, name, None)
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith(module.__name__ + ".")
    home = getattr(value, "__module__", None) or ""
    return not isinstance(home, str) or home.startswith("torch") or home in ("", "builtins")


def kind_of(value):
    if isinstance(value, type):
        return "class"
    if isinstance(value, types.ModuleType):
        return "module"
    return "function" if callable(value) else "value"


def text_of(value):
    """The signature as text without annotations, or ""."""
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return from_documentation(value)
    parameters = list(signature.parameters.values())
    if all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return from_documentation(value) or plain(signature)
    return plain(signature)


def plain(signature):
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def from_documentation(value):
    """f(input, *, dim=None) -> Tensor, as the first line of PyTorch's documentation has it."""
    doc = getattr(value, "__doc__", None)
    lines = [line for line in (doc if isinstance(doc, str) else "").splitlines() if line.strip()]
    found = re.match(r"(?:torch\.)?[\w.]+(\(.*)$", lines[0].strip()) if lines else None
    if not found:
        return ""
    text = re.sub(r"\s*->.*$", "", found.group(1).replace("\\*", "*"))
    try:
        arguments = ast.parse(f"def f{text}: pass").body[0].args
    except SyntaxError:
        return ""
    for i, one in enumerate(arguments.kwonlyargs):  # `out: Optional[Tensor]` may be left out
        optional = one.annotation is not None and "Optional" in ast.unparse(one.annotation)
        if arguments.kw_defaults[i] is None and (optional or "None" in ast.unparse(one)):
            arguments.kw_defaults[i] = ast.Constant(None)
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        one.annotation = None
    return f"({ast.unparse(arguments)})"


def objects_named(text):
    """Defaults that are objects, by a name: <function relu at 0x...> is relu."""
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    text = re.sub(r"<(?:function|class|module) '?([\w.]+)'?[^>]*>", r"\1", text)
    text = re.sub(r"<\w+\.(\w+): [^>]*>", r"\1", text)
    return re.sub(r"<[^>]*>", "...", text)


def rows():
    """The lines of the table."""
    found = ["module\tname\tkind\tsignature"]
    for place in MODULES:
        module = importlib.import_module(place)
        for name in public(module):
            value = getattr(module, name, None)
            kind = kind_of(value)
            text = text_of(value) if kind in ("class", "function") else ""
            text = objects_named(text)
            found.append(f"{place}\t{name}\t{kind}\t{text}")
    return found


def main():
    TARGET.write_text("\n".join(rows()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
