"""Traced programs: the text of graphs and code is PyTorch's, and the code computes the same."""

import copy
import json
import pickle

import pytest
import traced_programs
from fx_texts import RECORDED, texts, traced

import tidu as torch

WANTED = json.loads(RECORDED.read_text(encoding="utf-8"))
PROGRAMS = traced_programs.programs(torch)
RUN = [name for name, (_, _, inputs) in PROGRAMS.items() if inputs]


def test_the_set_is_whole():
    assert len(PROGRAMS) >= 50 and PROGRAMS.keys() == WANTED.keys()


@pytest.mark.parametrize("name", PROGRAMS)
def test_texts_are_those_of_pytorch(name):
    program, concrete, _ = PROGRAMS[name]
    assert texts(torch, traced(torch, program, concrete)) == WANTED[name]


def inputs_of(name):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in PROGRAMS[name][2]]


def result_and_gradients(function, name, parameters=()):
    """(the tensors and other values a call gives, the gradients of their sum)."""
    inputs = inputs_of(name)
    torch.manual_seed(0)
    leaves = torch.utils._pytree.tree_leaves(function(*inputs))
    wanted = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    without = "torch::autograd::NotImplemented"
    wanted = [w for w in wanted if w.grad_fn is None or w.grad_fn.name() != without]
    sources = [*inputs, *parameters]
    loss = sum([(leaf * leaf).abs().sum() for leaf in wanted], torch.zeros(()))
    gradients = torch.autograd.grad(loss, sources, allow_unused=True) if wanted else []
    return leaves, gradients


def assert_same(found, wanted):
    for some, others in zip(found, wanted, strict=True):
        assert len(some) == len(others)
        for a, b in zip(some, others, strict=True):
            if isinstance(b, torch.Tensor):
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)
            else:
                assert a == b


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_code_computes_the_same(name):
    program, concrete, _ = PROGRAMS[name]
    module = traced(torch, program, concrete)
    parameters = list(program.parameters()) if isinstance(program, torch.nn.Module) else []
    wanted = result_and_gradients(program, name, parameters)
    assert_same(result_and_gradients(module, name, parameters), wanted)
    run = torch.fx.Interpreter(module).run
    assert_same(result_and_gradients(run, name, parameters), wanted)
    again = torch.fx.Transformer(module).transform()
    assert_same(result_and_gradients(again, name, parameters), wanted)
    assert [n.target for n in again.graph.nodes if n.op != "get_attr"] == [
        n.target for n in module.graph.nodes if n.op != "get_attr"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_copies_and_pickles_are_the_same(name):
    program, concrete, _ = PROGRAMS[name]
    module = traced(torch, program, concrete)
    wanted = result_and_gradients(program, name)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert twin.code == module.code and str(twin.graph) == str(module.graph)
        assert twin.graph.owning_module is twin and twin.graph is not module.graph
        assert list(twin.state_dict()) == list(module.state_dict())
        assert_same(result_and_gradients(twin, name), wanted)


# How many elements `picked` gives depends on values: its program is cut there.
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RUN if name != "picked"])
def test_modules_compile(name):
    program, concrete, _ = PROGRAMS[name]
    module = traced(torch, program, concrete)
    wanted = result_and_gradients(program, name)
    compiled = torch.compile(module)
    for _ in range(2):
        assert_same(result_and_gradients(compiled, name), wanted)


def test_a_compiled_module_follows_its_graph():
    module = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    compiled = torch.compile(module)
    x = torch.tensor([-1.0, 2.0])
    assert compiled(x).tolist() == [1, 3]
    (node,) = module.graph.find_nodes(op="call_function", target=torch.relu)
    node.target = torch.neg
    module.recompile()
    assert module(x).tolist() == compiled(x).tolist() == [2, -1]
