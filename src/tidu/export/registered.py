"""Dataclasses as nested values, and tables of decompositions."""

import dataclasses

from ..base.errors import hinted
from ..base.refusals import refused_classes, refused_functions
from ..base.tree import register

__all__ = [
    "AdditionalInputs", "CustomDecompTable", "FlatArgsAdapter", "ModuleCallEntry",
    "ModuleCallSignature", "ShapesCollection", "UnflattenedModule", "default_decompositions",
    "export_for_training", "register_dataclass", "unflatten",
]  # fmt: skip


def register_dataclass(cls, *, serialized_type_name=None):
    """Have instances of a dataclass be nested values: inputs and outputs of exported programs.

    Raises:
        AssertionError: it is no dataclass.

    >>> import tidu as torch
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Point:
    ...     x: torch.Tensor
    ...     y: torch.Tensor
    >>> torch.export.register_dataclass(Point)
    >>> torch.utils._pytree.tree_leaves(Point(1, 2))
    [1, 2]
    """
    if not dataclasses.is_dataclass(cls):
        raise AssertionError(hinted(
            f"Only dataclasses can be registered with this function: {cls}",
            "decorate the class with dataclasses.dataclass.",
        ))  # fmt: skip
    names = [field.name for field in dataclasses.fields(cls) if field.init]
    register(
        cls,
        lambda value: ([getattr(value, name) for name in names], names),
        lambda parts, names: cls(**dict(zip(names, parts, strict=True))),
    )


def default_decompositions():
    """An empty table: a program of torch's functions is not decomposed."""
    return {}


(
    AdditionalInputs, CustomDecompTable, FlatArgsAdapter, ModuleCallEntry, ModuleCallSignature,
    ShapesCollection, UnflattenedModule,
) = refused_classes(
    "export", "AdditionalInputs CustomDecompTable FlatArgsAdapter ModuleCallEntry "
    "ModuleCallSignature ShapesCollection UnflattenedModule",
    "torch.export.export(...).module() keeps the submodules, and dynamic_shapes names open axes.",
)  # fmt: skip
(unflatten,) = refused_functions(
    "export", "unflatten", "program.module() keeps the submodules of the module as they were."
)
(export_for_training,) = refused_functions(
    "export", "export_for_training", "torch.export.export gives a program that can be trained."
)
