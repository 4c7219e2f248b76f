"""`tidu check`: which names it reads from a program, and what it says about them."""

import ast
import json
import sys
import textwrap
from types import ModuleType

import pytest

from tidu.cli import lookup
from tidu.cli.main import main
from tidu.cli.names import torch_uses


def uses(text):
    return [(use.line, use.name) for use in torch_uses(ast.parse(textwrap.dedent(text)))]


def names(text):
    return {name for _, name in uses(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import torch\ntorch.nn.Linear(1, 2)", {"torch", "torch.nn.Linear"}),
        ("import torch as t\nt.zeros(1)", {"torch", "torch.zeros"}),
        ("import torch.nn as nn\nnn.ReLU", {"torch.nn", "torch.nn.ReLU"}),
        ("import torch.nn.functional\ntorch.relu", {"torch.nn.functional", "torch.relu"}),
        ("from torch import nn\nnn.ReLU()", {"torch.nn", "torch.nn.ReLU"}),
        ("from torch.nn import Linear as L\nL(1, 2)", {"torch.nn.Linear"}),
        ("from torch.nn import *", {"torch.nn"}),
        ("from torchvision import datasets", {"torchvision.datasets"}),
        ("from .torch import nn\nnn.absent", set()),
        ("import numpy as torch\ntorch.absent", set()),
        ("def f(torch):\n  return torch.absent", set()),
        ("import torch\ndef f():\n  return torch.late", {"torch", "torch.late"}),
        ("def f():\n  return torch.late\nimport torch", {"torch", "torch.late"}),
        ("import torch\ndef f():\n  torch = 1\n  return torch.absent", {"torch"}),
        ("import torch\nclass A:\n  x = 1\n  def f(self): return torch.b", {"torch", "torch.b"}),
        ("import torch\nclass A(torch.nn.Module): pass", {"torch", "torch.nn.Module"}),
        ("import torch\n[torch.x for torch in y]", {"torch"}),
        ("import torch\n[torch.x for _ in y]", {"torch", "torch.x"}),
        ("import torch\n@torch.no_grad()\ndef f(): pass", {"torch", "torch.no_grad"}),
        ("import torch\ngetattr(torch, 'a')\ngetattr(torch, 'b', None)", {"torch", "torch.a"}),
        ("import importlib\nimportlib.import_module('torch.a')", {"torch.a"}),
        ("import torch\ntorch.own = 1\ntorch.own", {"torch"}),
    ],
)
def test_imports_and_chains(text, expected):
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("x = torch.zeros(1)\nx.absent()", "absent"),
        ("torch.zeros(1).absent", "absent"),
        ("torch.zeros(1).sum().absent()", "absent"),
        ("x = torch.zeros(1)\nx = x + 1\nx.grad.absent", "absent"),
        ("x = torch.zeros(1)\ny = -(2 * x)[0]\ny.absent", "absent"),
        ("def f(x: torch.Tensor):\n  return x.absent", "absent"),
        ("x = torch.nn.functional.relu(y)\nx.absent", "absent"),
    ],
)
def test_certain_tensors(text, method):
    assert f"torch.Tensor.{method}" in names("import torch\n" + text)


@pytest.mark.parametrize(
    "text",
    [
        "x = unknown()\nx.absent",
        "x = torch.zeros(1)\nx = unknown()\nx.absent",
        "x = torch.zeros(1)\nfor x in y: x.absent",
        "x = torch.zeros(1).tolist()\nx.absent",
        "x, y = torch.zeros(2)\nx.absent",
        "def f(x): return x.absent",
        "x = torch.zeros(1)\nx.mine = 1\nx.mine",
    ],
)
def test_uncertain_variables_are_left_alone(text):
    assert not names("import torch\n" + text) & {"torch.Tensor.absent", "torch.Tensor.mine"}


@pytest.mark.parametrize(
    "text",
    [
        "try:\n  from torch.absent import x\nexcept ImportError:\n  x = None",
        "import torch\ntry:\n  torch.absent\nexcept (AttributeError, TypeError):\n  pass",
        "import torch\nif hasattr(torch, 'absent'):\n  torch.absent()",
        "import torch\ny = torch.absent() if hasattr(torch, 'absent') else 0",
    ],
)
def test_guarded_names_do_not_count(text):
    assert not any("absent" in name for name in names(text))


def test_a_guard_ends_with_its_block():
    text = "import torch\nif hasattr(torch, 'a'):\n  torch.a\nelse:\n  torch.a\ntorch.a"
    assert [line for line, name in uses(text) if name == "torch.a"] == [5, 6]


@pytest.fixture
def probe(monkeypatch):
    """A small module known as tidu.probe, and so as torch.probe."""
    module = ModuleType("tidu.probe")
    module.Known = type("Known", (), {"method": 1, "__annotations__": {"declared": int}})
    module.relu = len
    module.nothing = None
    monkeypatch.setitem(sys.modules, "tidu.probe", module)
    lookup.missing_part.cache_clear()
    yield module
    lookup.missing_part.cache_clear()
    lookup.meant.cache_clear()


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("torch", None),
        ("torch.probe.relu", None),
        ("torch.probe.relu.anything", None),
        ("torch.probe.nothing", None),
        ("torch.probe.Known.method", None),
        ("torch.probe.Known.declared", None),
        ("torch.probe.Known.absent", "torch.probe.Known.absent"),
        ("torch.probe.absent.more", "torch.probe.absent"),
        ("torch.absent.more", "torch.absent"),
    ],
)
def test_missing_part(probe, name, missing):
    assert lookup.missing_part(name) == missing


@pytest.fixture
def script(tmp_path, probe):
    path = tmp_path / "script.py"
    path.write_text("import torch.probe as p\np.relu(1)\np.rleu(p.Known().absent)\np.rleu(2)\n")
    return path


def test_text(script, capsys):
    assert main(["check", str(script)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{script}:3:1: tidu has no torch.probe.rleu (did you mean torch.probe.relu?)",
        f"{script}:4:1: tidu has no torch.probe.rleu (did you mean torch.probe.relu?)",
        f"{script}: uses 4 names of torch, 1 of them missing",
    ]


def test_json(script, capsys):
    assert main(["check", "--json", str(script)]) == 1
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["path"], file["names"], len(file["missing"])) == (str(script), 4, 2)
    first = {"line": 3, "column": 1, "name": "torch.probe.rleu", "suggestion": "torch.probe.relu"}
    assert file["missing"][0] == first


def test_nothing_missing(tmp_path, probe, capsys):
    (tmp_path / "a.py").write_text("import torch.probe\ntorch.probe.relu")
    (tmp_path / "b.py").write_text("import numpy")
    assert main(["check", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("tidu has all 2 names of torch that it uses")
    assert second.endswith("uses no names of torch")


@pytest.mark.parametrize(
    ("content", "message"), [(b"x = (", "line 1"), (None, "No such file"), (b"\xff\xfe\0", "")]
)
def test_unreadable(tmp_path, capsys, content, message):
    path = tmp_path / "bad.py"
    if content is not None:
        path.write_bytes(content)
    assert main(["check", str(path)]) == 2
    assert message in capsys.readouterr().err
