"""Writes in place ask one number whether anybody records: it is right whatever a recording does."""

import threading

import pytest

import tidu
from tidu.core.modes import LOCAL, STATE


def test_counted_while_recorded():
    seen = []

    def f(x):
        seen.append((STATE.tracers, LOCAL.tracer is not None))
        return x.add_(1) * 2

    x = tidu.ones(3)
    assert tidu.compile(f)(x).tolist() == [4.0] * 3
    assert x.tolist() == [2.0] * 3
    assert (1, True) in seen
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
