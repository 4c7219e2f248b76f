"""What other threads do with a function's tensors while it is recorded: it waits."""

import threading
import warnings

import numpy as np
import pytest

import tidu as torch
from tidu.compiler.machine import native
from tidu.compiler.recording import capture, tracing
from tidu.core.handle import settle
from tidu.transforms.trace import Traced

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")


def _loss(w):
    (w * w).sum().backward()
    return w.grad.tolist()


def _other_memory(w):
    w.data = torch.full((3,), 5.0)
    return w.tolist()


def _no_gradient(w):
    w.grad = None
    return w.grad


ACTS = {
    "operation": (lambda w: (w * 3).tolist(), [6.0] * 3),
    "view": (lambda w: w[1:].detach().numpy().tolist(), [2.0] * 2),
    "item": (lambda w: w[0].item(), 2.0),
    "number": (lambda w: float(w.sum()), 6.0),
    "text": (repr, "tensor([2., 2., 2.], requires_grad=True)"),
    "data": (lambda w: w.data.tolist(), [2.0] * 3),
    "other memory": (_other_memory, [5.0] * 3),
    "write": (lambda w: w.detach().mul_(2).tolist(), [4.0] * 3),
    "fill": (lambda w: w.data.zero_().tolist(), [0.0] * 3),
    "gradient": (_loss, [4.0] * 3),
    "no gradient": (_no_gradient, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTS)
def test_another_thread_never_meets_a_stand_in(name, monkeypatch):
    act, wanted = ACTS[name]
    w = torch.full((3,), 2.0, requires_grad=True)
    begun, done, found, met = threading.Event(), threading.Event(), [], []
    collect = capture._Run._collect

    def other():
        begun.wait(10)
        try:
            found.append(act(w))
        except Exception as error:
            found.append(error)
        done.set()

    def meeting(run, result):
        met.append(w._value.__class__)
        begun.set()
        done.wait(0.3)
        return collect(run, result)

    @torch.compile(fullgraph=True)
    def function(x):
        return (x * w).sum()

    monkeypatch.setattr(capture._Run, "_collect", meeting)
    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    got = function(torch.ones(3)).item()
    thread.join(10)
    assert met == [Traced] and found == [wanted]
    assert got in (6.0, float(w.sum()))  # before it was written, or after
    assert w._value.__class__ is np.ndarray


def test_a_thread_for_which_the_function_waits_goes_on(monkeypatch):
    monkeypatch.setattr(tracing, "_PATIENCE", 0.2)
    w = torch.full((3,), 2.0)

    @torch.compile
    def function(x):
        out = []
        thread = threading.Thread(target=lambda: out.append(w * 3))
        thread.start()
        thread.join()
        return out[0] + x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert function(torch.ones(3)).tolist() == [7.0] * 3
        assert function(torch.ones(3)).tolist() == [7.0] * 3
    assert w.tolist() == [2.0] * 3


def test_a_second_recording_is_waited_for_too():
    """Between the end of one and this thread's next moment another may have begun."""
    w = torch.full((3,), 2.0)
    memory, left = w._value, []

    class Value:
        dtype = None

        def __init__(self, following):
            self.level, self.following = self, following

        def left(self, handles):
            left.append(self)
            w._value = self.following
            return True

    second = Value(memory)
    first = w._value = Value(second)
    assert settle(w) is memory and left == [first, second]
