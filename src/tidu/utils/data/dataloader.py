"""DataLoader: batches of a dataset, shuffled, collated, and made by worker processes if wanted."""

import itertools
import os
import warnings
from collections.abc import Callable

from ...base.errors import hinted
from ...base.frames import user_depth
from ...base.lazy import lazy_module
from ...base.naming import Named
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import IndexedFetcher, IteratedFetcher, _BaseDataLoaderIter
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, drawn_seed
from .worker import _MultiProcessingDataLoaderIter

__all__ = ["DataLoader"]

_multiprocessing = lazy_module("multiprocessing")


_collate_fn_t = Callable  # of annotations


class _Endless(Sampler):
    """For datasets without indices: as many Nones as are asked for."""

    def __iter__(self):
        return itertools.repeat(None)


class DataLoader(Named):
    """Goes through a dataset in batches.

    ``shuffle`` or a ``sampler`` chooses the order, ``collate_fn`` makes a batch of samples,
    ``num_workers`` processes prepare batches ahead.

    >>> import tidu as torch
    >>> [batch.tolist() for batch in torch.utils.data.DataLoader(range(5), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    _iterator = None
    __initialized = False

    def __init__(
        self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None,
        num_workers=0, collate_fn=None, pin_memory=False, drop_last=False, timeout=0,
        worker_init_fn=None, multiprocessing_context=None, generator=None, *,
        prefetch_factor=None, persistent_workers=False, pin_memory_device="", in_order=True,
    ):  # fmt: skip
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_context(multiprocessing_context, num_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None:
            sampler = self._default_sampler(shuffle, generator)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if batch_sampler is not None else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self.check_worker_number_rationality()

    def __class_getitem__(cls, item):
        return cls

    def _default_sampler(self, shuffle, generator):
        if self._iterable:
            return _Endless()
        if shuffle:
            return RandomSampler(self.dataset, generator=generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, name, value):
        if self.__initialized and name in (
            "batch_size", "batch_sampler", "sampler", "drop_last", "dataset",
            "persistent_workers",
        ):  # fmt: skip
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def _prefetch(self):
        return self.prefetch_factor

    def _context(self):
        context = self.multiprocessing_context
        if context is None or isinstance(context, str):
            return _multiprocessing.get_context(context)
        return context

    def __iter__(self):
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        if not self.persistent_workers:
            return _MultiProcessingDataLoaderIter(self, drawn_seed(self.generator))
        if self._iterator is None or self._iterator.closed:
            self._iterator = _MultiProcessingDataLoaderIter(self, drawn_seed(self.generator))
        else:
            self._iterator.restart()
        return self._iterator

    def __len__(self):
        if not self._iterable:
            return len(self._index_sampler)
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        if self.drop_last:
            return count // self.batch_size
        return (count + self.batch_size - 1) // self.batch_size

    def check_worker_number_rationality(self):
        """Warns of more workers than this process may use processors."""
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        most = usable or os.cpu_count()
        if most is not None and self.num_workers > most:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our "
                f"suggested max number of worker in current system is {most}, which is smaller "
                "than what this DataLoader is going to create. Please be aware that excessive "
                "worker creation might get DataLoader running slow or even freeze, lower the "
                "worker number to avoid potential slowness/freeze if necessary.",
                stacklevel=user_depth(),
            )


def _check_context(context, num_workers):
    if context is None or not isinstance(context, str):
        return
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > "
            f"0), but got num_workers={num_workers}"
        )
    known = _multiprocessing.get_all_start_methods()
    if context not in known:
        raise ValueError(
            f"multiprocessing_context option should specify a valid start method in {known!r}, but "
            f"got multiprocessing_context={context!r}"
        )


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 "
            "to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle, sampler, batch_sampler):
    advice = "an IterableDataset chooses its own order; shuffle inside its __iter__."
    if shuffle not in (None, False):
        raise ValueError(
            hinted(
                "DataLoader with IterableDataset: expected unspecified shuffle option, but got "
                f"shuffle={shuffle}",
                advice,
            )
        )
    for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Makes each batch when it is asked for."""

    def __init__(self, loader):
        self.loader = loader
        self.indices = iter(loader._index_sampler)
        # PyTorch draws a seed for workers here even without workers; the stream goes on alike.
        self._base_seed = drawn_seed(loader.generator)
        kind = IteratedFetcher if loader._iterable else IndexedFetcher
        self.fetcher = kind(
            loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last
        )
        self.yielded = 0

    def __iter__(self):
        return self

    def __len__(self):
        return len(self.loader._index_sampler)

    def __next__(self):
        batch = self.fetcher.fetch(next(self.indices))
        self.yielded += 1
        if self.loader._iterable:
            self._check_length()
        return batch

    def _check_length(self):
        try:
            length = len(self.loader)
        except (TypeError, NotImplementedError):
            return
        if self.yielded > length:
            warnings.warn(
                f"Length of IterableDataset {self.loader.dataset} was reported to be {length} "
                f"(when accessing len(dataloader)), but {self.yielded} samples have been fetched. ",
                stacklevel=3,
            )
