"""torch.monitor, as PyTorch 2.13 counts and logs."""

import datetime
import time

import pytest

import tidu as torch
from tidu.monitor import (
    Aggregation,
    Event,
    Stat,
    log_event,
    register_event_handler,
    unregister_event_handler,
)

LONG = datetime.timedelta(seconds=1000)


@pytest.fixture
def events():
    seen = []
    handle = register_event_handler(lambda event: seen.append((event.name, event.data)))
    yield seen
    unregister_event_handler(handle)


def test_a_window_is_logged_when_the_stat_ends(events):
    stat = Stat("a", list(Aggregation), LONG)
    for value in (1.0, 5.0, 3.0):
        stat.add(value)
    assert stat.count == 3 and set(stat.get().values()) == {0.0} and not events
    del stat
    assert events == [("torch.monitor.Stat", {
        "a.min": 1.0, "a.max": 5.0, "a.sum": 9.0, "a.count": 3.0, "a.mean": 3.0})]  # fmt: skip


def test_no_more_than_so_many_values_of_a_window(events):
    stat = Stat("b", [Aggregation.SUM, Aggregation.MAX], LONG, max_samples=2)
    for value in (1, 2, 3):
        stat.add(value)
    assert stat.count == 0
    assert stat.get() == {Aggregation.MAX: 2.0, Aggregation.SUM: 3.0}
    assert events == [("torch.monitor.Stat", {"b.max": 2.0, "b.sum": 3.0})]


def test_the_next_window_logs_the_one_before(events):
    stat = Stat("c", [Aggregation.SUM], datetime.timedelta(milliseconds=50))
    stat.add(1)
    time.sleep(0.1)
    assert stat.count == 1 and not events
    stat.add(5)
    assert stat.count == 1 and events == [("torch.monitor.Stat", {"c.sum": 1.0})]


def test_events_reach_handlers_until_they_are_taken_away():
    seen = []
    handle = register_event_handler(seen.append)
    event = Event("x", datetime.datetime(2020, 1, 1), {"i": 1, "f": 2.5, "s": "q", "b": True})
    log_event(event)
    unregister_event_handler(handle)
    log_event(event)
    assert seen == [event] and event.data == {"i": 1, "f": 2.5, "s": "q", "b": 1.0}
    with pytest.raises(TypeError):
        Event("x", 3, {})
    with pytest.raises(TypeError):
        Stat("x", [Aggregation.SUM], 3)


def test_no_worker_has_a_generator_of_its_own_here():
    assert torch.random.thread_safe_generator() is None
