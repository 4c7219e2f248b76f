"""torch.classes: classes of C++ libraries, which cannot be loaded."""

from .base.refusals import refused_functions

__all__ = ["load_library"]

loaded_libraries: set = set()


class _Namespace:
    """torch.classes.mylib, in which there are no classes."""

    def __init__(self, name):
        self.__dict__["name"] = name

    def __getattr__(self, attribute):
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise RuntimeError(
            f"Tried to instantiate class '{self.name}.{attribute}', but it does not exist! Ensure "
            "that it is registered via torch::class_"
        )


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(f"module 'torch.classes' has no attribute '{name}'")
    return _Namespace(name)


(load_library,) = refused_functions(
    "classes", "load_library",
    "a library compiled for PyTorch needs PyTorch; write the class in Python.",
)  # fmt: skip
