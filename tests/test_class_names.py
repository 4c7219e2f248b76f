"""Classes print under PyTorch's names, and what is pickled finds its class without PyTorch."""

import copy
import inspect
import io
import pickle
import subprocess
import sys

import pytest

import tidu as torch
from tidu import nn, optim
from tidu.utils import data

WORDS = {
    nn.Linear: "torch.nn.modules.linear.Linear",
    nn.GRUCell: "torch.nn.modules.rnn.GRUCell",
    nn.MultiheadAttention: "torch.nn.modules.activation.MultiheadAttention",
    nn.Module: "torch.nn.modules.module.Module",
    nn.Parameter: "torch.nn.parameter.Parameter",
    nn.ParameterList: "torch.nn.modules.container.ParameterList",
    nn.DataParallel: "torch.nn.parallel.data_parallel.DataParallel",
    optim.SGD: "torch.optim.sgd.SGD",
    optim.AdamW: "torch.optim.adamw.AdamW",
    optim.Rprop: "torch.optim.rprop.Rprop",
    optim.lr_scheduler.OneCycleLR: "torch.optim.lr_scheduler.OneCycleLR",
    data.DataLoader: "torch.utils.data.dataloader.DataLoader",
    data.TensorDataset: "torch.utils.data.dataset.TensorDataset",
    torch.Tensor: "torch.Tensor",
    torch.Size: "torch.Size",
    torch.device: "torch.device",
    torch.dtype: "torch.dtype",
    torch.distributions.Normal: "torch.distributions.normal.Normal",
    torch.distributions.MultivariateNormal: (
        "torch.distributions.multivariate_normal.MultivariateNormal"
    ),
}


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_printed_names(kind):
    assert str(kind) == f"<class '{WORDS[kind]}'>"


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.GRUCell(3, 2))
        self.extra = nn.ParameterList([nn.Parameter(torch.ones(1))])
        self.shape = torch.Size([1, 2])
        self.kind, self.place = torch.float64, torch.device("cpu")


def test_pickled_objects_come_back():
    model = Own()
    back = pickle.loads(pickle.dumps(model))
    assert type(back) is Own and [type(m) for m in back.modules()] == [
        type(m) for m in model.modules()
    ]
    for a, b in zip(model.state_dict().values(), back.state_dict().values()):
        assert torch.equal(a, b)
    assert back.shape == (1, 2) and back.kind is torch.float64 and back.place == model.place
    optimizer = optim.AdamW(model.parameters(), lr=0.5)
    assert pickle.loads(pickle.dumps(optimizer)).param_groups[0]["lr"] == 0.5
    data_set = data.TensorDataset(torch.arange(3))
    assert pickle.loads(pickle.dumps(data.Subset(data_set, [1])))[0][0] == 1
    normal = torch.distributions.Normal(torch.zeros(1), torch.ones(1))
    assert pickle.loads(pickle.dumps(normal)).mean == 0
    assert type(copy.deepcopy(model).layers[0]) is nn.Linear


@pytest.mark.slow
def test_both_ways_of_running_say_the_same():
    program = "print(type(torch.nn.Linear(1, 1)), type(torch.optim.Adam([torch.ones(1)])))"
    plain = [sys.executable, "-c", "import tidu as torch; " + program]
    served = [sys.executable, "-m", "tidu", "run", "-c", "import torch; " + program]
    texts = {subprocess.run(way, capture_output=True, text=True).stdout for way in (plain, served)}
    assert texts == {"<class 'torch.nn.modules.linear.Linear'> <class 'torch.optim.adam.Adam'>\n"}


PICKLED = """
import pickle, sys, types
import torch
import torch.autograd.forward_ad, torch.func, torch.library, torch.nested, torch.fx, torch.special
import torch.serialization.files, torch.serialization.legacy, torch.serialization.names
import torch.nn.utils.parametrize, torch.optim.swa_utils, torch.utils.checkpoint, torch.utils.data

KINDS = (type, types.FunctionType)
lost, count = [], 0
modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == "torch"]
inner = ("tidu.ops", "tidu.core", "tidu.primitives", "tidu.compiler", "tidu._")
modules = {m for m in modules if not m.__name__.startswith(inner)}
for place in [*modules, torch.Tensor]:
    for name in getattr(place, "__all__", None) or dir(place):
        value = getattr(place, name, None)
        if name.startswith("_") or not isinstance(value, KINDS):
            continue
        if value.__module__.partition(".")[0] in ("tidu", "torch"):
            count += 1
            try:
                assert pickle.loads(pickle.dumps(value)) is value
            except Exception as error:
                lost.append(f"{place.__name__}.{name}: {error}")
print(count, *lost, sep="\\n")
"""


@pytest.mark.slow
def test_public_functions_and_classes_are_pickled():
    served = [sys.executable, "-m", "tidu", "run", "-c", PICKLED]
    count, *lost = subprocess.run(
        served, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert int(count) > 2500 and not lost, lost


CLASSES = (
    nn.ReLU, nn.GRUCell, nn.Parameter, optim.SGD, data.DataLoader, torch.Tensor, torch.Size,
    torch.dtype, torch.device, torch.FloatTensor, torch.Generator, torch.distributions.Normal,
    optim.lr_scheduler.StepLR, torch.linalg.norm, torch.fft.fft, nn.init.kaiming_uniform_,
)  # fmt: skip


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.kinds, self.act = list(CLASSES), nn.ReLU


@pytest.mark.slow
def test_classes_of_torch_are_pickled_as_values():
    held = Holder()
    for back in (pickle.loads(pickle.dumps(held)), copy.deepcopy(held), saved_and_loaded(held)):
        assert back.act is nn.ReLU and all(map(lambda a, b: a is b, back.kinds, CLASSES))
    assert pickle.loads(pickle._dumps(CLASSES)) == CLASSES  # pickle's own Python code
    assert str(nn.ReLU) == "<class 'torch.nn.modules.activation.ReLU'>"
    assert inspect.getsource(nn.ReLU).startswith("class ReLU")
    assert nn.ReLU.__module__ == "torch.nn.modules.activation"
    assert nn.ReLU.__module__.partition(".")[0] == "torch"


def saved_and_loaded(value):
    file = io.BytesIO()
    torch.save(value, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)
