"""Work on many seeds shared among processes that may crash or hang: `results`."""

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import time
from collections import deque
from multiprocessing import connection

CHUNK = 200  # seeds of one process, whose machine code is never unmapped
PATIENCE = 300  # seconds for one seed


def results(seeds, jobs, examine, prepare=None):
    """(seed, ``examine(seed)``) for a range of seeds as they come, from so many processes at once.

    A process that crashes or takes too long gives words for the seed it was at, and another goes on
    with the next seed; where its threads were is written to standard error.
    """
    size = min(CHUNK, -(-len(seeds) // jobs))
    chunks = deque(seeds[i : i + size] for i in range(0, len(seeds), size))
    workers = []
    try:
        while chunks or workers:
            while chunks and len(workers) < jobs:
                workers.append(_Worker(chunks.popleft(), examine, prepare))
            yield from _received(workers)
            for worker in [w for w in workers if w.is_over()]:
                workers.remove(worker)
                how, left = worker.ended(), worker.left
                if left:
                    yield left[0], f"seed {left[0]}: its process {how}"
                if left[1:]:
                    chunks.appendleft(left[1:])
    finally:
        for worker in workers:
            worker.process.kill()


def _received(workers):
    """What has arrived within a second. The time in which this process was stopped is not counted
    as waiting, as the others were then, too."""
    began = time.monotonic()
    ready = connection.wait([w.received for w in workers], 1)
    took = min(time.monotonic() - began, 2)
    for worker in workers:
        worker.waited += took
        if worker.received in ready:
            with contextlib.suppress(EOFError):
                yield worker.receive()


class _Worker:
    """A process and the seeds of which it has not told yet."""

    def __init__(self, seeds, examine, prepare):
        self.left, self.waited, self.closed = seeds, 0.0, False
        self.received, sender = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(
            target=_work, args=(sender, seeds, examine, prepare), daemon=True
        )
        self.process.start()
        sender.close()

    def receive(self):
        self.waited, self.closed = 0.0, True
        found = self.received.recv()
        self.closed, self.left = False, self.left[1:]
        return found

    def is_over(self):
        return self.closed or self.waited > PATIENCE

    def ended(self):
        """How, in words."""
        if self.closed:
            self.process.join()
            return f"ended with code {self.process.exitcode}"
        os.kill(self.process.pid, signal.SIGABRT)
        self.process.join(10)
        self.process.kill()
        self.process.join()
        return f"took more than {PATIENCE} s"


def _work(sender, seeds, examine, prepare):
    faulthandler.enable()
    if prepare is not None:
        prepare()
    for seed in seeds:
        sender.send((seed, examine(seed)))
