"""The processes of `random_runs.py`: one that crashes or hangs costs its seed and no other."""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import random_workers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="made for many at once on Unix")


def _fate(seed):
    if seed == 7:
        os.kill(os.getpid(), 9)
    if seed == 11:
        time.sleep(60)
    if seed == 12:
        raise ValueError("of the checker itself")
    return f"seed {seed}: differs" if seed % 5 == 0 else None


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 3])
def test_every_seed_is_told_of_once(jobs, monkeypatch, capfd):
    monkeypatch.setattr(random_workers, "CHUNK", 4)
    monkeypatch.setattr(random_workers, "PATIENCE", 1.5)
    found = sorted(random_workers.results(range(20), jobs, _fate))
    assert [seed for seed, _ in found] == list(range(20))
    told = {seed: words for seed, words in found if words is not None}
    assert told == {
        **{n: f"seed {n}: differs" for n in (0, 5, 10, 15)},
        7: "seed 7: its process ended with code -9",
        11: "seed 11: its process took more than 1.5 s",
        12: "seed 12: its process ended with code 1",
    }
    errors = capfd.readouterr().err
    assert "in _fate" in errors and "of the checker itself" in errors  # where it hung, what failed


def test_nothing_is_left_running_when_the_reader_stops():
    running = random_workers.results(range(100), 2, _fate)
    next(running)
    workers = running.gi_frame.f_locals["workers"]
    running.close()
    for worker in workers:
        worker.process.join(10)
        assert worker.process.exitcode is not None
