"""What the user hears of a compiled function: warnings, reasons, `explain()`.

The stretches of a function tell in its name, each thing once.
"""

import os
import warnings

from ...base.errors import hinted
from ...base.frames import user_depth
from ...base.lazy import lazy_module
from ..recording.breaks import Behind, Wanted, code_of
from .errors import RecompileError, Unsupported
from .keys import difference, loosened

__all__ = ["Telling", "explained"]

logging = lazy_module("logging")

_RECOMPILE = hinted(
    "Detected recompile when torch.compile stance is 'fail_on_recompile'. function name: '{}'.",
    "call it with such arguments before the stance is set; .explain() tells what was compiled.",
)
_FULL_GRAPH = (
    "with fullgraph=True this is an error; without it the function runs in parts. Use torch.where "
    "for a choice by value, and keep item(), print() and numpy() out."
)


class Telling:
    """Speaks for one function; `whole`: the Telling of the function of which it is a stretch."""

    def __init__(self, function, whole=None):
        self.is_stretch = whole is not None
        self.name = whole.name if whole else name_of(function)
        self.names = parameters_of(function)
        self.reasons = whole.reasons if whole else []

    def forget(self):
        if not self.is_stretch:
            self.reasons.clear()

    def say(self, text, warning=None):
        """Keep it for `explain`, once, and warn."""
        if text in self.reasons:
            return
        self.reasons.append(text)
        if warning is not None:
            warnings.warn(text + warning, stacklevel=user_depth())

    def of_break(self, error, eagerly):
        if error.line is not None and any(r.endswith(error.line) for r in self.reasons):
            return None  # what a called function changes is met there again
        told = eagerly or isinstance(error, Behind)
        if self.is_stretch and told:  # of its neighbours, and why they are apart
            return self.say(f"A stretch of {self._text(error)}")
        if isinstance(error, Wanted):
            return self.say(self._text(error))
        self.say(
            self._text(error),
            "\nIt runs eagerly."
            if eagerly
            else "\nThat statement runs eagerly; what stands before and after it is compiled.",
        )

    def of_question(self, line):
        """Once for each line that asks for a value: it makes several programs of one function."""
        self.say(f"{self.name}: the value of a tensor decides what it does.\n  {line}",
                 "\nEach way it goes is compiled.")  # fmt: skip

    def of_another(self, made, key, why):
        """That a version is made for this key beside those there are (`made`); `why`: what refused
        that made last."""
        if why is None:
            keys = [k for k, kept in made.items() if kept and k != key]
            near = [k for k in keys if loosened(k) == loosened(key)] or keys
            why = difference(key, near[-1], self.names) if near else None
        if why is None:
            return
        text = f"{self.name} is compiled again: {why}"
        self.say(text)
        if "recompiles" in os.environ.get("TIDU_LOGS", ""):
            logging.getLogger("tidu.compile").warning(text)
        else:
            logging.getLogger("tidu.compile").info(text)

    def refusal(self, error):
        """The error where `fullgraph` forbids a break."""
        return Unsupported(hinted(self._text(error), _FULL_GRAPH))

    def recompiled(self, reason):
        """The error where `torch._dynamo.config.error_on_recompile` forbids another version."""
        return RecompileError(
            f"Recompiling function {self.name}\n    triggered by the following guard failure(s):\n"
            f"    - {reason or 'it is called with arguments of another kind'}"
        )

    def no_recompile(self):
        return RuntimeError(_RECOMPILE.format(self.name))

    def _text(self, error):
        at = f"\n  {error.line}" if error.line else ""
        return f"{self.name} cannot be compiled as one graph: {error.reason}.{at}"


def explained(optimized):
    """How many versions there are, of how many operations and loops, and why."""
    functions = optimized.with_stretches()
    made = [v for f in functions for kept in f.versions.values() for v in kept]
    others = f" in {len(functions) - 1} stretch(es)" if len(functions) > 1 else ""
    lines = [f"{name_of(optimized.function)}: {len(made)} version(s){others}"]
    for version in made:
        c = version.compiled
        for name, program in (("forward", c.forward), ("backward", c.reverse)):
            if program is not None:
                lines.append(f"  {name}: {program.summary()}")
    return "\n".join([*lines, *optimized.telling.reasons])


def name_of(function):
    return getattr(function, "__qualname__", None) or type(function).__name__


def parameters_of(function):
    """The names of the parameters that may be given by their places, but for a method's first."""
    if hasattr(function, "forward"):
        function = function.forward
    code = code_of(function)
    if code is None:
        return ()
    bound = getattr(function, "__self__", None) is not None
    return code.co_varnames[bound : code.co_argcount]
