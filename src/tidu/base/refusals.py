"""Names that programs import but tidu cannot serve: they exist, and say so when they are used.

A refused class can be subclassed, named in annotations and asked for with `isinstance` (nothing is
an instance of it); making an instance, or calling a refused function, is a NotImplementedError.
"""

from .errors import hinted
from .lazy import standing

__all__ = ["refused_classes", "refused_functions"]


def refused_functions(place, names, hint):
    """One function for each of `names` (words of one text), known to users as torch.`place`.name.

    >>> export, save = refused_functions("export", "export save", "write a state_dict.")
    >>> export.__name__
    'export'
    """
    return tuple(_function(place, name, hint) for name in names.split())


def refused_classes(place, names, hint):
    """One class for each of `names` (words of one text), known to users as torch.`place`.name."""
    return tuple(_class(place, name, hint) for name in names.split())


def _message(place, name, hint):
    root = "" if place.startswith("torchvision") else "torch"
    path = ".".join(part for part in (root, place, name) if part)
    return hinted(f"{path} is not available in tidu.", hint)


def _function(place, name, hint):
    def refuse(*args, **kwargs):
        raise NotImplementedError(_message(place, name, hint))

    refuse.__doc__ = f"Not available: {hint}"
    home = place.replace("torchvision", "vision")
    return standing(refuse, f"{home}.{name}" if home else name)


class _Refused(type):
    """The kind of refused classes."""

    def __call__(cls, *args, **kwargs):
        raise NotImplementedError(cls._refusal)

    def __instancecheck__(cls, instance):
        return False


def _class(place, name, hint):
    body = {
        "__module__": f"torch.{place}" if place else "torch",
        "__doc__": f"Not available: {hint}",
        "_refusal": _message(place, name, hint),
    }
    return _Refused(name, (), body)
