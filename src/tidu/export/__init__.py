"""torch.export: modules as programs of calls, for inputs like an example."""

from . import dynamic_shapes, exported_program, graph_signature
from .dynamic_shapes import Dim, dims
from .exported_program import ExportedProgram, draft_export, export
from .files import load, save
from .graph_signature import ExportBackwardSignature, ExportGraphSignature
from .registered import (
    AdditionalInputs,
    CustomDecompTable,
    FlatArgsAdapter,
    ModuleCallEntry,
    ModuleCallSignature,
    ShapesCollection,
    UnflattenedModule,
    default_decompositions,
    export_for_training,
    register_dataclass,
    unflatten,
)
