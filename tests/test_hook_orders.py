"""In which order leaves with hooks are served: what the graph tells at once is what following the
engine's heap gives."""

import random
import sys
from pathlib import Path

import pytest

import tidu
from tidu.autograd import order

sys.path.insert(0, str(Path(__file__).parent))
from programs.hook_orders import NETWORKS


def both_ways(seeds):
    """The leaves by `_ends`, if no three share their last step, and by `_served`."""
    ends = order._ends(seeds)
    found = sorted(ends.values(), key=order._age)
    quick = [id(end.leaf) for end in found]
    slow = [id(leaf) for leaf in order._served(seeds) if id(leaf) in ends]
    return (None if order._share_one(found) else quick), slow


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name):
    tidu.manual_seed(0)
    module, forward = NETWORKS[name](tidu)
    quick, slow = both_ways([(forward().sum()._node, None)])
    assert len(slow) >= len(list(module.parameters()))
    assert quick in (None, slow)


@pytest.mark.parametrize("name", ["perceptron", "linear on sequences", "transformer", "tied"])
def test_layers_need_no_heap(name, monkeypatch):
    module, forward = NETWORKS[name](tidu)
    seen = []
    for p in module.parameters():
        p.register_hook(lambda g: seen.append(1))
    monkeypatch.delattr(order, "_served")
    forward().sum().backward()
    assert len(seen) == len(list(module.parameters()))


@pytest.mark.parametrize("seed", range(40))
def test_random_graph(seed):
    draw = random.Random(seed)
    leaves = [tidu.ones(2, 2, requires_grad=True) for _ in range(6)]
    values, choices = list(leaves), [
        lambda a, b: a * b, lambda a, b: a + b, lambda a, b: a @ b, lambda a, b: a.t() - b[0],
        lambda a, b: tidu.nn.functional.linear(a, b, b[1]), lambda a, b: a.exp() / b,
        lambda a, b: tidu.lerp(a, b, 0.5), lambda a, b: tidu.stack([a, b]).sum(0),
        lambda a, b: a.unbind()[1] * b,
    ]  # fmt: skip
    for _ in range(12):
        values.append(draw.choice(choices)(draw.choice(values), draw.choice(values[-4:])))
    seeds = [(value._node, None) for value in draw.sample(values[6:], 3) if value._node]
    quick, slow = both_ways(seeds)
    assert quick in (None, slow)
    assert len(slow) == len(set(slow))
