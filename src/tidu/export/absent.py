"""torch.export makes files of programs; tidu's programs stay Python."""

import enum

from ..refusals import refused_classes, refused_functions

_HINT = (
    "save model.state_dict() with torch.save, load it in PyTorch (the format is PyTorch's own) "
    "and export there; torch.compile makes a program fast here."
)

export, export_for_training, load, save, register_dataclass = refused_functions(
    "export", "export export_for_training load save register_dataclass", _HINT
)
ExportedProgram, ExportGraphSignature = refused_classes(
    "export", "ExportedProgram ExportGraphSignature", _HINT
)


class Dim:
    """An axis whose length is left open, for torch.export: `Dim("batch")`, `Dim.AUTO`."""

    class _Hint(enum.Enum):
        AUTO, STATIC, DYNAMIC = 1, 2, 3

    AUTO, STATIC, DYNAMIC = _Hint.AUTO, _Hint.STATIC, _Hint.DYNAMIC

    def __init__(self, name, *, min=None, max=None):
        self.__name__, self.min, self.max = name, min, max


def dims(*names, min=None, max=None):
    """Several axes at once."""
    return tuple(Dim(name, min=min, max=max) for name in names)
