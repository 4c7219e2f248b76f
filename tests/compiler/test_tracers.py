"""Writes in place ask one number whether anybody records: it is right whatever a recording does."""

import threading

import pytest

import tidu
from tidu.compiler.recording.tracing import RunTracer
from tidu.core.modes import LOCAL, STATE, set_tracer


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


def test_another_thread_is_not_asked():
    class Writes(Exception):
        pass

    class Recorder:
        def writes(self, handle):
            raise Writes

    x = tidu.ones(3)
    was = set_tracer(Recorder())
    try:
        thread = threading.Thread(target=lambda: x.add_(1).fill_(7))
        thread.start()
        thread.join()
        assert x.tolist() == [7.0] * 3
        for write in (lambda: x.add_(1), lambda: x.fill_(1)):
            with pytest.raises(Writes):
                write()
    finally:
        set_tracer(was)
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
