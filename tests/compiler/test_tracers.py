"""Writes in place ask one number whether anybody records: it is right whatever a recording does."""

import threading

import pytest

import tidu
from tidu.compiler.recording.tracing import RunTracer
from tidu.core.modes import LOCAL, STATE


def test_counted_while_recorded(monkeypatch):
    seen = []
    writes = RunTracer.writes

    def watched(tracer, handle):
        seen.append((STATE.tracers, LOCAL.tracer is tracer))
        writes(tracer, handle)

    monkeypatch.setattr(RunTracer, "writes", watched)
    x = tidu.ones(3)
    assert tidu.compile(lambda x: x.add_(1) * 2)(x).tolist() == [4.0] * 3
    assert x.tolist() == [2.0] * 3
    assert seen and set(seen) == {(1, True)}
    assert STATE.tracers == 0


def test_another_thread_writes_meanwhile():
    other = tidu.ones(3)

    def f(x):
        if LOCAL.tracer is not None:
            thread = threading.Thread(target=lambda: other.add_(1).fill_(7))
            thread.start()
            thread.join()
        return x + 1

    tidu.compile(f)(tidu.ones(2))
    assert other.tolist() == [7.0] * 3
    assert STATE.tracers == 0


def test_after_an_error():
    def f(x):
        x.mul_(2)
        raise ArithmeticError("mine")

    with pytest.raises(ArithmeticError, match="mine"):
        tidu.compile(f)(tidu.ones(2))
    assert STATE.tracers == 0 and LOCAL.tracer is None


def test_body_of_a_branch():
    x = tidu.ones(3)
    out = tidu.cond(x.sum() > 2, lambda x: x.clone().mul_(3), lambda x: x.clone(), (x,))
    assert out.tolist() == [3.0] * 3
    assert STATE.tracers == 0
