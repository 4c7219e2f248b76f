"""Run at the start of every Python process below `tidu run`: there too, torch is served by tidu.

Multiprocessing with "spawn", data loader workers and `subprocess` all start a fresh interpreter,
which knows its parent's environment only. tidu itself is imported when torch is, not before.
"""

import os
import sys


class FirstTorchImport:
    """Waits for the first import of torch, then gives its place to the real finder."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ("torch", "torchvision"):
            return None
        finder = replace_waiting()
        return finder.find_spec(name, path, target)

    def find_distributions(self, context=None):
        if getattr(context, "name", None) not in (None, "torch"):
            return []
        return replace_waiting().find_distributions(context)


def replace_waiting():
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, FirstTorchImport)]
    from tidu.cli.alias import AliasFinder, install

    install()
    return next(item for item in sys.meta_path if isinstance(item, AliasFinder))


def run_next_sitecustomize():
    """The environment's own sitecustomize, which this one stands in front of."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    own = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = own  # the import system asks for it


if os.environ.get("TIDU_RUN"):
    sys.meta_path.insert(0, FirstTorchImport())
run_next_sitecustomize()
