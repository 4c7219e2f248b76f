"""Saving and loading whole modules: which classes a file may name, and that no code of it runs."""

import argparse
import collections
import dataclasses
import enum
import functools
import io
import os
import pickle
import subprocess
import sys
import textwrap
import zipfile

import pytest

import tidu as torch
from tidu import nn
from tidu.nn import functional as F
from tidu.serialization import LoadError, safe_globals

CALLED: list = []


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
        self.act = F.gelu
        self.kind = nn.Linear
        self.register_buffer("mean", torch.ones(1), persistent=False)
        self.numbers = {"a": [1, 2.5], "b": (torch.Size([1]), None)}
        self.shared = self.body[0]

    def forward(self, x):
        return self.act(self.body(x))


class Noisy(nn.Module):
    """Code of the program that a file must not reach."""

    def __new__(cls, *args):
        CALLED.append("new")
        return super().__new__(cls)

    def __setstate__(self, state):
        CALLED.append("setstate")
        super().__setstate__(state)


@dataclasses.dataclass
class Settings:
    width: int = 3


class Colour(enum.Enum):
    RED = 1


def written(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def read(data, **options):
    return torch.load(io.BytesIO(data), **options)


def test_a_module_comes_back():
    net = Net().eval()
    back = read(written(net), weights_only=False)
    x = torch.randn(5, 3)
    assert type(back) is Net and not back.training and back.act is F.gelu
    assert torch.equal(net(x), back(x)) and back.kind is nn.Linear
    assert back.shared is back.body[0] and "mean" not in back.state_dict()
    assert back.numbers == {"a": [1, 2.5], "b": (torch.Size([1]), None)}
    back(x).sum().backward()
    assert back.body[0].weight.grad is not None
    assert repr(back) == repr(net)


def test_by_default_modules_are_refused():
    with pytest.raises(LoadError) as caught:
        read(written(Net()))
    first = "Weights only load failed. This file can still be loaded, to do so you have two options"
    assert str(caught.value).startswith(first)
    place = f"{__name__}.Net"
    assert f"Unsupported global: GLOBAL {place} was not an allowed global by default" in str(
        caught.value
    )
    assert f"add_safe_globals([{place}])" in str(caught.value)
    kinds = [Net, nn.Sequential, nn.Linear, nn.BatchNorm1d, nn.ReLU, F.gelu]
    with safe_globals(kinds):
        assert type(read(written(Net()))) is Net
    with safe_globals([k for k in kinds if k is not nn.ReLU]), pytest.raises(LoadError):
        read(written(Net()))


def test_no_code_of_the_classes_runs():
    CALLED.clear()
    data = written(Noisy())
    CALLED.clear()
    assert type(read(data, weights_only=False)) is Noisy
    assert not CALLED
    with safe_globals([Noisy]):
        read(data)
    assert CALLED == ["setstate"]


def test_other_objects_need_to_be_listed():
    things = [argparse.Namespace(lr=0.1, sizes=[1]), Settings(5), Colour.RED,
              functools.partial(F.relu, inplace=True), collections.deque([1, 2])]  # fmt: skip
    data = written(things)
    with pytest.raises(LoadError, match=r"add_safe_globals\(\[argparse\.Namespace\]\)"):
        read(data)
    kinds = [argparse.Namespace, Settings, Colour, functools.partial, F.relu, collections.deque]
    with safe_globals(kinds):
        back = read(data)
    assert back[0] == things[0] and back[1] == Settings(5) and back[2] is Colour.RED
    assert back[3].func is F.relu and back[3].keywords == {"inplace": True}
    assert back[4] == collections.deque([1, 2])
    with safe_globals([(Settings, f"{__name__}.OldName")]):
        renamed = data_with(written(Settings(7)), b"Settings", b"OldName")
        assert read(renamed) == Settings(7)


def data_with(data, old, new):
    """The same archive with another name in its pickle."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            archive.writestr(name, content.replace(old, new) if name.endswith(".pkl") else content)
    return target.getvalue()


@pytest.mark.parametrize(
    "place",
    [b"cos\nsystem\n", b"cbuiltins\neval\n", b"cbuiltins\ngetattr\n", b"csubprocess\nPopen\n",
     b"ctidu\nload\n", b"ctorch\nload\n", b"ctidu.serialization\nload\n", b"cpickle\nloads\n",
     b"ctorch.nn.functional\n__builtins__\n", b"ctorch.nn.functional\nmath\n",
     b"ctorch.hub\nload\n", b"ctorch._utils\n_flatten_dense_tensors\n", b"cantigravity\nfly\n",
     b"ctidu.cli.run\nexecute\n", b"cio\nopen\n"],
)  # fmt: skip
def test_hostile_files_stay_refused(place, tmp_path):
    before = set(sys.modules)
    for tail in (b"(X\x01\x00\x00\x00atR.", b")\x81.", b")R.", b".", b"(]tR}b."):
        data = b"\x80\x02" + place + tail
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x/data.pkl", data)
            archive.writestr("x/version", "3\n")
        with pytest.raises(LoadError):
            read(file.getvalue(), weights_only=False)
    assert set(sys.modules) == before


def test_functions_may_be_named_and_never_called():
    named = b"\x80\x02ctorch.nn.functional\nrelu\n"
    for tail, fine in ((b".", True), (b"(K\x01tR.", False), (b")\x81.", False), (b"}b.", False)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x/data.pkl", named + tail)
            archive.writestr("x/version", "3\n")
        if fine:
            assert read(file.getvalue(), weights_only=False) is F.relu
        else:
            with pytest.raises(LoadError):
                read(file.getvalue(), weights_only=False)


def test_a_class_that_is_gone():
    data = data_with(written(Net()), b"Net", b"Gone")
    with pytest.raises(LoadError, match="Can't get attribute 'Gone' on module") as caught:
        read(data, weights_only=False)
    assert "define or import the class before loading" in str(caught.value)


def test_what_has_no_name_is_not_saved(tmp_path):
    net = Net()
    net.act = lambda x: x
    path = tmp_path / "net.pt"
    torch.save({"old": 1}, path)
    with pytest.raises(pickle.PicklingError, match=r"Can't pickle .*<lambda>") as caught:
        torch.save(net, path)
    assert "state_dict" in str(caught.value)
    assert torch.load(path) == {"old": 1} and os.listdir(tmp_path) == ["net.pt"]

    class Local(nn.Module):
        pass

    with pytest.raises(pickle.PicklingError, match="not found as"):
        torch.save(Local(), path)


def test_python_s_own_pickle_reads_nothing_of_it_differently():
    with zipfile.ZipFile(io.BytesIO(written(Settings(4)))) as archive:
        assert pickle.loads(archive.read("archive/data.pkl")) == Settings(4)


@pytest.mark.slow
def test_the_tutorial(tmp_path):
    program = """
        import torch
        from torch import nn
        class TheModelClass(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(1, 2, 3)
                self.fc = nn.LSTM(4, 3)
            def forward(self, x):
                return self.conv(x)
        model = TheModelClass()
        torch.save(model, "model.pth")
        model = torch.load("model.pth", weights_only=False)
        model.eval()
        print(type(model), model(torch.ones(1, 1, 3, 3)).shape, model.fc(torch.ones(1, 4))[0].shape)
    """
    run = subprocess.run([sys.executable, "-m", "tidu", "run", "-c", textwrap.dedent(program)],
                         capture_output=True, text=True, cwd=tmp_path)  # fmt: skip
    assert run.stdout == (
        "<class '__main__.TheModelClass'> torch.Size([1, 2, 1, 1]) torch.Size([1, 3])\n"
    ), run.stderr
