"""torch.utils.data: datasets, samplers and the DataLoader."""

from ...base.lazy import late
from . import dataloader, dataset, distributed, sampler
from .collate import default_collate, default_convert
from .dataloader import DataLoader
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .distributed import DistributedSampler
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from .worker import get_worker_info

__all__ = [
    "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler",
    "IterableDataset", "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset",
    "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler", "dataloader", "dataset",
    "default_collate", "default_convert", "distributed", "get_worker_info", "random_split",
    "sampler",
]  # fmt: skip

__getattr__ = late(__name__, {
    "_utils": "._utils",
    "DFIterDataPipe": ".datapipes:DFIterDataPipe",
    "DataChunk": ".datapipes:DataChunk",
    "IterDataPipe": ".datapipes:IterDataPipe",
    "MapDataPipe": ".datapipes:MapDataPipe",
    "argument_validation": ".datapipes:argument_validation",
    "datapipes": ".datapipes",
    "functional_datapipe": ".datapipes:functional_datapipe",
    "guaranteed_datapipes_determinism": ".datapipes:guaranteed_datapipes_determinism",
    "non_deterministic": ".datapipes:non_deterministic",
    "runtime_validation": ".datapipes:runtime_validation",
    "runtime_validation_disabled": ".datapipes:runtime_validation_disabled",
})  # fmt: skip
