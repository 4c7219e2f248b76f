"""Tensors whose parts lie on several devices, which are refused."""

from dataclasses import dataclass

from ...base.refusals import refused_classes, refused_functions

_HINT = "there is one device, the CPU: use the tensor or module itself."

(DTensor,) = refused_classes("distributed.tensor", "DTensor", _HINT)
distribute_module, distribute_tensor, parallelize_module = refused_functions(
    "distributed.tensor", "distribute_module distribute_tensor parallelize_module", _HINT
)
ColwiseParallel, RowwiseParallel, SequenceParallel, PrepareModuleInput, PrepareModuleOutput = (
    refused_classes(
        "distributed.tensor.parallel",
        "ColwiseParallel RowwiseParallel SequenceParallel PrepareModuleInput PrepareModuleOutput",
        _HINT,
    )
)


@dataclass(frozen=True)
class Shard:
    """Cut along an axis."""

    dim: int


@dataclass(frozen=True)
class Replicate:
    """The whole on every device."""


@dataclass(frozen=True)
class Partial:
    """A part of a sum on every device."""

    reduce_op: str = "sum"
