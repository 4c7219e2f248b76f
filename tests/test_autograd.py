"""The tape's semantics: each program observes what PyTorch was recorded to do.

The programs are in `tests/programs`; `tests/reference/test_autograd_reference.py` runs the same
programs with PyTorch itself, and `python tests/test_autograd.py` records it anew.
"""

import gc
import importlib
import json
import sys
import warnings
import weakref
from pathlib import Path

import pytest

import tidu as torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
observe = importlib.import_module("programs.observe")
RECORDED = HERE / "data" / "autograd.json"
MODULES = ("tape", "changes", "seeds", "surface", "graphs", "recompute", "duals", "checks",
           "batches", "nodes", "undefined", "refusals")  # fmt: skip
PROGRAMS = {
    f"{module}.{name}": program
    for module in MODULES
    for name, program in observe.collect(importlib.import_module(f"programs.{module}")).items()
}


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_observes_what_was_recorded(name, recorded):
    assert observe.difference(observe.plain(PROGRAMS[name](torch)), recorded[name]) is None


@pytest.mark.slow
def test_a_chain_of_a_million_operations():
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y * 1.000001
    y.backward()
    assert abs(x.grad.item() - 1.000001**1_000_000) < 1e-6
    del y


@pytest.mark.slow
def test_backward_leaves_no_garbage():
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            x = torch.ones(4, 4, requires_grad=True)
            y = (x @ x).relu() * 1
            y[0].mul_(2)
            loss = y.softmax(1).log().mean() + y.max(0)[0].sum()
            loss.backward()
            assert loss.grad_fn.next_functions
            del x, y, loss
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_create_graph_leaves_no_garbage_once_the_gradient_is_dropped():
    gc.collect()
    x = torch.ones(3, requires_grad=True)
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    ref = weakref.ref(g)
    g.sum().backward()
    del g
    assert ref() is None
    assert x.grad.tolist() == [6, 6, 6]


def test_messages_come_with_a_hint():
    x = torch.ones(2, requires_grad=True)
    y = x * x
    for action in (y.backward, x.numpy, lambda: x.add_(1)):
        with pytest.raises(RuntimeError, match="\nHint: "):
            action()


def record():
    reference = importlib.import_module("torch")
    warnings.simplefilter("ignore")
    results = {name: observe.plain(program(reference)) for name, program in PROGRAMS.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in results.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()
