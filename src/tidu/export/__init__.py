"""torch.export: its names, which refuse."""

from . import dynamic_shapes
from .absent import (
    Dim,
    ExportedProgram,
    ExportGraphSignature,
    dims,
    export,
    export_for_training,
    load,
    register_dataclass,
    save,
)
