"""Serves `import torch` with tidu: one module object under both names in `sys.modules`.

Read `install` first. `AliasFinder` stands first on `sys.meta_path`, so an installed PyTorch is
never reached; names tidu lacks end in the ordinary "No module named 'torch.x'".
"""

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path

from ..base.lazy import courteous
from ..base.naming import RENAMED
from ..version import __version__, torch_version

ALIASES = {"torch": "tidu", "torchvision": "tidu.vision"}
CHILDREN = Path(__file__).with_name("children")
VARIABLE = "TIDU_RUN"
NAMED = ("torch.nn.modules.", "torch.optim.", "torch.utils.data.", "torchvision.")


def install() -> None:
    """Makes torch mean tidu in this process and in the Python processes it starts."""
    if not any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, AliasFinder())
    # A child finds children/sitecustomize.py through PYTHONPATH; the variable switches it on.
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if str(CHILDREN) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(CHILDREN), *paths])
    os.environ[VARIABLE] = "1"


def tidu_name(name: str) -> str | None:
    """The module of tidu that serves `name`: torch.nn -> tidu.nn; None for other packages."""
    top, dot, rest = name.partition(".")
    return ALIASES[top] + dot + rest if top in ALIASES else None


class AliasFinder:
    """Finds torch, torch.x.y and torchvision among tidu's modules."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("tidu."):
            return naming_spec(name, path)
        real = tidu_name(name)
        module = None if real is None else found(real)
        if module is None:
            return None
        return ModuleSpec(name, AliasLoader(module), is_package=hasattr(module, "__path__"))

    def find_distributions(self, context=None):
        """Answers `importlib.metadata.version("torch")`, which packages ask before importing it."""
        name = getattr(context, "name", None)
        if name is not None and name.lower() != "torch":
            return []
        return [torch_distribution()]

    def invalidate_caches(self):
        """Nothing is cached here; the import system calls this on every finder."""


class NamingLoader(SourceFileLoader):
    """Loads a module of tidu as ever, then names its classes as PyTorch does."""

    def exec_module(self, module):
        super().exec_module(module)
        name_classes(module, public_name(module.__name__))


def naming_spec(name: str, path):
    """The spec of a module of tidu whose classes are renamed; None for every other."""
    if not public_name(name):
        return None
    spec = PathFinder.find_spec(name, path)
    if spec is not None and type(spec.loader) is SourceFileLoader:
        spec.loader = NamingLoader(spec.loader.name, spec.loader.path)
    return spec


class AliasLoader:
    """Puts a module that exists already under a second name."""

    def __init__(self, module):
        self.module = module

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        # The import system takes what it finds in sys.modules afterwards, so the empty module it
        # made is dropped and the real one keeps its own __name__, __spec__ and __path__; but the
        # root's name is asked for: packages compare it with the first word of "torch.nn.Linear".
        sys.modules[module.__spec__.name] = self.module
        if module.__spec__.name == "torch":
            self.module.__name__ = "torch"
        share_loaded_modules()


def share_loaded_modules() -> None:
    """Gives every loaded module of tidu its name under torch, as importing torch loads them.

    An import that finds its module in `sys.modules` binds nothing in the parent. That matters
    where a function and a module have one name, as `torch.autograd.gradcheck` does.
    """
    for alias, real in ALIASES.items():
        if alias in sys.modules:
            for name, module in list(sys.modules.items()):
                if name.startswith(real + "."):
                    courteous(module)
                    sys.modules.setdefault(alias + name[len(real) :], module)


def public_name(name: str) -> str:
    """The name under which a program knows a module of tidu, or "" where classes keep theirs."""
    for alias, real in reversed(ALIASES.items()):
        if name.startswith(real + ".") and (alias + name[len(real) :]).startswith(NAMED):
            return alias + name[len(real) :]
    return ""


def name_classes(module, public: str) -> None:
    """Lets the classes of layers, optimizers and data sets say where PyTorch has them.

    Only here: a class is pickled by this name, which must lead back to the same class.
    """
    for value in list(vars(module).values()):
        if isinstance(value, type) and str(value.__module__) == module.__name__:
            value.__module__ = public
            RENAMED.add(value)


def found(real: str):
    """tidu's module of this name, or the one that its parent knows by it; None if there is none."""
    try:
        if real in sys.modules or find_spec(real) is not None:
            return courteous(import_module(real))
    except ModuleNotFoundError:
        return None
    parent, _, name = real.rpartition(".")
    module = getattr(import_module(parent), name, None)
    return module if isinstance(module, type(sys)) else None


def torch_distribution():
    """The metadata of a distribution called torch, at the version whose API tidu follows."""
    from importlib.metadata import Distribution

    class TorchDistribution(Distribution):
        def read_text(self, filename):
            if filename == "METADATA":
                return f"Metadata-Version: 2.1\nName: torch\nVersion: {__version__}\n"
            return None

        def locate_file(self, path):
            return Path(__file__).parents[2] / path

    return TorchDistribution()


def explain_missing(error: ImportError) -> None:
    """Adds a line of help to an uncaught "No module named 'torch.x'" or missing network."""
    if error.name == "tidu.vision.models":
        error.add_note(
            "hint: tidu serves torchvision's transforms, datasets and utils, and no networks: "
            "write the network with torch.nn, and load weights you have with load_state_dict"
        )
    elif error.name and tidu_name(error.name) is not None:
        error.add_note(
            f"hint: torch is served by tidu here, which has no {error.name} "
            f"(it follows PyTorch {torch_version} on the CPU); "
            "`tidu check` lists all that a program would miss"
        )
