"""Hooks in compiled functions: each fires as often, in the order and with the values of eager runs.

Programs whose hooks are functions of tensors are compiled whole; others warn once, with the line.
"""

import warnings

import hook_networks
import hook_programs
import pytest
from outcomes import same

import tidu
import tidu.nn.utils.parametrizations
import tidu.utils.checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated"),
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
]

NETWORKS = [*hook_networks.WHOLE, *hook_networks.CUT]


def found(library, program, compile, *inside):
    library.manual_seed(0)
    return program(library, compile, *inside)


def plainly(function):
    return function


def compiled(program, *inside):
    """What it gives compiled, and the warnings about that."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        result = found(tidu, program, tidu.compile, *inside)
    eager = "deprecated", "Full backward hook is firing", "create_graph=True"
    messages = [str(w.message) for w in heard]
    return result, [text for text in messages if not any(words in text for words in eager)]


@pytest.mark.parametrize("name", hook_programs.WHOLE)
def test_whole(name):
    program = hook_programs.WHOLE[name]
    result, heard = compiled(program)
    same(found(tidu, program, plainly), result)
    assert not heard


@pytest.mark.parametrize("name", hook_programs.CUT)
def test_cut(name, capsys):
    program, words = hook_programs.CUT[name]
    expected = found(tidu, program, plainly)
    printed = capsys.readouterr().out
    result, heard = compiled(program)
    same(expected, result)
    assert capsys.readouterr().out == printed
    assert len(heard) == 1 and words in heard[0].partition("\n")[2]


@pytest.mark.parametrize("name", hook_programs.CUT)
def test_full_graph_refuses(name):
    program, words = hook_programs.CUT[name]
    with pytest.raises(RuntimeError, match="cannot be compiled as one graph") as error:
        found(tidu, program, lambda f: tidu.compile(f, fullgraph=True))
    assert words in str(error.value)


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, inside):
    program, words = hook_networks.CUT.get(name, (hook_networks.WHOLE.get(name), {}))
    result, heard = compiled(program, inside)
    same(found(tidu, program, plainly, inside), result)
    wanted = words.get(inside)
    assert len(heard) == (wanted is not None)
    assert wanted is None or wanted in heard[0]


@pytest.mark.parametrize("name", [*hook_programs.WHOLE, *hook_programs.CUT])
def test_programs_against_pytorch(name):
    torch = pytest.importorskip("torch")
    program = hook_programs.WHOLE.get(name) or hook_programs.CUT[name][0]
    assert_alike(found(torch, program, plainly), found(tidu, program, plainly))


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_against_pytorch(name, inside):
    torch = pytest.importorskip("torch")
    program = hook_networks.WHOLE.get(name) or hook_networks.CUT[name][0]
    assert_alike(found(torch, program, plainly, inside), found(tidu, program, plainly, inside))


def assert_alike(theirs, ours):
    if isinstance(theirs, (list, tuple)):
        assert len(theirs) == len(ours)
        for a, b in zip(theirs, ours, strict=True):
            assert_alike(a, b)
    elif hasattr(theirs, "detach"):
        assert tuple(theirs.shape) == tuple(ours.shape)
        assert theirs.detach().flatten().tolist() == pytest.approx(
            ours.detach().flatten().tolist(), rel=1e-4, abs=1e-5
        )
    else:
        assert theirs == ours


def test_the_fast_path_serves_and_sees_hooks(general):
    """Hooks of other tensors leave the fast path as it is."""
    w, other = [tidu.ones(4, requires_grad=True) for _ in range(2)]
    w.register_hook(lambda g: g * 2)

    @tidu.compile
    def step(x):
        (w * x).sum().backward()
        return x * 2

    x = tidu.ones(4)
    for _ in range(4):
        step(x)
    general.clear()
    for _ in range(40):
        other.register_hook(lambda g: g).remove()
        step(x)
    assert not general
    w.register_hook(lambda g: g * 10)
    was = w.grad.clone()
    step(x)
    assert general and (w.grad - was).tolist() == [20.0] * 4
