"""Modules of switches: torch._dynamo.config, torch._inductor.config, torch.compiler.config.

Their names, defaults and types are PyTorch's (`switches.tsv`). What is set is kept; few of them
mean something to this compiler, which asks for those by `switch`.
"""

import ast
import sys
from functools import lru_cache, wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType

from .lazy import lazy_module

__all__ = ["SwitchModule", "install", "names_of", "switch", "type_of"]

pickle = lazy_module("pickle")
_ROOT = __name__.partition(".")[0]
_TABLE = Path(__file__).with_name("switches.tsv")


@lru_cache(None)
def _rows():
    """{area: {name: (default, type's name or "", the other switch that it is or "")}}."""
    found = {}
    for line in _TABLE.read_text("utf-8").splitlines()[1:]:
        area, name, default, kind, alias = line.split("\t")
        value = ast.literal_eval(default) if default else None
        found.setdefault(area, {})[name] = value, kind, alias
    return found


def install(name):
    """Make the module of this name one of switches."""
    module = sys.modules[name]
    area = name.split(".")[-2]
    module.__dict__.update(_area=area, _values={
        key: value for key, (value, _, alias) in _rows()[area].items() if not alias
    })  # fmt: skip
    module.__class__ = SwitchModule


def switch(area, name):
    """What a switch is set to, without loading the module: its default where nobody has."""
    module = sys.modules.get(f"{_ROOT}.{area}.config")
    return _rows()[area][name][0] if module is None else getattr(module, name)


def names_of(area):
    """The names of the switches of an area, in order."""
    return [name for name, (_, _, alias) in _rows()[area].items() if not alias]


def type_of(area, name):
    """The type of a switch's default; None where several are allowed."""
    return _TYPES.get(_rows()[area][name][1])


class SwitchModule(ModuleType):
    """Switches a program may read and set by name, and override for a block with `patch`."""

    _area: str
    _values: dict

    def _place(self, name):
        """(the values of the module that has the switch, its name there).

        Raises:
            AttributeError: there is no such switch.
        """
        alias = _rows()[self._area].get(name, (None, "", ""))[2]
        if alias:
            area, _, other = alias.partition(".")
            return import_module(f"{_ROOT}.{area}.config")._place(other)
        if name not in self._values:
            raise AttributeError(f"torch.{self._area}.config.{name} does not exist")
        return self._values, name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._values and any(key.startswith(f"{name}.") for key in self._values):
            return _Part(self, name)
        values, key = self._place(name)
        return values[key]

    def __setattr__(self, name, value):
        if name.startswith("__"):
            return super().__setattr__(name, value)
        values, key = self._place(name)
        values[key] = value
        return None

    def __delattr__(self, name):
        self._place(name)
        setattr(self, name, _rows()[self._area][name][0])  # as it was at first

    def __dir__(self):
        return sorted({*super().__dir__(), *_rows()[self._area]})

    def patch(self, arg1=None, arg2=None, **kwargs):
        """A block, or a decorated function, in which some are different: patch("name", 1),
        patch({"name": 1}) or patch(name=1)."""
        if arg1 is None:
            changes = kwargs
        elif arg2 is not None or isinstance(arg1, str) and kwargs:
            changes = {arg1: arg2}
        else:
            if not isinstance(arg1, dict):
                raise AssertionError(
                    "first argument must be a dict when passing a single positional arg to patch"
                )
            changes = arg1
        return _Patch(self, changes)

    def get_config_copy(self):
        """{name: what it is set to}."""
        return dict(self._values)

    shallow_copy_dict = to_dict = get_config_copy

    def get_type(self, config_name):
        """The type of a switch's default; None where several are allowed."""
        return type_of(self._area, config_name)

    def save_config(self):
        """All that is set, as bytes for `load_config`."""
        return pickle.dumps(self._values, protocol=2)

    def load_config(self, maybe_pickled_config):
        """Set all as `save_config` or `get_config_copy` gave it."""
        given = maybe_pickled_config
        self._values.update(given if isinstance(given, dict) else pickle.loads(given))

    def codegen_config(self):
        """What is not as it was at first, as lines of a program."""
        first = _rows()[self._area]
        return "\n".join([f"torch.{self._area}.config.{name} = {value!r}"
                          for name, value in self._values.items()
                          if value != first[name][0]])  # fmt: skip


_TYPES = {t.__name__: t for t in (bool, int, float, str, list, set, tuple, type(None))}


class _Part:
    """The switches whose names begin alike: `config.triton.cudagraphs`."""

    def __init__(self, module, prefix):
        vars(self).update(_module=module, _prefix=prefix)

    def __getattr__(self, name):
        return getattr(self._module, f"{self._prefix}.{name}")

    def __setattr__(self, name, value):
        setattr(self._module, f"{self._prefix}.{name}", value)


class _Patch:
    """Sets switches for a block, or for each call of a decorated function."""

    def __init__(self, module, changes):
        self.module, self.changes, self.before = module, changes, []

    def __enter__(self):
        self.before.append({name: getattr(self.module, name) for name in self.changes})
        self._set(self.changes)

    def __exit__(self, *error):
        self._set(self.before.pop())

    def _set(self, values):
        for name, value in values.items():
            setattr(self.module, name, value)

    def __call__(self, function):
        @wraps(function)
        def within(*args, **kwargs):
            with _Patch(self.module, self.changes):
                return function(*args, **kwargs)

        return within
