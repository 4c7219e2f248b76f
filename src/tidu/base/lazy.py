"""Modules imported at their first use, for packages that cost start-up time or may be missing, and
names of modules that are found elsewhere (`Place`).

`scipy_special = lazy_module("scipy.special")` imports nothing; `scipy_special.erf` does. The other
way to delay an import, a statement inside a function, hides the dependency and is not used in
tidu.
"""

from importlib import import_module
from sys import modules
from types import ModuleType

from .errors import UnknownName
from .process.forks import at_work


class Door:
    """A function that is handed down by a higher layer, which a lower one may not import.

    Until `open` hands it in, `closed` is called.
    """

    __slots__ = ("function",)

    def __init__(self, closed):
        self.function = closed

    def __call__(self, *args):
        return self.function(*args)

    def open(self, function):
        self.function = function


class Place(str):
    """A module as PyTorch calls it, which is `home` here.

    It prints and splits as PyTorch's name, and is found as ours: as a key of `sys.modules`, and so
    by `pickle` (from protocol 4 on, whose files have `home`) and `inspect`.
    """

    __slots__ = ("home",)

    def __new__(cls, said, home):
        made = str.__new__(cls, said)
        made.home = home
        return made

    def __eq__(self, other):
        return self.home == other or str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash(self.home)

    def __reduce__(self):
        return str, (self.home,)


class LazyModule(ModuleType):
    """Stands for a module and imports it when the first of its names is read."""

    def __init__(self, name: str, hint: str = ""):
        super().__init__(name)
        self.__dict__["_hint"] = hint

    def __getattr__(self, name: str):
        # Only reached for names that are not here yet, so each costs an import lookup once.
        if name.startswith("__") and name.endswith("__") and name != "__version__":
            # Tools such as inspect and doctest ask every module for these; that is no use of it.
            raise AttributeError(name)
        value = getattr(_load(self.__name__, self._hint), name)
        self.__dict__[name] = value
        return value

    def __dir__(self):
        return dir(_load(self.__name__, self._hint))


def lazy_module(name: str, hint: str = "") -> ModuleType:
    """A stand-in for module `name` which imports it on first attribute access.

    Args:
        name: the absolute name of the module, for instance `"scipy.special"`.
        hint: a line added to the error when the module is missing, for instance what to install.

    Raises:
        ModuleNotFoundError: at the first use, when there is no such module.

    >>> statistics = lazy_module("statistics")
    >>> statistics.median([3, 1, 2])
    2
    """
    return LazyModule(name, hint)


def _load(name: str, hint: str) -> ModuleType:
    try:
        with at_work():
            return import_module(name)
    except ModuleNotFoundError as error:
        if hint:
            error.add_note(hint)
        raise


def late(package: str, homes: dict[str, str], otherwise=None, given=None):
    """A module's `__getattr__` for names that are loaded when they are first asked for.

    Args:
        package: the module's `__name__`.
        homes: name -> "module" for a submodule, or "module:name" for one name of it; modules are
            relative to the package, as in an import statement.
        otherwise: name -> value, for names that have no home; raises AttributeError.
        given: (name, value) -> value, what is done to a value before it is kept.

    >>> __getattr__ = late("tidu", {"square": ".ops:square", "ops": ".ops"})
    >>> __getattr__("square").__name__
    'square'
    """
    own = vars(modules[package])

    def load(name: str):
        home = homes.get(name)
        if home is None:
            if otherwise is None:
                raise unknown(package, name)
            value = own[name] = otherwise(name)
            return value
        place = home.partition(":")[0]
        with at_work():
            module = courteous(import_module(place, package))
        # All names of that module at once: a submodule may have the name of one of them.
        for other, home in homes.items():
            source, _, attribute = home.partition(":")
            if source == place and (other not in own or own[other].__class__ is ModuleType):
                value = getattr(module, attribute) if attribute else module
                own[other] = value if given is None else given(other, value)
        return own[name]

    for value in list(own.values()):
        if value.__class__ is ModuleType and value.__name__.startswith(package + "."):
            courteous(value)
    return load


def at_home(names: dict[str, str]) -> dict[str, str]:
    """Homes for `late`, of names that are called the same there.

    >>> at_home({".ops": "square sqrt"})
    {'square': '.ops:square', 'sqrt': '.ops:sqrt'}
    """
    return {name: f"{home}:{name}" for home, words in names.items() for name in words.split()}


def courteous(module: ModuleType) -> ModuleType:
    """The module, whose error for a name it lacks now speaks of torch and suggests another."""
    package = module.__name__
    if package.partition(".")[0] == _ROOT and "__getattr__" not in vars(module):

        def __getattr__(name: str):
            raise unknown(package, name)

        vars(module)["__getattr__"] = __getattr__
    return module


def unknown(package: str, name: str) -> AttributeError:
    """The error for a name that a module of this package lacks."""
    public = package.replace(f"{_ROOT}.vision", "torchvision").replace(_ROOT, "torch", 1)
    return UnknownName(modules[package], public, name)


_ROOT = __name__.partition(".")[0]
TORCH = Place("torch", _ROOT)


def standing(function, path):
    """The function, named as what `path` leads to from the package ("Tensor.abs_", "fx.wrap"):
    pickle looks for it there."""
    home, _, name = path.rpartition(".")
    method = home == "Tensor"
    function.__name__, function.__qualname__ = name, path if method else name
    function.__module__ = _ROOT if method or not home else f"{_ROOT}.{home}"
    return function
