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
           "batches", "nodes", "undefined", "refusals", "corners", "bits")  # fmt: skip
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


def test_results_are_not_written_over_what_is_still_to_be_read():
    writes = (
        lambda a: torch.sin(a[1:], out=a[:-1]), lambda a: torch.add(a[1:], 1, out=a[:-1]),
        lambda a: torch.add(a[:-1], a[1:], out=a[1:]), lambda a: torch.gt(a[1:], 1, out=a[:-1]),
        lambda a: torch.clamp(a[1:], 0, 1, out=a[:-1]), lambda a: torch.pow(a[1:], 2, out=a[:-1]),
        lambda a: torch.where(a[1:] > 0, a[1:], a[:-1], out=a[1:]),
        lambda a: torch.lerp(a[1:], a[1:], 0.5, out=a[:-1]),
    )  # fmt: skip
    for write in writes:
        for a in (torch.arange(5.0), torch.arange(5.0).double()):
            before = a.clone()
            with pytest.raises(RuntimeError, match="input tensor and the written-to tensor refer"):
                write(a)
            assert torch.equal(a, before)
    a = torch.arange(4.0)
    assert torch.add(a, a, out=a) is a and a.tolist() == [0, 2, 4, 6]
    assert torch.neg(a[1:], out=a[1:]).tolist() == [-2, -4, -6]
    assert torch.zeros(1).expand(3).fill_(2).tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.zeros(1).expand(3).add_(1)


class GivesNone(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        return a * 1

    @staticmethod
    def backward(ctx, g):
        return g, None


@pytest.mark.parametrize("between", [lambda b: b, lambda b: b * 1])
def test_hooks_of_a_leaf_hear_of_a_gradient_that_is_none(between):
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    seen = []
    b.register_hook(lambda g: seen.append(g))
    b.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf is b))
    GivesNone.apply(a, between(b)).sum().backward()
    assert seen == [None, True] and b.grad is None
    seen.clear()
    (GivesNone.apply(a, between(b)) + b).sum().backward()
    assert seen[0].tolist() == [1, 1] and seen[1:] == [True] and b.grad.tolist() == [1, 1]
    b.register_hook(lambda g: torch.ones(2))
    with pytest.raises(RuntimeError, match="can't replace a None gradient with a non-None value"):
        GivesNone.apply(a, between(b)).sum().backward()


def test_a_gradient_of_a_function_comes_in_the_type_of_its_input():
    class Typed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return kept[0]

    kept = []
    for given in (torch.ones(2).double(), torch.ones(2).half(), torch.ones(2).long()):
        kept[:] = [given]
        x = torch.ones(2, requires_grad=True)
        Typed.apply(x).sum().backward()
        assert x.grad.dtype is torch.float32 and x.grad.tolist() == [1, 1]
    kept[:] = [torch.ones(2).to(torch.complex64)]
    with pytest.raises(RuntimeError, match="input_is_complex"):
        Typed.apply(torch.ones(2, requires_grad=True)).sum().backward()


def test_what_hooks_of_nodes_may_return():
    def passed(returned, before):
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        add = y.grad_fn.register_prehook if before else y.grad_fn.register_hook
        add((lambda g: returned) if before else (lambda ins, outs: returned))
        y.sum().backward()
        return x.grad

    ones = torch.ones(2)
    assert passed((ones * 3,), True).tolist() == [6, 6] and passed((None,), True) is None
    wrong = [([ones], "expected tuple, but hook returned 'list'"), (3, "returned 'int'")]
    for before in (True, False):
        for returned, words in wrong:
            with pytest.raises(TypeError, match=words):
                passed(returned, before)
    with pytest.raises(TypeError, match="expected Variable, but hook returned 'int'"):
        passed((3,), True)
    with pytest.raises(RuntimeError, match="can't replace a None gradient"):
        passed((ones, ones), False)


def test_saved_values_that_come_back_in_another_shape_are_refused_in_words():
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t.repeat(2))
    with hooks:
        y = torch.ones(3, requires_grad=True).exp().sin()
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(3\) must match the size of"):
        y.sum().backward()


def test_the_cycle_of_a_recorded_backward_pass_is_collected_and_nobody_is_warned():
    x = torch.tensor([3.0], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (x**3).sum().backward(create_graph=True)
    leaf = weakref.ref(x)
    assert x.grad.requires_grad
    del x
    gc.collect()
    assert leaf() is None


def test_gradients_through_other_memory_are_refused():
    x = torch.arange(4.0).requires_grad_()
    moved, onto = x * 2, torch.ones(4)
    moved.set_(torch.ones(2))
    onto.set_(x)
    for t in (moved, onto):
        assert t.requires_grad and not t.is_leaf
        with pytest.raises(RuntimeError, match="derivative for aten::set_ is not implemented"):
            t.sum().backward()
    assert x.grad is None
    with torch.no_grad():
        onto = torch.ones(4).set_(x)
    assert not onto.requires_grad


def test_what_a_function_marks_dirty_counts_as_written():
    class ByNumPy(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.detach().numpy()[:] += 1
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g

    x = torch.ones(2, requires_grad=True)
    y = x * 1
    before = (y * y).sum()
    version = y._version
    out = ByNumPy.apply(y)
    assert out is y and y._version == version + 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        before.backward()
    (out * out).sum().backward()
    assert x.grad.tolist() == [4, 4]
