"""What a worker process of a DataLoader does, and the iterator that hands out its work."""

import itertools
import os
import pickle
import queue
import random
import sys
from traceback import format_exception

import numpy as np

from ...base.lazy import lazy_module
from ...random import manual_seed
from .fetch import IndexedFetcher, IteratedFetcher, _BaseDataLoaderIter

__all__ = ["_MultiProcessingDataLoaderIter", "WorkerInfo", "get_worker_info"]

_multiprocessing = lazy_module("multiprocessing")
_CHECK_EVERY = 5.0  # seconds after which it is looked whether the workers are alive

_info = None


class WorkerInfo:
    """What a worker knows of itself: id, num_workers, seed, dataset."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        fields = ", ".join(f"{name}={value}" for name, value in self.__dict__.items())
        return f"WorkerInfo({fields})"


def get_worker_info():
    """Inside a worker, its id, num_workers, seed and dataset; None in the main process."""
    return _info


class _Failure:
    """An exception on its way to the main process, with the text of its traceback."""

    def __init__(self, where):
        kind, error, _ = sys.exc_info()
        self.kind = kind
        self.text = "".join(format_exception(error))
        self.where = where

    def reraise(self):
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if self.kind is KeyError:
            message = _Multiline(message)
        elif getattr(self.kind, "message", None):
            raise self.kind(message=message)
        try:
            error = self.kind(message)
        except Exception:
            raise RuntimeError(message) from None
        raise error


class _Multiline(str):
    """KeyError shows the repr of its message; this one's repr keeps the lines."""

    def __repr__(self):
        return str(self)


class _Ended:
    """A worker's iterable dataset has no more."""

    def __init__(self, worker):
        self.worker = worker


_RESUME = "resume"


def _numpy_seed(base_seed, worker):
    low, high = base_seed & 0xFFFFFFFF, base_seed >> 32
    return np.random.SeedSequence([worker, low, high, 0]).generate_state(4)


def _work(dataset, iterable, tasks, results, fetch_with, seed, init_fn, worker, count):
    """The life of a worker: take a task (number, indices), put (number, batch)."""
    global _info
    manual_seed(seed + worker)
    random.seed(seed + worker)
    np.random.seed(_numpy_seed(seed, worker))
    _info = WorkerInfo(id=worker, num_workers=count, seed=seed + worker, dataset=dataset)
    where = f"in DataLoader worker process {worker}"
    failure = fetcher = None
    kind = IteratedFetcher if iterable else IndexedFetcher
    try:
        if init_fn is not None:
            init_fn(worker)
        fetcher = kind(dataset, *fetch_with)
    except Exception:
        failure = _Failure(where)
    parent = os.getppid()
    while True:
        try:
            task = tasks.get(timeout=_CHECK_EVERY)
        except queue.Empty:
            if os.getppid() != parent:
                return
            continue
        if task is None:
            return
        if task is _RESUME or task == _RESUME:
            failure, fetcher = _restarted(kind, dataset, fetch_with, where)
            results.put((_RESUME, worker))
            continue
        number, indices = task
        batch = _fetched(fetcher, indices, failure, where, worker, iterable)
        results.put((number, _packed(batch, where)))
        failure = None


def _packed(batch, where):
    """The batch as bytes. Made here, because the queue's own thread could not tell an error."""
    try:
        return pickle.dumps(batch, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:
        return pickle.dumps(_Failure(where))


def _restarted(kind, dataset, fetch_with, where):
    try:
        return None, kind(dataset, *fetch_with)
    except Exception:
        return _Failure(where), None


def _fetched(fetcher, indices, failure, where, worker, iterable):
    if failure is not None:
        return failure
    try:
        return fetcher.fetch(indices)
    except StopIteration:
        return _Ended(worker) if iterable else _Failure(where)
    except Exception:
        return _Failure(where)


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Hands tasks to workers ahead of time and yields their batches in order."""

    def __init__(self, loader, base_seed):
        self.loader = loader
        count = loader.num_workers
        context = loader._context()
        self.results = context.Queue()
        self.tasks, self.workers = [], []
        fetch_with = (loader._auto_collation, loader.collate_fn, loader.drop_last)
        for worker in range(count):
            tasks = context.Queue()
            process = context.Process(
                target=_work,
                args=(loader.dataset, loader._iterable, tasks, self.results, fetch_with,
                      base_seed, loader.worker_init_fn, worker, count),
                daemon=True,
            )  # fmt: skip
            process.start()
            self.tasks.append(tasks)
            self.workers.append(process)
        self.closed = False
        self._begin()

    def _begin(self):
        self.indices = iter(self.loader._index_sampler)
        self.sent = self.received = self.yielded = 0
        self.waiting = {}  # number -> batch that came before its turn
        self.owner = {}  # number -> worker
        self.active = [True] * len(self.workers)
        self.turns = itertools.cycle(range(len(self.workers)))
        for _ in range(self.loader._prefetch() * len(self.workers)):
            self._send()

    def restart(self):
        """Begin another epoch with the same processes."""
        pending = set(self.owner) - set(self.waiting)
        while pending:
            number, _ = self._receive()
            pending.discard(number)
        for tasks in self.tasks:
            tasks.put(_RESUME)
        answers = 0
        while answers < len(self.workers):
            number, _ = self._receive()
            answers += number == _RESUME
        self._begin()

    def _send(self):
        if not any(self.active):
            return
        try:
            indices = next(self.indices)
        except StopIteration:
            return
        worker = next(w for w in self.turns if self.active[w])
        self.owner[self.sent] = worker
        self.tasks[worker].put((self.sent, indices))
        self.sent += 1

    def _receive(self):
        number, batch = self._received()
        return number, pickle.loads(batch) if isinstance(batch, bytes) else batch

    def _received(self):
        limit = self.loader.timeout
        if limit > 0:
            try:
                return self.results.get(timeout=limit)
            except queue.Empty:
                self.close(patience=0)
                raise RuntimeError(f"DataLoader timed out after {limit} seconds") from None
        while True:
            try:
                return self.results.get(timeout=_CHECK_EVERY)
            except queue.Empty:
                self._check_alive()

    def _check_alive(self):
        dead = [
            process.pid
            for i, process in enumerate(self.workers)
            if self.active[i] and not process.is_alive()
        ]
        if dead:
            self.close(patience=0)
            names = ", ".join(str(pid) for pid in dead)
            raise RuntimeError(f"DataLoader worker (pid(s) {names}) exited unexpectedly")

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            # Tasks given to a worker whose data had ended bring nothing.
            while self.yielded < self.sent and self.owner.get(self.yielded) is None:
                self.yielded += 1
            if self.yielded >= self.sent:
                self._finished()
                raise StopIteration
            if self.yielded in self.waiting:
                batch = self.waiting.pop(self.yielded)
            else:
                number, batch = self._receive()
                if isinstance(batch, _Ended):
                    self._worker_ended(batch.worker, number)
                    continue
                if number != self.yielded:
                    self.waiting[number] = batch
                    continue
            del self.owner[self.yielded]
            self.yielded += 1
            self._send()
            if isinstance(batch, _Failure):
                if not self.loader.persistent_workers:
                    self.close()
                batch.reraise()
            return batch

    def _worker_ended(self, worker, number):
        self.active[worker] = False
        self.owner[number] = None
        self._send()

    def _finished(self):
        if not self.loader.persistent_workers:
            self.close()

    def close(self, patience=_CHECK_EVERY):
        """End the processes: by request, and after so many seconds by force."""
        if self.closed:
            return
        self.closed = True
        for tasks in self.tasks:
            tasks.put(None)
        for process in self.workers:
            process.join(timeout=patience)
            if process.is_alive():
                process.terminate()
        for tasks in (*self.tasks, self.results):
            tasks.cancel_join_thread()
            tasks.close()

    def __len__(self):
        return len(self.loader._index_sampler)

    def __del__(self):
        try:
            self.close()
        except Exception:
            pass  # the interpreter may be ending; the processes are daemons and end with it
