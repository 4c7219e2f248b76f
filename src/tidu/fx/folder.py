"""A graph module as a package of Python code and files of numbers."""

import sys
import warnings
from importlib import import_module

from ..base.lazy import lazy_module

__all__ = ["write_folder"]

_ROOT = __name__.partition(".")[0]
serialization = lazy_module(f"{_ROOT}.serialization")
_TEXT = """\
import math
from math import inf, nan
from pathlib import Path

import {torch}

device, NoneType = torch.device, type(None)
here = Path(__file__).parent


class {name}(torch.nn.Module):
    def __init__(self):
        super().__init__()
        {lines}

    {forward}
"""


def write_folder(module, folder, name):
    """Write `__init__.py`, `module.py`, and the state and odd submodules as files beside them."""
    folder.mkdir(exist_ok=True)
    serialization.save(module.state_dict(), folder / "state_dict.pt")
    lines, odd = [], []
    for child_name, child in module.named_children():
        text = _constructor(child)
        if text is None:
            odd.append(child_name)
            serialization.save(child, folder / f"{child_name}.pt")
            text = f"torch.load(here / {f'{child_name}.pt'!r}, weights_only=False)"
        lines.append(f"self.add_module({child_name!r}, {text})")
    for kind, held in (("buffer", module._buffers), ("parameter", module._parameters)):
        for key, value in held.items():
            empty = f"torch.empty({list(value.shape)}, dtype={value.dtype})"
            given = f"torch.nn.Parameter({empty})" if kind == "parameter" else empty
            lines.append(f"self.register_{kind}({key!r}, {given})")
    lines.append('self.load_state_dict(torch.load(here / "state_dict.pt"))')
    known = sys.modules.get("torch") is import_module(_ROOT)
    text = _TEXT.format(
        torch="torch" if known else f"{_ROOT} as torch", name=name,
        lines="\n        ".join(lines), forward=module.code.strip().replace("\n", "\n    "),
    )  # fmt: skip
    (folder / "module.py").write_text(text, encoding="utf-8")
    (folder / "__init__.py").write_text("from .module import *\n", encoding="utf-8")
    if odd:
        warnings.warn(
            "Was not able to save the following children modules as reprs -saved as pickled "
            f"files instead: {odd}", stacklevel=4,
        )  # fmt: skip


def _constructor(module):
    """A call that makes a module like this one, or None."""
    kind = type(module)
    text = repr(module)
    if not kind.__module__.startswith("torch.nn.modules") or list(module.children()):
        return None
    return f"torch.nn.{text}" if text.startswith(f"{kind.__name__}(") else None
