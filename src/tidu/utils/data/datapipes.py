"""DataPipes, which PyTorch has given up: they refuse."""

from ...base.refusals import refused_classes, refused_functions

__all__ = ["DFIterDataPipe", "DataChunk", "IterDataPipe", "MapDataPipe", "argument_validation",
           "functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic",
           "runtime_validation", "runtime_validation_disabled"]  # fmt: skip

_HINT = "PyTorch develops DataPipes no further; subclass torch.utils.data.IterableDataset."

IterDataPipe, MapDataPipe, DFIterDataPipe, DataChunk, non_deterministic = refused_classes(
    "utils.data", "IterDataPipe MapDataPipe DFIterDataPipe DataChunk non_deterministic", _HINT
)
functional_datapipe, guaranteed_datapipes_determinism, runtime_validation_disabled = (
    refused_classes(
        "utils.data",
        "functional_datapipe guaranteed_datapipes_determinism runtime_validation_disabled",
        _HINT,
    )
)
argument_validation, runtime_validation = refused_functions(
    "utils.data", "argument_validation runtime_validation", _HINT
)
