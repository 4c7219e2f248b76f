"""Packages written for PyTorch, run by tidu: their results are those that PyTorch printed.

`data/third_parties/NAME_.py` is a program that uses the package, NAME.txt what it printed with
PyTorch 2.13. Each is skipped where its package is missing, which pytest's summary and the last
lines of `.ci/run` say; CI installs all of them.
"""

import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "data" / "third_parties"
PROGRAMS = sorted(FOLDER.glob("*_.py"))
NEEDS = {
    "gpytorch": ["gpytorch", "linear_operator", "jaxtyping", "sklearn"],
    "lightning": ["lightning", "lightning_utilities", "torchmetrics", "fsspec", "yaml"],
    "nflows": ["nflows", "tqdm"],
    "opacus": ["opacus", "opt_einsum"],
    "pytorch_metric_learning": ["pytorch_metric_learning", "sklearn"],
    "timm": ["timm", "safetensors", "huggingface_hub", "yaml"],
    "torchsde": ["torchsde", "trampoline", "boltons"],
    "pyro": ["pyro", "pyroapi", "opt_einsum", "tqdm"],
    "skorch": ["skorch", "sklearn"],
    "torch_optimizer": ["torch_optimizer", "pytorch_ranger"],
    "torchmetrics": ["torchmetrics", "lightning_utilities"],
}


def need(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: nothing shows here that it works on tidu")


def run(arguments, folder):
    done = subprocess.run([sys.executable, "-W", "ignore", *arguments], cwd=folder,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_package_runs_as_with_pytorch(program, tmp_path):
    name = program.stem.rstrip("_")
    need(*NEEDS.get(name, [name]))
    printed = run(["-m", "tidu", "run", str(program)], tmp_path)
    assert printed == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_there_are_programs_for_all():
    names = {path.stem.rstrip("_") for path in PROGRAMS}
    assert names == {"einops", "gpytorch", "higher", "lightning", "matplotlib", "nflows", "opacus",
                     "opt_einsum", "pandas", "pyro", "pytorch_metric_learning", "safetensors",
                     "skorch", "timm", "torch_optimizer", "torchdiffeq", "torchmetrics",
                     "torchsde", "tqdm", "transformers", "zuko"}  # fmt: skip


@pytest.mark.parametrize("order", ["einops, tidu as torch", "tidu as torch, einops"])
def test_einops_knows_tidu_without_the_command(order, tmp_path):
    need("einops")
    program = f"""
        import {order}
        import numpy as np
        x = torch.arange(6.0).reshape(2, 3).requires_grad_()
        y = einops.reduce(einops.rearrange(x, "a b -> b a"), "b a -> b", "sum")
        y.sum().backward()
        print(y.tolist(), x.grad.tolist(), einops.rearrange(np.ones((2, 3)), "a b -> b a").shape)
    """
    printed = run(["-c", textwrap.dedent(program)], tmp_path)
    assert printed == "[3.0, 5.0, 7.0] [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]] (3, 2)\n"


def test_safetensors_are_mapped_not_read(tmp_path):
    need("safetensors")
    program = """
        import resource, torch
        from safetensors.torch import load_file, save_file
        save_file({"x": torch.zeros(60, 1 << 20)}, "large.safetensors")
        del torch.testing
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tensors = load_file("large.safetensors")
        print(tensors["x"].shape, tensors["x"][-1, -1].item())
        tensors["x"][0, 0] = 5.0
        print(load_file("large.safetensors")["x"][0, 0].item())
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert grown < 60, grown  # of 240 MiB
    """
    program = textwrap.dedent(program).replace("del torch.testing\n", "")
    printed = run(["-m", "tidu", "run", "-c", program], tmp_path)
    assert printed == "torch.Size([60, 1048576]) 0.0\n0.0\n"
