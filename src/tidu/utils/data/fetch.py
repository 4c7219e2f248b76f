"""How a batch is made from indices: of an indexed dataset, or of one to go through."""

from ... import ops
from .collate import default_collate
from .dataset import Subset, TensorDataset

__all__ = ["IndexedFetcher", "IteratedFetcher", "_BaseDataLoaderIter"]


class _BaseDataLoaderIter:
    """What iterators of a DataLoader are, in PyTorch's word for `isinstance`."""


class IndexedFetcher:
    """Batches of ``dataset[index]``."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.tensors = _tensors_of(dataset) if collate_fn is default_collate else None

    def fetch(self, index):
        """The batch of a list of indices, or the sample of one index."""
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self.tensors is not None:
            return self._rows(index)
        several = getattr(self.dataset, "__getitems__", None)
        if several:
            return self.collate_fn(several(index))
        return self.collate_fn([self.dataset[i] for i in index])

    def _rows(self, index):
        # Rows taken at once are the same numbers as single rows stacked.
        dataset = self.dataset
        while type(dataset) is Subset:
            index = [dataset.indices[i] for i in index]
            dataset = dataset.dataset
        rows = ops.tensor(index)
        return [tensor[rows] for tensor in self.tensors]


def _tensors_of(dataset):
    """The tensors of a TensorDataset (or a subset of one) that changes nothing of it."""
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return dataset.tensors if type(dataset) is TensorDataset else None


class IteratedFetcher:
    """Batches of what an iterator yields."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.samples = iter(dataset)
        self.ended = False

    def fetch(self, index):
        """The next batch; the indices only tell how many samples are wanted."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.samples))
        batch = []
        for _ in index:
            try:
                batch.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not batch or (self.drop_last and len(batch) < len(index)):
            raise StopIteration
        return self.collate_fn(batch)
