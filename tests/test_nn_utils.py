"""Wrappers, names of classes and measuring: what stands around layers."""

import copy
import subprocess
import sys

import pytest

import tidu as torch
from tidu import nn
from tidu.nn.utils import parametrizations, parametrize
from tidu.utils import benchmark

NAMES = """
import pickle, sys
import torch
from torch import nn
print(type(nn.Linear(1, 1)), torch.optim.SGD)
layer = pickle.loads(pickle.dumps(nn.Sequential(nn.Linear(2, 3), nn.ReLU())))
print(type(layer[0]) is nn.Linear, layer(torch.ones(1, 2)).shape)
"""


@pytest.mark.slow
def test_classes_say_where_pytorch_has_them():
    done = subprocess.run(
        [sys.executable, "-m", "tidu", "run", "-c", NAMES], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "<class 'torch.nn.modules.linear.Linear'> <class 'torch.optim.sgd.SGD'>\n"
        "True torch.Size([1, 3])\n"
    )


def test_distributed_data_parallel_of_one_process():
    with pytest.raises(ValueError, match="has not been initialized"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    torch.distributed.init_process_group("gloo", rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
        with wrapped.no_sync():
            wrapped(torch.ones(1, 2)).sum().backward()
        assert wrapped.module.weight.grad.tolist() == [[1.0, 1.0]]
        assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
        frozen = nn.Linear(1, 1).requires_grad_(False)
        with pytest.raises(RuntimeError, match="is not needed"):
            nn.parallel.DistributedDataParallel(frozen)
    finally:
        torch.distributed.destroy_process_group()


def test_parametrized_modules_are_copied_and_cached():
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    twin = copy.deepcopy(layer)
    assert torch.equal(twin.weight, layer.weight) and parametrize.is_parametrized(twin, "weight")
    with torch.no_grad():
        twin.parametrizations.weight.original0.mul_(2)
    assert not torch.equal(twin.weight, layer.weight)
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert layer.weight is not layer.weight
    layer.weight = torch.ones(2, 3)
    assert torch.allclose(layer.weight, torch.ones(2, 3))
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and torch.allclose(layer.weight, torch.ones(2, 3))


def test_attention_has_one_way():
    with nn.attention.sdpa_kernel([nn.attention.SDPBackend.MATH]):
        x = torch.rand(1, 2, 3, 4)
        assert nn.functional.scaled_dot_product_attention(x, x, x).shape == x.shape
    with pytest.raises(AssertionError, match="SDPBackend"):
        with nn.attention.sdpa_kernel("math"):
            pass


def test_timer():
    timer = benchmark.Timer("f(x)", globals={"f": abs, "x": -1}, label="abs", num_threads=1)
    measured = timer.blocked_autorange(min_run_time=0.005)
    assert measured.median > 0 and "abs" in repr(measured)
    assert timer.timeit(10).mean > 0 and timer.adaptive_autorange(max_run_time=0.01).times
    with pytest.raises(ValueError, match="str"):
        benchmark.Timer(abs)
    one, two = benchmark.Timer("1").timeit(5), benchmark.Timer("2").timeit(5)
    assert len(str(benchmark.Compare([one, two])).splitlines()) == 3


def test_skip_init_draws_nothing():
    torch.manual_seed(0)
    nn.utils.skip_init(nn.Linear, 3, 3)
    first = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(first, torch.rand(1))


def test_model_zoo_is_the_hub():
    assert torch.utils.model_zoo.load_url is torch.hub.load_state_dict_from_url
